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
  have_matrix_ = jacobian_current_ = false;
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
    jacobian_current_ = true;
    row_sum_ = largest_row_sum(problem_.pattern(), jacobian_.data(), row_.data());
  }
  ++statistics_.factorisations;
  have_matrix_ = matrix_.factor(alpha(order_) / h_, jacobian_.data());
  matrix_h_ = h_, matrix_order_ = order_;
  rate_ = 0.0;
  return have_matrix_;
}

// Simplified Newton iteration for M (psi + d) = c f(t, prediction + d), c = h / alpha.
Bdf::Newton Bdf::correct(double t_new) {
  const double over_c = alpha(order_) / h_;
  const double tolerance = std::max(10 * 2.2e-16 / tolerances_.relative, std::min(0.03, std::sqrt(tolerances_.relative)));
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
    const double size = weighted_norm(n_, delta_.data(), prediction_.data(), prediction_.data(), tolerances_);
    if (!std::isfinite(size)) return Newton::not_finite;
    if (k > 0) {
      const double ratio = size / last;
      rate_ = std::max(0.3 * rate_, ratio);
      if (ratio >= 2.0) return Newton::diverged;
    }
    for (int i = 0; i < n_; ++i) {
      correction_[i] += delta_[i];
      y_new_[i] = prediction_[i] + correction_[i];
    }
    iterations_ = k + 1;
    const double remaining = rate_ > 0.0 && rate_ < 1.0 ? rate_ / (1.0 - rate_) * size : 1e300;
    if (size == 0.0 || remaining < tolerance) return Newton::converged;
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
  jacobian_current_ = false;
  ++equal_steps_;
  ++statistics_.steps, ++statistics_.steps_bdf;
  pending_ = 1.0;
  if (equal_steps_ >= order_ + 1) choose_order(error);
}

void Bdf::choose_order(double error) {
  const double* at = y.data();
  auto size = [&](int order, int k) {
    return std::fabs(error_constant(order)) * weighted_norm(n_, difference(k), at, at, tolerances_);
  };
  const double same = std::pow(std::max(error, 1e-12), -1.0 / (order_ + 1));
  const double lower = order_ > 1 ? std::pow(std::max(size(order_ - 1, order_), 1e-12), -1.0 / order_) : 0.0;
  const double higher =
      order_ < kMaxOrder ? std::pow(std::max(size(order_ + 1, order_ + 2), 1e-12), -1.0 / (order_ + 2)) : 0.0;
  const double safety = 0.9 * (2 * kIterations + 1.0) / (2 * kIterations + iterations_);
  double best = same;
  int order = order_;
  if (lower > best) best = lower, order = order_ - 1;
  if (higher > best) best = higher, order = order_ + 1;
  const double factor = std::min(10.0, safety * best);
  if (factor < 1.2 && factor > 0.9 && order == order_) return;  // keeps the factorisation
  order_ = order;
  pending_ = factor;
}

StepOutcome Bdf::step(double limit, double h_max) {
  if (pending_ != 1.0) rescale(pending_), pending_ = 1.0;
  if (h_ > h_max) rescale(h_max / h_);
  for (int failures = 0;;) {
    if (h_ < smallest_step()) {
      h_failed = h_;
      return StepOutcome::too_small;
    }
    if (t + h_ * 1.0000001 >= limit) {
      if (limit - t < smallest_step()) {
        t = limit;
        return StepOutcome::accepted;
      }
      rescale((limit - t) / h_);
    }
    const double t_new = t + h_;
    predict();
    bool fresh = !have_matrix_ || matrix_h_ != h_ || matrix_order_ != order_;
    bool usable = fresh ? refresh(!jacobian_current_) : true;
    Newton outcome = usable ? correct(t_new) : Newton::diverged;
    if (outcome != Newton::converged && !jacobian_current_ && refresh(true)) outcome = correct(t_new);
    if (outcome != Newton::converged) {
      ++statistics_.newton_failures;
      blame = worst_component(n_, delta_.data(), prediction_.data(), tolerances_);
      rescale(outcome == Newton::not_finite ? 0.1 : ++failures > 3 ? 0.1 : 0.4);
      continue;
    }
    const double constant = std::fabs(error_constant(order_));
    const double error = constant * weighted_norm(n_, correction_.data(), y_new_.data(), y_new_.data(), tolerances_);
    if (error > 1.0) {
      ++statistics_.rejected;
      blame = worst_component(n_, correction_.data(), y_new_.data(), tolerances_);
      if (++failures > 6 && order_ > 1) --order_;
      rescale(std::clamp(0.9 * std::pow(error, -1.0 / (order_ + 1)), 0.1, 0.9));
      continue;
    }
    accept(t_new, error);
    if (std::fabs(limit - t) <= smallest_step()) t = limit;
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
