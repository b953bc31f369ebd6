#include "integrators/explicit_rk.hpp"

#include <algorithm>

#include "integrators/tsit5.hpp"

namespace manyscale {

using tsit5::stages;

ExplicitRk::ExplicitRk(Problem& problem, const Tolerances& tolerances, Statistics& statistics)
    : Stepper(problem, tolerances, statistics), k_(static_cast<size_t>(n_) * stages), u_(n_), y_new_(n_), error_(n_) {}

void ExplicitRk::start(double t0, const double* y0, const double* f0, double h) {
  t = t_before = t0;
  y.assign(y0, y0 + n_);
  y_before = y;
  std::copy_n(f0, n_, stage(stages - 1));  // first same as last
  std::copy_n(f0, n_, stage(0));
  h_ = h;
  last_error_ = 1e-4;
  stiffness_ = 0.0;
}

double ExplicitRk::attempt(double h) {
  double weight[stages];
  for (int s = 1; s < stages; ++s) {
    double* u = s == stages - 1 ? y_new_.data() : u_.data();
    for (int j = 0; j < s; ++j) weight[j] = h * tsit5::a[s][j];
    combine(s, n_, y.data(), k_.data(), weight, u);
    problem_.rhs(t + tsit5::c[s] * h, u, stage(s));
  }
  statistics_.rhs += stages - 1;
  for (int s = 0; s < stages; ++s) weight[s] = h * tsit5::error[s];
  combine(stages, n_, nullptr, k_.data(), weight, error_.data());
  return weighted_norm(n_, error_.data(), y.data(), y_new_.data(), tolerances_);
}

void ExplicitRk::accept(double h, double error, bool rejected, bool last, double limit) {
  const double now = std::max(error, 1e-10);
  double growth = 0.9 * std::pow(now, -0.17) * std::pow(last_error_, 0.04);
  growth = std::clamp(growth, 0.2, rejected ? 1.0 : 8.0);
  double difference = 0.0, distance = 0.0;  // u_ is the sixth stage, at t + h as well
  const double *k5 = stage(5), *k6 = stage(6);
  for (int i = 0; i < n_; ++i) {
    const double scale = tolerances_.absolute[i] + tolerances_.relative * std::fabs(y_new_[i]);
    const double df = (k6[i] - k5[i]) / scale, dy = (y_new_[i] - u_[i]) / scale;
    difference += df * df, distance += dy * dy;
  }
  stiffness_ = distance > 0.0 ? h * std::sqrt(difference / distance) : 0.0;
  if (!(last && h < 0.5 * h_)) h_ = h * growth;
  last_error_ = std::max(now, 1e-4);
  t_before = t;
  std::swap(y_before, y);
  std::swap(y, y_new_);
  t = last ? limit : t + h;
  ++statistics_.steps, ++statistics_.steps_explicit;
}

StepOutcome ExplicitRk::step(double limit, double h_max) {
  double h = std::min(h_, h_max);
  bool rejected = false;
  std::copy_n(stage(stages - 1), n_, stage(0));
  for (;;) {
    bool last = false;
    if (t + h * 1.0000001 >= limit) h = limit - t, last = true;
    if (!(h >= smallest_step()) && !(last && !rejected)) {
      h_failed = h;
      std::copy_n(stage(0), n_, stage(stages - 1));
      return StepOutcome::too_small;
    }
    const double error = attempt(h);
    not_finite = !std::isfinite(error);
    const int negative = not_finite ? -1 : forbidden(y_new_.data());
    if (error <= 1.0 && negative < 0) {
      accept(h, error, rejected, last, limit);
      return StepOutcome::accepted;
    }
    ++statistics_.rejected;
    rejected = true;
    blame = negative >= 0 ? negative : worst_component(n_, error_.data(), y.data(), tolerances_);
    h *= not_finite ? 0.1 : error > 1.0 ? std::clamp(0.9 * std::pow(error, -0.2), 0.1, 0.8) : 0.5;
  }
}

void ExplicitRk::interpolate(double when, double* out) {
  const double h = t - t_before, theta = h > 0.0 ? (when - t_before) / h : 1.0;
  double weight[stages];
  for (int s = 0; s < stages; ++s) {
    double sum = 0.0;
    for (int r = 3; r >= 0; --r) sum = (sum + tsit5::dense[r][s]) * theta;
    weight[s] = h * sum;
  }
  combine(stages, n_, y_before.data(), k_.data(), weight, out);
}

}  // namespace manyscale
