// One attempt of a step in every lane at once; whether a lane takes it is decided by the caller.
#pragma once
#include <vector>

#include "integrators/lanes.hpp"
#include "linalg/lane_lu.hpp"

namespace manyscale {

class LaneStepper {
 public:
  virtual ~LaneStepper() = default;
  // From (t, y) with steps h to y_new. Error norms, and a measure of h * (largest eigenvalue) or what ails a lane.
  virtual void attempt(const double* t, const double* y, const double* h, double* y_new) = 0;
  // Says which lanes take the last attempt (their y becomes y_new), and which begin anew at (t, y).
  virtual void settle(const bool* taken, const bool* anew, const double* t, const double* y) = 0;
  // Dense output of the last attempt at shares theta of the steps.
  virtual void interpolate(const double* theta, const double* y, const double* y_new, double* out) = 0;
  double error[kLanes] = {}, stiffness[kLanes] = {};
  bool weak[kLanes] = {};  // pivots too small to trust
  double exponent = -0.2;

  const std::vector<double>& absolute() const { return absolute_; }  // tolerances by state and lane
  std::vector<double>& absolute() { return absolute_; }
  const double* error_vector() const { return error_vector_; }

 protected:
  LaneStepper(LaneProblem& problem, const Tolerances& tolerances)
      : problem_(problem), relative_(tolerances.relative), n_(problem.size()),
        absolute_(static_cast<size_t>(n_) * kLanes, 1.0) {}
  LaneProblem& problem_;
  double relative_;
  int n_;
  std::vector<double> absolute_;
  const double* error_vector_ = nullptr;
};

std::unique_ptr<LaneStepper> make_explicit_lanes(LaneProblem& problem, const Tolerances& tolerances);
std::unique_ptr<LaneStepper> make_rosenbrock_lanes(LaneProblem& problem, const Tolerances& tolerances);

// Root-mean-square by lanes of x / (atol + rtol * max(|a|, |b|)).
void lane_norm(int n, const double* x, const double* a, const double* b, double rtol, const double* atol, double* norm);

}  // namespace manyscale
