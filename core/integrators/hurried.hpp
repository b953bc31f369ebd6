// The same equations with some directions sped up: x' = (I + K E) f(t, x), where E picks the rates of the fast variables
// and column j of K says how the state moves when fast variable j does while the slow coordinates stand still. Large K
// make x follow the quasi-steady states of these variables, without any elimination.
#pragma once
#include <vector>

#include "problem.hpp"

namespace manyscale {

class Hurried : public Problem {
 public:
  // Entries (row, variable, value) of K: adds value * (rate of state `variable`) to the rate of state `row`. The inner
  // problem has no mass matrix.
  struct Entry {
    int row, variable;
    double value;
  };
  Hurried(Problem& inner, std::vector<Entry> entries);
  int size() const override { return inner_.size(); }
  void rhs(double t, const double* y, double* dydt) override;
  const SparsePattern& pattern() const override { return pattern_; }
  void jacobian(double t, const double* y, double* values) override;
  bool is_autonomous() const override { return inner_.is_autonomous(); }
  void time_derivative(double t, const double* y, double* dfdt) override;
  int root_count() const override { return inner_.root_count(); }
  void roots(double t, const double* y, double* values) override { inner_.roots(t, y, values); }

 private:
  struct Product {
    int to, from;  // entries of pattern_, of the inner pattern
    double value;
  };
  void spread(const double* rates, double* out) const;
  Problem& inner_;
  std::vector<Entry> entries_;
  SparsePattern pattern_;
  std::vector<int> place_;  // of the inner entries in pattern_
  std::vector<Product> products_;
  std::vector<double> inner_values_, rates_;
};

}  // namespace manyscale
