#include "integrators/rosenbrock.hpp"

#include <algorithm>

#include "integrators/rodas5p.hpp"

namespace manyscale {

using namespace rodas5p;

Rosenbrock::Rosenbrock(Problem& problem, const Tolerances& tolerances, Statistics& statistics)
    : Stepper(problem, tolerances, statistics), matrix_(problem), jacobian_(problem.pattern().nonzeros()), f_(n_),
      dfdt_(n_), u_(n_), sum_(n_), mass_sum_(n_), row_(n_), y_new_(n_), k_(static_cast<size_t>(n_) * stages),
      dense_(static_cast<size_t>(n_) * 3), autonomous_(problem.is_autonomous()) {}

void Rosenbrock::start(double t0, const double* y0, const double* f0, double h) {
  t = t_before = t0;
  y.assign(y0, y0 + n_);
  y_before = y;
  f_.assign(f0, f0 + n_);
  known_f_ = true;
  h_ = h;
  last_error_ = 1.0;
  stiffness_ = 0.0;
}

double Rosenbrock::attempt(double h) {
  double weight[stages];
  for (int s = 0; s < stages; ++s) {
    double* k = k_.data() + static_cast<size_t>(s) * n_;
    if (s == 0) {
      std::copy_n(f_.data(), n_, k);
    } else {
      if (s < 6) {
        combine(s, n_, y.data(), k_.data(), a[s], u_.data());
      } else {
        const double* last = k - n_;
        for (int i = 0; i < n_; ++i) u_[i] += last[i];
      }
      problem_.rhs(t + rodas5p::c[s] * h, u_.data(), k);
      for (int j = 0; j < s; ++j) weight[j] = C[s][j] / h;
      if (matrix_.has_mass()) {
        combine(s, n_, nullptr, k_.data(), weight, sum_.data());
        matrix_.multiply_mass(sum_.data(), mass_sum_.data());
        for (int i = 0; i < n_; ++i) k[i] += mass_sum_[i];
      } else {
        combine(s, n_, k, k_.data(), weight, k);
      }
    }
    if (!autonomous_ && d[s] != 0.0)
      for (int i = 0; i < n_; ++i) k[i] += h * d[s] * dfdt_[i];
    matrix_.solve(k);
  }
  statistics_.rhs += stages - 1;
  const double* k8 = k_.data() + static_cast<size_t>(stages - 1) * n_;
  for (int i = 0; i < n_; ++i) y_new_[i] = u_[i] + k8[i];
  return weighted_norm(n_, k8, y.data(), y_new_.data(), tolerances_);
}

void Rosenbrock::accept(double h, double error, bool rejected, bool last, double limit) {
  const double previous = std::max(last_error_, 1e-4), now = std::max(error, 1e-10);
  double growth = 0.9 * std::pow(now, -0.2) * std::pow(previous / now, 0.04);
  growth = std::clamp(growth, 0.2, rejected ? 1.0 : 6.0);
  if (!(last && h < 0.5 * h_)) h_ = h * growth;
  last_error_ = now;
  t_before = t;
  std::swap(y_before, y);
  std::swap(y, y_new_);
  t = last ? limit : t + h;
  known_f_ = false;
  dense_ready_ = false;
  stiffness_ = h * row_sum_;
  ++statistics_.steps, ++statistics_.steps_rosenbrock;
}

StepOutcome Rosenbrock::step(double limit, double h_max) {
  if (!known_f_) {
    problem_.rhs(t, y.data(), f_.data());
    ++statistics_.rhs;
  }
  known_f_ = true;
  problem_.jacobian(t, y.data(), jacobian_.data());
  ++statistics_.jacobians;
  row_sum_ = largest_row_sum(problem_.pattern(), jacobian_.data(), row_.data());
  if (!autonomous_) problem_.time_derivative(t, y.data(), dfdt_.data());
  double h = std::min(h_, h_max);
  bool rejected = false;
  for (;;) {
    bool last = false;
    if (t + h * 1.0000001 >= limit) h = limit - t, last = true;
    if (!(h >= smallest_step()) && !(last && !rejected)) {
      h_failed = h;
      return StepOutcome::too_small;
    }
    ++statistics_.factorisations;
    const bool factored = matrix_.factor(1.0 / (h * gamma), jacobian_.data(), sizes(y.data()));
    const double error = factored ? attempt(h) : NAN;
    not_finite = !std::isfinite(error);
    const int negative = not_finite ? -1 : forbidden(y_new_.data());
    if (error <= 1.0 && negative < 0) {
      accept(h, error, rejected, last, limit);
      return StepOutcome::accepted;
    }
    ++statistics_.rejected;
    rejected = true;
    const double* guilty = factored ? k_.data() + static_cast<size_t>(stages - 1) * n_ : f_.data();
    blame = negative >= 0 ? negative : worst_component(n_, guilty, y.data(), tolerances_);
    h *= not_finite ? 0.1 : error > 1.0 ? std::clamp(0.9 * std::pow(error, -0.2), 0.1, 0.8) : 0.5;
  }
}

void Rosenbrock::make_dense() {
  for (int r = 0; r < 3; ++r)
    combine(stages, n_, nullptr, k_.data(), rodas5p::dense[r], dense_.data() + static_cast<size_t>(r) * n_);
  dense_ready_ = true;
}

void Rosenbrock::interpolate(double when, double* out) {
  if (!dense_ready_) make_dense();
  const double theta = t > t_before ? (when - t_before) / (t - t_before) : 1.0, rest = 1.0 - theta;
  const double *r1 = dense_.data(), *r2 = r1 + n_, *r3 = r2 + n_;
  for (int i = 0; i < n_; ++i)
    out[i] = rest * y_before[i] + theta * (y[i] + rest * (r1[i] + theta * (r2[i] + theta * r3[i])));
}

}  // namespace manyscale
