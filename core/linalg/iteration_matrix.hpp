// a * M - J, factored dense or sparse, whichever is cheaper for the pattern.
#pragma once
#include <memory>
#include <vector>

#include "linalg/dense_lu.hpp"
#include "linalg/sparse_lu.hpp"
#include "problem.hpp"

namespace manyscale {

// Where the entries go and how to factor: depends on the patterns alone.
struct MatrixPlan {
  explicit MatrixPlan(const Problem& problem);
  SparsePattern joint;                         // of M and J together
  std::vector<int> jacobian_place, mass_place;  // entries in joint
  bool sparse = false;
  SparseLu lu;  // analysed where `sparse`
};

class IterationMatrix {
 public:
  explicit IterationMatrix(const Problem& problem);
  // `jacobian` on the problem's pattern. Rows are scaled by the inverse of `size`, one positive number per state, so that
  // pivots are compared in the same unit: states may differ by many orders. False when singular or not finite.
  bool factor(double a, const double* jacobian, const double* size);
  void solve(double* b) const;
  // y = M x; the identity copies.
  void multiply_mass(const double* x, double* y) const;
  bool has_mass() const { return has_mass_; }
  bool is_sparse() const { return plan_->sparse; }

 private:
  bool factor_dense(double a, const double* jacobian);
  bool factor_sparse(double a, const double* jacobian);
  void choose_scales(const double* size);
  const Problem& problem_;
  int n_;
  bool has_mass_;
  std::shared_ptr<const MatrixPlan> plan_;
  std::vector<double> values_;
  std::vector<double> scale_;  // of rows; powers of two
  DenseLu dense_;
  SparseLu sparse_;
};

}  // namespace manyscale
