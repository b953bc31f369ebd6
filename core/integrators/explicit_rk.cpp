#include "integrators/explicit_rk.hpp"

#include <algorithm>

namespace manyscale {

namespace {

constexpr int kStages = 7;
constexpr double c[7] = {0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1};
constexpr double a[7][6] = {{},
                            {1.0 / 5},
                            {3.0 / 40, 9.0 / 40},
                            {44.0 / 45, -56.0 / 15, 32.0 / 9},
                            {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
                            {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
                            {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84}};
constexpr double e[7] = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
constexpr double dense[7] = {-12715105075.0 / 11282082432.0, 0, 87487479700.0 / 32700410799.0,
                             -10690763975.0 / 1880347072.0, 701980252875.0 / 199316789632.0,
                             -1453857185.0 / 822651844.0, 69997945.0 / 29380423.0};

}  // namespace

ExplicitRk::ExplicitRk(Problem& problem, const Tolerances& tolerances, Statistics& statistics)
    : Stepper(problem, tolerances, statistics), k_(static_cast<size_t>(n_) * kStages), u_(n_), y_new_(n_),
      error_(n_), dense_(n_) {}

void ExplicitRk::start(double t0, const double* y0, const double* f0, double h) {
  t = t_before = t0;
  y.assign(y0, y0 + n_);
  y_before = y;
  std::copy_n(f0, n_, stage(6));  // first same as last
  std::copy_n(f0, n_, stage(0));
  h_ = h;
  last_error_ = 1e-4;
  stiffness_ = 0.0;
}

double ExplicitRk::attempt(double h) {
  for (int s = 1; s < kStages; ++s) {
    double* u = s == 6 ? y_new_.data() : u_.data();
    std::copy_n(y.data(), n_, u);
    for (int j = 0; j < s; ++j) {
      const double weight = h * a[s][j];
      if (weight == 0.0) continue;
      const double* k = stage(j);
      for (int i = 0; i < n_; ++i) u[i] += weight * k[i];
    }
    problem_.rhs(t + c[s] * h, u, stage(s));
  }
  statistics_.rhs += 6;
  std::fill(error_.begin(), error_.end(), 0.0);
  for (int s = 0; s < kStages; ++s) {
    const double weight = h * e[s];
    if (weight == 0.0) continue;
    const double* k = stage(s);
    for (int i = 0; i < n_; ++i) error_[i] += weight * k[i];
  }
  return weighted_norm(n_, error_.data(), y.data(), y_new_.data(), tolerances_);
}

StepOutcome ExplicitRk::step(double limit, double h_max) {
  double h = std::min(h_, h_max);
  bool rejected = false;
  std::copy_n(stage(6), n_, stage(0));
  for (;;) {
    bool last = false;
    if (t + h * 1.0000001 >= limit) h = limit - t, last = true;
    if (h < smallest_step() && !last) {
      h_failed = h;
      std::copy_n(stage(0), n_, stage(6));
      return StepOutcome::too_small;
    }
    const double error = attempt(h);
    if (std::isfinite(error) && error <= 1.0) {
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
      dense_ready_ = false;
      ++statistics_.steps, ++statistics_.steps_explicit;
      return StepOutcome::accepted;
    }
    ++statistics_.rejected;
    rejected = true;
    blame = worst_component(n_, error_.data(), y.data(), tolerances_);
    h *= std::isfinite(error) ? std::clamp(0.9 * std::pow(error, -0.2), 0.1, 0.8) : 0.1;
  }
}

void ExplicitRk::interpolate(double when, double* out) {
  const double h = t - t_before;
  if (!dense_ready_) {
    std::fill(dense_.begin(), dense_.end(), 0.0);
    for (int s = 0; s < kStages; ++s) {
      const double* k = stage(s);
      for (int i = 0; i < n_; ++i) dense_[i] += h * dense[s] * k[i];
    }
    dense_ready_ = true;
  }
  const double theta = h > 0.0 ? (when - t_before) / h : 1.0, rest = 1.0 - theta;
  const double *k0 = stage(0), *k6 = stage(6);
  for (int i = 0; i < n_; ++i) {
    const double change = y[i] - y_before[i], r3 = h * k0[i] - change, r4 = change - h * k6[i] - r3;
    out[i] = y_before[i] + theta * (change + rest * (r3 + theta * (r4 + rest * dense_[i])));
  }
}

}  // namespace manyscale
