// Explicit Runge-Kutta method of order 5(4) with dense output of order 4 and detection of stiffness.
// Tsitouras, Comput. Math. Appl. 62:770 (2011); detection of stiffness as in Hairer & Wanner, Solving ODEs II,
// section IV.2.
#pragma once
#include "integrators/stepper.hpp"

namespace manyscale {

class ExplicitRk : public Stepper {
 public:
  ExplicitRk(Problem& problem, const Tolerances& tolerances, Statistics& statistics);
  void start(double t, const double* y, const double* f, double h) override;
  StepOutcome step(double limit, double h_max) override;
  void interpolate(double t, double* y) override;
  double next_step() const override { return h_; }
  double stiffness() const override { return stiffness_; }

 private:
  double attempt(double h);
  void accept(double h, double error, bool rejected, bool last, double limit);
  double* stage(int s) { return k_.data() + static_cast<size_t>(s) * n_; }
  std::vector<double> k_, u_, y_new_, error_;
  double h_ = 0.0, last_error_ = 1e-4, stiffness_ = 0.0;
};

}  // namespace manyscale
