#include "integrators/bdf.hpp"

#include <algorithm>

namespace manyscale {

namespace {

constexpr double kKappa[6] = {0.0, -0.1850, -1.0 / 9.0, -0.0823, -0.0415, 0.0};
constexpr double kGamma[7] = {0.0, 1.0, 1.5, 11.0 / 6.0, 25.0 / 12.0, 137.0 / 60.0, 147.0 / 60.0};

double alpha(int order) { return (1.0 - kKappa[order]) * kGamma[order]; }
double error_constant(int order) {
  return (order <= 5 ? kKappa[order] * kGamma[order] : 0.0) + 1.0 / (order + 1);
}

constexpr int kIterations = 4;
constexpr double kNewtonShare = 0.01;  // of the tolerance that the error of the nonlinear solution may take
constexpr double kMatrixDrift = 0.3;   // change of c for which a factored matrix still serves
constexpr int kJacobianAge = 50;       // steps
constexpr int kCheapJacobian = 20;     // up to so many states a new factorisation takes a new Jacobian
constexpr double kSafeSame = 0.85, kSafeLower = 0.8, kSafeHigher = 0.75, kWorthwhile = 1.4;

}  // namespace

Bdf::Bdf(Problem& problem, const Tolerances& tolerances, Statistics& statistics)
    : Stepper(problem, tolerances, statistics), matrix_(problem),
      differences_(static_cast<size_t>(n_) * (kMaxOrder + 3)), jacobian_(problem.pattern().nonzeros()),
      prediction_(n_), psi_(n_), correction_(n_), y_new_(n_), f_(n_), delta_(n_), mass_(n_), row_(n_) {}

void Bdf::start(double t0, const double* y0, const double* f0, double h) {
  t = t_before = t0;
  y.assign(y0, y0 + n_);
  y_before = y;
  h_ = h;
  pending_ = 1.0;
  order_ = step_order_ = 1;
  equal_steps_ = 0;
  step_h_ = h;
  rate_ = 0.0;
  std::fill(differences_.begin(), differences_.end(), 0.0);
  for (int i = 0; i < n_; ++i) {
    difference(0)[i] = y0[i];
    difference(1)[i] = h * f0[i];
  }
  have_matrix_ = false;
  jacobian_age_ = 0;
}

// New backward differences for steps of size factor * h: D <- (R U)^T D on the first order + 1 rows.
void Bdf::rescale(double factor) {
  const int m = order_ + 1;
  auto fill = [m](double step, double matrix[6][6]) {
    for (int j = 0; j < m; ++j) matrix[0][j] = 1.0;
    for (int i = 1; i < m; ++i)
      for (int j = 0; j < m; ++j)
        matrix[i][j] = j == 0 ? 0.0 : matrix[i - 1][j] * (i - 1 - step * j) / i;
  };
  double r[6][6], u[6][6], ru[6][6];
  fill(factor, r);
  fill(1.0, u);
  for (int i = 0; i < m; ++i)
    for (int j = 0; j < m; ++j) {
      ru[i][j] = 0.0;
      for (int k = 0; k < m; ++k) ru[i][j] += r[i][k] * u[k][j];
    }
  double old[6];
  for (int c = 0; c < n_; ++c) {
    for (int i = 0; i < m; ++i) old[i] = difference(i)[c];
    for (int j = 0; j < m; ++j) {
      double sum = 0.0;
      for (int i = 0; i < m; ++i) sum += ru[i][j] * old[i];
      difference(j)[c] = sum;
    }
  }
  h_ *= factor;
  equal_steps_ = 0;
}

void Bdf::predict() {
  std::copy_n(difference(0), n_, prediction_.data());
  std::fill(psi_.begin(), psi_.end(), 0.0);
  const double scale = 1.0 / alpha(order_);
  for (int k = 1; k <= order_; ++k) {
    const double* d = difference(k);
    const double weight = kGamma[k] * scale;
    for (int i = 0; i < n_; ++i) {
      prediction_[i] += d[i];
      psi_[i] += weight * d[i];
    }
  }
}

bool Bdf::refresh(bool new_jacobian) {
  if (new_jacobian) {
    problem_.jacobian(t + h_, prediction_.data(), jacobian_.data());
    ++statistics_.jacobians;
    jacobian_age_ = 0;
    row_sum_ = largest_row_sum(problem_.pattern(), jacobian_.data(), row_.data());
  }
  ++statistics_.factorisations;
  have_matrix_ = matrix_.factor(alpha(order_) / h_, jacobian_.data(), sizes(prediction_.data()));
  matrix_c_ = h_ / alpha(order_);
  rate_ = 0.0;
  return have_matrix_;
}

// Simplified Newton iteration for M (psi + d) = c f(t, prediction + d), c = h / alpha. Where the factored matrix
// belongs to another c, the corrections are scaled as if half of the modes were stiff.
Bdf::Newton Bdf::correct(double t_new) {
  const double over_c = alpha(order_) / h_, scale = 2.0 / (1.0 + matrix_c_ * over_c);
  std::fill(correction_.begin(), correction_.end(), 0.0);
  std::copy(prediction_.begin(), prediction_.end(), y_new_.begin());
  double last = 0.0;
  for (int k = 0; k < kIterations; ++k) {
    problem_.rhs(t_new, y_new_.data(), f_.data());
    ++statistics_.rhs;
    for (int i = 0; i < n_; ++i) delta_[i] = (psi_[i] + correction_[i]) * over_c;
    if (matrix_.has_mass()) {
      matrix_.multiply_mass(delta_.data(), mass_.data());
      std::swap(delta_, mass_);
    }
    for (int i = 0; i < n_; ++i) delta_[i] = f_[i] - delta_[i];
    if (!finite(delta_.data())) return Newton::not_finite;
    matrix_.solve(delta_.data());
    for (int i = 0; i < n_; ++i) {
      delta_[i] *= scale;
      correction_[i] += delta_[i];
      y_new_[i] = prediction_[i] + correction_[i];
    }
    const double size = weighted_norm(n_, delta_.data(), prediction_.data(), prediction_.data(), tolerances_);
    if (!std::isfinite(size)) return Newton::not_finite;
    iterations_ = k + 1;
    if (k > 0) {
      const double ratio = size / last;
      rate_ = std::max(0.3 * rate_, ratio);
      if (ratio >= 2.0) return Newton::diverged;
    }
    const double remaining = rate_ > 0.0 ? (rate_ < 1.0 ? rate_ / (1.0 - rate_) * size : 1e300) : size;
    if (size == 0.0 || (rate_ > 0.0 ? remaining : 10.0 * size) < kNewtonShare) return Newton::converged;
    last = size;
  }
  return Newton::diverged;
}

void Bdf::accept(double t_new, double error) {
  t_before = t;
  std::swap(y_before, y);
  y = y_new_;
  t = t_new;
  double *above = difference(order_ + 2), *top = difference(order_ + 1);
  for (int i = 0; i < n_; ++i) {
    above[i] = correction_[i] - top[i];
    top[i] = correction_[i];
  }
  for (int k = order_; k >= 0; --k) {
    double *d = difference(k), *next = difference(k + 1);
    for (int i = 0; i < n_; ++i) d[i] += next[i];
  }
  step_h_ = h_, step_order_ = order_;
  stiffness_ = h_ * row_sum_;
  ++jacobian_age_;
  ++equal_steps_;
  ++statistics_.steps, ++statistics_.steps_bdf;
  pending_ = 1.0;
  if (equal_steps_ >= order_ + 1) choose_order(error);
}

// The order that allows the largest next step; a change must pay for a new factorisation.
void Bdf::choose_order(double error) {
  const double* at = y.data();
  auto size = [&](int order, int k) {
    return std::max(1e-12, std::fabs(error_constant(order)) * weighted_norm(n_, difference(k), at, at, tolerances_));
  };
  const double same = kSafeSame * std::pow(std::max(error, 1e-12), -1.0 / (order_ + 1));
  const double lower = order_ > 1 ? kSafeLower * std::pow(size(order_ - 1, order_), -1.0 / order_) : 0.0;
  const double higher = order_ < std::min(kMaxOrder, tolerances_.most_order)
                            ? kSafeHigher * std::pow(size(order_ + 1, order_ + 2), -1.0 / (order_ + 2)) : 0.0;
  double best = same;
  int order = order_;
  if (lower > best) best = lower, order = order_ - 1;
  if (higher > best) best = higher, order = order_ + 1;
  const double factor = std::min(10.0, best);
  if (factor < kWorthwhile && factor > 0.9 && order == order_) return;  // keeps the factorisation
  order_ = order;
  pending_ = factor;
}

// Newton's iteration with the matrix at hand if it is near enough, else with a new one, at last with a new Jacobian.
Bdf::Newton Bdf::solve_step(double t_new) {
  const double drift = have_matrix_ ? h_ / alpha(order_) / matrix_c_ : 0.0;
  const bool keep = have_matrix_ && std::fabs(drift - 1.0) <= kMatrixDrift && jacobian_age_ < kJacobianAge;
  Newton outcome = Newton::diverged;
  if (keep || refresh(!have_matrix_ || jacobian_age_ >= kJacobianAge || (n_ <= kCheapJacobian && jacobian_age_ > 0)))
    outcome = correct(t_new);
  if (outcome == Newton::converged || (jacobian_age_ == 0 && matrix_c_ == h_ / alpha(order_))) return outcome;
  return refresh(true) ? correct(t_new) : Newton::diverged;
}

StepOutcome Bdf::step(double limit, double h_max) {
  if (pending_ != 1.0) rescale(pending_), pending_ = 1.0;
  if (h_ > h_max) rescale(h_max / h_);
  wanted_h_ = 0.0;
  for (int failures = 0;;) {
    if (t + h_ * 1.0000001 >= limit) {
      if (limit - t < rounding()) {
        t = limit;
        return StepOutcome::accepted;
      }
      if (failures == 0 && limit - t < 0.5 * h_) wanted_h_ = h_;
      rescale((limit - t) / h_);
    } else if (!(h_ >= smallest_step())) {
      h_failed = h_;
      return StepOutcome::too_small;
    }
    const double t_new = t + h_;
    predict();
    const Newton outcome = solve_step(t_new);
    not_finite = outcome == Newton::not_finite;
    if (outcome != Newton::converged) {
      ++statistics_.newton_failures, ++failures;
      blame = worst_component(n_, delta_.data(), prediction_.data(), tolerances_);
      rescale(outcome == Newton::not_finite || failures > 3 ? 0.1 : 0.4);
      continue;
    }
    const double constant = std::fabs(error_constant(order_));
    const double error = constant * weighted_norm(n_, correction_.data(), y.data(), y_new_.data(), tolerances_);
    const int negative = forbidden(y_new_.data());
    if (!(error <= 1.0) || negative >= 0) {
      ++statistics_.rejected;
      blame = negative >= 0 ? negative : worst_component(n_, correction_.data(), y_new_.data(), tolerances_);
      if (++failures > 2 && order_ > 1) --order_;
      rescale(error > 1.0 ? std::clamp(0.9 * std::pow(error, -1.0 / (order_ + 1)), 0.1, 0.9) : 0.5);
      continue;
    }
    accept(t_new, error);
    if (std::fabs(limit - t) <= rounding()) t = limit;
    return StepOutcome::accepted;
  }
}

void Bdf::interpolate(double when, double* out) {
  std::copy_n(difference(0), n_, out);
  double product = 1.0;
  for (int k = 0; k < step_order_; ++k) {
    product *= (when - (t - step_h_ * k)) / (step_h_ * (k + 1));
    const double* d = difference(k + 1);
    for (int i = 0; i < n_; ++i) out[i] += product * d[i];
  }
}

}  // namespace manyscale
