#include "integrators/lane_stepper.hpp"

#include <algorithm>
#include <cmath>

#include "integrators/rodas5p.hpp"
#include "integrators/tsit5.hpp"
#include "linalg/clones.hpp"

namespace manyscale {

namespace {

constexpr int L = kLanes;

// x *= scale, lane by lane.
MANYSCALE_VECTORISED void scale_by(int n, const double* MANYSCALE_RESTRICT scale, const double* MANYSCALE_RESTRICT x,
                                   double* MANYSCALE_RESTRICT out) {
  for (int i = 0; i < n; ++i)
    for (int l = 0; l < L; ++l) out[i * L + l] = x[i * L + l] * scale[l];
}

MANYSCALE_VECTORISED void add_scaled(int n, const double* MANYSCALE_RESTRICT scale, const double* MANYSCALE_RESTRICT x,
                                     double* MANYSCALE_RESTRICT out) {
  for (int i = 0; i < n; ++i)
    for (int l = 0; l < L; ++l) out[i * L + l] += x[i * L + l] * scale[l];
}

// out = y + sum of weight[s][lane] * k[s].
MANYSCALE_VECTORISED void combine_lanes(int stages, int n, const double* MANYSCALE_RESTRICT y,
                                        const double* MANYSCALE_RESTRICT k, const double* MANYSCALE_RESTRICT weight,
                                        double* MANYSCALE_RESTRICT out) {
  for (int i = 0; i < n; ++i) {
    double sum[L];
    for (int l = 0; l < L; ++l) sum[l] = y[i * L + l];
    for (int s = 0; s < stages; ++s)
      for (int l = 0; l < L; ++l) sum[l] += weight[s * L + l] * k[(static_cast<size_t>(s) * n + i) * L + l];
    for (int l = 0; l < L; ++l) out[i * L + l] = sum[l];
  }
}

// h * |f(a) - f(b)| / |a - b| by lanes, where the last two stages lie at the same time.
MANYSCALE_VECTORISED void lane_stiffness(int n, const double* MANYSCALE_RESTRICT ka,
                                         const double* MANYSCALE_RESTRICT kb, const double* MANYSCALE_RESTRICT a,
                                         const double* MANYSCALE_RESTRICT b, double rtol,
                                         const double* MANYSCALE_RESTRICT atol, double* MANYSCALE_RESTRICT stiffness) {
  double difference[L] = {}, distance[L] = {};
  for (int i = 0; i < n; ++i)
    for (int l = 0; l < L; ++l) {
      const int q = i * L + l;
      const double scale = 1.0 / (atol[q] + rtol * std::fabs(a[q]));
      const double df = (ka[q] - kb[q]) * scale, dy = (a[q] - b[q]) * scale;
      difference[l] += df * df, distance[l] += dy * dy;
    }
  for (int l = 0; l < L; ++l) stiffness[l] = distance[l] > 0.0 ? std::sqrt(difference[l] / distance[l]) : 0.0;
}

void copy_lanes(int n, const bool* which, const double* from, double* to) {
  for (int l = 0; l < L; ++l)
    if (which[l])
      for (int i = 0; i < n; ++i) to[i * L + l] = from[i * L + l];
}

class ExplicitLanes : public LaneStepper {
 public:
  ExplicitLanes(LaneProblem& problem, const Tolerances& tolerances)
      : LaneStepper(problem, tolerances), k_(static_cast<size_t>(n_) * L * tsit5::stages), f_(n_ * L), f_new_(n_ * L),
        u_(n_ * L), error_(n_ * L) {
    error_vector_ = error_.data();
  }
  void attempt(const double* t, const double* y, const double* h, double* y_new) override {
    using namespace tsit5;
    const int size = n_ * L;
    scale_by(n_, h, f_.data(), k_.data());  // all stages are kept multiplied by h
    for (int s = 1; s < stages; ++s) {
      double* u = s == stages - 1 ? y_new : u_.data();
      combine(s, size, y, k_.data(), a[s], u);
      double when[L];
      for (int l = 0; l < L; ++l) when[l] = t[l] + c[s] * h[l];
      problem_.rhs(when, u, f_new_.data());
      scale_by(n_, h, f_new_.data(), k_.data() + static_cast<size_t>(s) * size);
    }
    combine(stages, size, nullptr, k_.data(), tsit5::error, error_.data());
    lane_norm(n_, error_.data(), y, y_new, relative_, absolute_.data(), error);
    const double* last = k_.data() + static_cast<size_t>(stages - 1) * size;
    lane_stiffness(n_, last, last - size, y_new, u_.data(), relative_, absolute_.data(), stiffness);
  }
  void settle(const bool* taken, const bool* anew, const double* t, const double* y) override {
    copy_lanes(n_, taken, f_new_.data(), f_.data());
    if (!std::any_of(anew, anew + L, [](bool x) { return x; })) return;
    problem_.rhs(t, y, u_.data());
    copy_lanes(n_, anew, u_.data(), f_.data());
  }
  void interpolate(const double* theta, const double* y, const double*, double* out) override {
    using namespace tsit5;
    double weight[stages * L];
    for (int s = 0; s < stages; ++s)
      for (int l = 0; l < L; ++l) {
        double sum = 0.0;
        for (int r = 3; r >= 0; --r) sum = (sum + dense[r][s]) * theta[l];
        weight[s * L + l] = sum;
      }
    combine_lanes(stages, n_, y, k_.data(), weight, out);
  }

 private:
  std::vector<double> k_, f_, f_new_, u_, error_;
};

class RosenbrockLanes : public LaneStepper {
 public:
  RosenbrockLanes(LaneProblem& problem, const Tolerances& tolerances)
      : LaneStepper(problem, tolerances), k_(static_cast<size_t>(n_) * L * rodas5p::stages), u_(n_ * L), sum_(n_ * L),
        dfdt_(n_ * L), jacobian_(static_cast<size_t>(problem.pattern().nonzeros()) * L) {
    lu_.analyse(problem.pattern());
    error_vector_ = k_.data() + static_cast<size_t>(n_) * L * (rodas5p::stages - 1);
  }
  void attempt(const double* t, const double* y, const double* h, double* y_new) override {
    using namespace rodas5p;
    const int size = n_ * L;
    const bool autonomous = problem_.is_autonomous();
    problem_.jacobian(t, y, jacobian_.data());
    if (!autonomous) problem_.time_derivative(t, y, dfdt_.data());
    double inverse[L], scaled[L], weakest[L], when[L];
    for (int l = 0; l < L; ++l) inverse[l] = 1.0 / h[l], scaled[l] = inverse[l] / gamma;
    lu_.factor(scaled, jacobian_.data(), weakest);
    for (int l = 0; l < L; ++l) weak[l] = !(weakest[l] > 1e-8);
    for (int s = 0; s < stages; ++s) {
      double* k = k_.data() + static_cast<size_t>(s) * size;
      const double* at = u_.data();
      if (s == 0) at = y;
      else if (s < 6) combine(s, size, y, k_.data(), a[s], u_.data());
      else
        for (int i = 0; i < size; ++i) u_[i] += k[i - size];
      for (int l = 0; l < L; ++l) when[l] = t[l] + rodas5p::c[s] * h[l];
      problem_.rhs(when, at, k);
      if (s > 0) {
        combine(s, size, nullptr, k_.data(), C[s], sum_.data());
        add_scaled(n_, inverse, sum_.data(), k);
      }
      if (!autonomous && d[s] != 0.0) {
        double factor[L];
        for (int l = 0; l < L; ++l) factor[l] = h[l] * d[s];
        add_scaled(n_, factor, dfdt_.data(), k);
      }
      lu_.solve(k);
    }
    for (int i = 0; i < size; ++i) y_new[i] = u_[i] + error_vector_[i];
    lane_norm(n_, error_vector_, y, y_new, relative_, absolute_.data(), error);
  }
  void settle(const bool*, const bool*, const double*, const double*) override {}
  void interpolate(const double* theta, const double* y, const double* y_new, double* out) override {
    using namespace rodas5p;
    // y (1 - theta) + theta y_new + theta (1 - theta) (r1 + theta (r2 + theta r3)), the r sums over stages.
    double weight[stages * L];
    for (int s = 0; s < stages; ++s)
      for (int l = 0; l < L; ++l) {
        const double x = theta[l];
        weight[s * L + l] = x * (1.0 - x) * (dense[0][s] + x * (dense[1][s] + x * dense[2][s]));
      }
    for (int i = 0; i < n_; ++i)
      for (int l = 0; l < L; ++l) sum_[i * L + l] = (1.0 - theta[l]) * y[i * L + l] + theta[l] * y_new[i * L + l];
    combine_lanes(stages, n_, sum_.data(), k_.data(), weight, out);
  }

 private:
  LaneLu lu_;
  std::vector<double> k_, u_, sum_, dfdt_, jacobian_;
};

}  // namespace

MANYSCALE_VECTORISED void lane_norm(int n, const double* x, const double* a, const double* b, double rtol,
                                    const double* atol, double* norm) {
  double sum[L] = {};
  for (int i = 0; i < n; ++i)
    for (int l = 0; l < L; ++l) {
      const int q = i * L + l;
      const double p = std::fabs(a[q]), r = std::fabs(b[q]);
      const double ratio = x[q] / (atol[q] + rtol * (p > r ? p : r));
      sum[l] += ratio * ratio;
    }
  for (int l = 0; l < L; ++l) norm[l] = std::sqrt(sum[l] / n);
}

std::unique_ptr<LaneStepper> make_explicit_lanes(LaneProblem& problem, const Tolerances& tolerances) {
  return std::make_unique<ExplicitLanes>(problem, tolerances);
}

std::unique_ptr<LaneStepper> make_rosenbrock_lanes(LaneProblem& problem, const Tolerances& tolerances) {
  return std::make_unique<RosenbrockLanes>(problem, tolerances);
}

}  // namespace manyscale
