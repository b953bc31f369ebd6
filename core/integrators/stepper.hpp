// What every integration method offers: one accepted step at a time, and dense output over it.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "problem.hpp"

namespace manyscale {

struct Tolerances {
  double relative = 1e-6;
  std::vector<double> absolute;  // one per state
};

struct Statistics {
  int64_t steps = 0, rejected = 0, rhs = 0, jacobians = 0, factorisations = 0, newton_failures = 0, switches = 0;
  int64_t steps_explicit = 0, steps_rosenbrock = 0, steps_bdf = 0;
};

enum class StepOutcome { accepted, too_small, singular };

// Root-mean-square of x_i / (atol_i + rtol * max(|a_i|, |b_i|)).
inline double weighted_norm(int n, const double* x, const double* a, const double* b, const Tolerances& tolerances) {
  double sum = 0.0;
  const double* atol = tolerances.absolute.data();
  for (int i = 0; i < n; ++i) {
    const double scale = atol[i] + tolerances.relative * std::max(std::fabs(a[i]), std::fabs(b[i]));
    const double ratio = x[i] / scale;
    sum += ratio * ratio;
  }
  return n ? std::sqrt(sum / n) : 0.0;  // a model can consist of rules and events alone
}

// Index of the largest weighted component: the one to blame.
int worst_component(int n, const double* x, const double* y, const Tolerances& tolerances);

// Largest row sum of |J|: an upper bound of the spectral radius. `rows` is working space for n numbers.
double largest_row_sum(const SparsePattern& pattern, const double* values, double* rows);

// First step size by Hairer, Norsett & Wanner, Solving ODEs I, section II.4.
double initial_step(Problem& problem, double t, const double* y, const double* f, double span, int order,
                    const Tolerances& tolerances, Statistics& statistics);

class Stepper {
 public:
  virtual ~Stepper() = default;
  // Begins at (t, y), with f(t, y) known; h is the size of the first step to try.
  virtual void start(double t, const double* y, const double* f, double h) = 0;
  // One accepted step, not beyond `limit` by more than rounding. On failure the state is unchanged.
  virtual StepOutcome step(double limit, double h_max) = 0;
  virtual void interpolate(double t, double* y) = 0;  // within the last step
  virtual double next_step() const = 0;
  // A measure of h * (largest eigenvalue) over the last step, for switching between methods.
  virtual double stiffness() const = 0;
  double t = 0.0, t_before = 0.0;
  std::vector<double> y, y_before;
  int blame = 0;           // worst component of the last failed attempt
  double h_failed = 0.0;   // its step size

 protected:
  Stepper(Problem& problem, const Tolerances& tolerances, Statistics& statistics)
      : y(problem.size()), y_before(problem.size()), problem_(problem), tolerances_(tolerances),
        statistics_(statistics), n_(problem.size()) {}
  bool finite(const double* x) const {
    double sum = 0.0;
    for (int i = 0; i < n_; ++i) sum += x[i] * 0.0;
    return sum == 0.0;
  }
  double smallest_step() const { return 1e-14 * std::max(std::fabs(t), 1e-300); }
  Problem& problem_;
  const Tolerances& tolerances_;
  Statistics& statistics_;
  int n_;
};

}  // namespace manyscale
