// Rodas5P: stiffly accurate Rosenbrock method of order 5(4) with dense output of order 4, for M y' = f(t, y) with
// constant, possibly singular M. Steinebach, BIT Numer. Math. 63:27 (2023).
#pragma once
#include "integrators/stepper.hpp"
#include "linalg/iteration_matrix.hpp"

namespace manyscale {

class Rosenbrock : public Stepper {
 public:
  Rosenbrock(Problem& problem, const Tolerances& tolerances, Statistics& statistics);
  void start(double t, const double* y, const double* f, double h) override;
  StepOutcome step(double limit, double h_max) override;
  void interpolate(double t, double* y) override;
  double next_step() const override { return h_; }
  double stiffness() const override { return stiffness_; }

 private:
  double attempt(double h);  // error norm of a step of size h from (t, y) into y_new_; NaN when not finite
  void accept(double h, double error, bool rejected, bool last, double limit);
  void make_dense();
  IterationMatrix matrix_;
  std::vector<double> jacobian_, f_, dfdt_, u_, sum_, mass_sum_, row_, y_new_, k_, dense_;
  double h_ = 0.0, last_error_ = 1.0, stiffness_ = 0.0, row_sum_ = 0.0;
  bool dense_ready_ = false, autonomous_, known_f_ = false;
};

}  // namespace manyscale
