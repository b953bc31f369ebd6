// Equations with delays: the delayed values are the last parameters, set from the history before each evaluation.
#pragma once
#include "equations.hpp"
#include "integrators/history.hpp"

namespace manyscale {

class DelayedEquations : public Problem {
 public:
  // One output per delayed value: its lag, what is delayed, and the same for times before the start (as a function of
  // time and the state at the start). Delayed values inside these formulas are taken at the time asked for.
  DelayedEquations(Equations& equations, std::vector<double> p, Formulas lags, Formulas arguments, Formulas past)
      : equations_(equations), p_(std::move(p)), lags_(std::move(lags)), arguments_(std::move(arguments)),
        past_(std::move(past)), count_(lags_.program.slot.size()), lag_(count_), value_(count_),
        found_(count_), then_(equations.size() + count_) {}
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
  int extra() const override { return static_cast<int>(count_); }
  // What the history keeps beside y: the delayed values themselves, which other delayed values may look back at.
  void remember(double t, const double* y, double* extra) override {
    look_back(t, y);
    std::copy(value_.begin(), value_.end(), extra);
  }

 private:
  double* delayed_values() { return p_.data() + (p_.size() - count_); }

  void look_back(double t, const double* y) {
    // Twice where a lag is itself made of delayed values.
    for (int pass = 0; pass < 2; ++pass) {
      evaluate(lags_, 1, &t, y, p_.data(), false, lag_.data());
      for (size_t k = 0; k < count_; ++k) value_[k] = value(k, t, t - lag_[k], y);
      const bool same = std::equal(value_.begin(), value_.end(), delayed_values());
      std::copy(value_.begin(), value_.end(), delayed_values());
      if (same) break;
    }
    equations_.set_parameters(p_.data());
  }

  double value(size_t k, double now, double then, const double* y) {
    const double begin = history_ ? history_->begin() : now;
    if (then < begin && history_) {
      history_->start_value(then_.data());
      return before_start(k, then, 0);
    }
    if (then < now && history_) history_->evaluate(then, then_.data());
    else std::copy(y, y + size(), then_.begin()), std::copy_n(delayed_values(), count_, then_.begin() + size());
    now_ = std::vector<double>(p_.end() - count_, p_.end());
    std::copy_n(then_.begin() + size(), count_, delayed_values());
    evaluate(arguments_, 1, &then, then_.data(), p_.data(), false, found_.data());
    std::copy(now_.begin(), now_.end(), delayed_values());
    return found_[k];
  }

  // Values before the start follow from the initial conditions, delays within delays included.
  double before_start(size_t k, double then, int depth) {
    const std::vector<double> kept(p_.end() - count_, p_.end());
    std::vector<double> lag(count_), found(count_);
    if (depth < 8) {
      evaluate(lags_, 1, &then, then_.data(), p_.data(), false, lag.data());
      if (count_ > 1)
        for (size_t j = 0; j < count_; ++j)
          if (j != k) delayed_values()[j] = before_start(j, then - lag[j], depth + (count_ > 3 ? 4 : 2));
    }
    evaluate(past_, 1, &then, then_.data(), p_.data(), false, found.data());
    std::copy(kept.begin(), kept.end(), delayed_values());
    return found[k];
  }

  Equations& equations_;
  std::vector<double> p_;
  Formulas lags_, arguments_, past_;
  size_t count_;
  std::vector<double> lag_, value_, found_, then_, now_;
  const History* history_ = nullptr;
};

}  // namespace manyscale
