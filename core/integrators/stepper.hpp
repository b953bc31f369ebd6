// What every integration method offers: one accepted step at a time, and dense output over it.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "integrators/vectors.hpp"
#include "problem.hpp"

namespace manyscale {

struct Tolerances {
  double relative = 1e-6;
  std::vector<double> absolute;   // one per state
  std::vector<char> nonnegative;  // states that may not fall below -absolute (empty: none); steps shrink, values stay
  double smallest_step = 0.0;     // below: failure; rounding sets a limit of its own
  int most_order = 5;             // of the multistep method
};

struct Statistics {
  int64_t steps = 0, rejected = 0, rhs = 0, jacobians = 0, factorisations = 0, newton_failures = 0, switches = 0;
  int64_t steps_explicit = 0, steps_rosenbrock = 0, steps_bdf = 0;
};

enum class StepOutcome { accepted, too_small, singular };

// Root-mean-square of x_i / (atol_i + rtol * max(|a_i|, |b_i|)).
inline double weighted_norm(int n, const double* x, const double* a, const double* b, const Tolerances& tolerances) {
  return scaled_norm(n, x, a, b, tolerances.relative, tolerances.absolute.data());
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
  bool not_finite = false; // whether the equations gave something that is not a finite number there

 protected:
  Stepper(Problem& problem, const Tolerances& tolerances, Statistics& statistics)
      : y(problem.size()), y_before(problem.size()), problem_(problem), tolerances_(tolerances),
        statistics_(statistics), n_(problem.size()), size_(problem.size()) {}
  // What counts as a large change of each state, for the scales of a matrix.
  const double* sizes(const double* at) {
    for (int i = 0; i < n_; ++i) size_[i] = tolerances_.absolute[i] + tolerances_.relative * std::fabs(at[i]);
    return size_.data();
  }
  bool finite(const double* x) const {
    double sum = 0.0;
    for (int i = 0; i < n_; ++i) sum += x[i] * 0.0;
    return sum == 0.0;
  }
  // A step that only just ends at `limit` may be smaller.
  double smallest_step() const { return std::max(tolerances_.smallest_step, rounding()); }
  double rounding() const { return 1e-14 * std::max(std::fabs(t), 1e-290); }
  // A state that has become negative against the rules, or -1.
  int forbidden(const double* x) const {
    for (size_t i = 0; i < tolerances_.nonnegative.size(); ++i)
      if (tolerances_.nonnegative[i] && x[i] < -tolerances_.absolute[i]) return static_cast<int>(i);
    return -1;
  }
  Problem& problem_;
  const Tolerances& tolerances_;
  Statistics& statistics_;
  int n_;

 private:
  std::vector<double> size_;
};

}  // namespace manyscale
