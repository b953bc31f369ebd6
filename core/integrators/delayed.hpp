// Equations with delays: the delayed values are the last parameters, set from the history before each evaluation.
#pragma once
#include "equations.hpp"
#include "integrators/history.hpp"

namespace manyscale {

class DelayedEquations : public Problem {
 public:
  // `lags` and `arguments` have one output per delayed value.
  DelayedEquations(Equations& equations, std::vector<double> p, Formulas lags, Formulas arguments)
      : equations_(equations), p_(std::move(p)), lags_(std::move(lags)), arguments_(std::move(arguments)),
        count_(lags_.program.slot.size()), lag_(count_), value_(count_), past_(equations.size()) {}
  void set_history(const History* history) { history_ = history; }
  void set_parameters(const double* p) { p_.assign(p, p + p_.size()); }
  int size() const override { return equations_.size(); }
  const SparsePattern& pattern() const override { return equations_.pattern(); }
  bool is_autonomous() const override { return equations_.is_autonomous(); }
  const SparsePattern* mass_pattern() const override { return equations_.mass_pattern(); }
  const double* mass_values() const override { return equations_.mass_values(); }
  int root_count() const override { return equations_.root_count(); }
  void rhs(double t, const double* y, double* out) override { look_back(t, y), equations_.rhs(t, y, out); }
  void jacobian(double t, const double* y, double* out) override { look_back(t, y), equations_.jacobian(t, y, out); }
  void time_derivative(double t, const double* y, double* out) override {
    look_back(t, y), equations_.time_derivative(t, y, out);
  }
  void roots(double t, const double* y, double* g) override { look_back(t, y), equations_.roots(t, y, g); }
  // Parameters with the delayed values at (t, y) in place.
  const std::vector<double>& parameters_at(double t, const double* y) {
    look_back(t, y);
    return p_;
  }

 private:
  void look_back(double t, const double* y) {
    evaluate(lags_, 1, &t, y, p_.data(), false, lag_.data());
    std::vector<double> all(count_);
    for (size_t k = 0; k < count_; ++k) {
      const double then = t - lag_[k];
      if (lag_[k] > 0.0 && history_) history_->evaluate(then, past_.data());
      else std::copy(y, y + size(), past_.begin());
      evaluate(arguments_, 1, &then, past_.data(), p_.data(), false, all.data());
      value_[k] = all[k];
    }
    std::copy(value_.begin(), value_.end(), p_.end() - count_);
    equations_.set_parameters(p_.data());
  }
  Equations& equations_;
  std::vector<double> p_;
  Formulas lags_, arguments_;
  size_t count_;
  std::vector<double> lag_, value_, past_;
  const History* history_ = nullptr;
};

}  // namespace manyscale
