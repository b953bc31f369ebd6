// Variable-order (1 to 5) numerical differentiation formulas in backward differences with quasi-constant steps.
// Shampine & Reichelt, SIAM J. Sci. Comput. 18:1 (1997); change of step by Byrne & Hindmarsh.
#pragma once
#include "integrators/stepper.hpp"
#include "linalg/iteration_matrix.hpp"

namespace manyscale {

class Bdf : public Stepper {
 public:
  Bdf(Problem& problem, const Tolerances& tolerances, Statistics& statistics);
  void start(double t, const double* y, const double* f, double h) override;
  StepOutcome step(double limit, double h_max) override;
  void interpolate(double t, double* y) override;
  double next_step() const override { return std::max(h_ * pending_, wanted_h_); }
  double stiffness() const override { return stiffness_; }
  int order() const { return order_; }

 private:
  static constexpr int kMaxOrder = 5;
  enum class Newton { converged, diverged, not_finite };
  double* difference(int k) { return differences_.data() + static_cast<size_t>(k) * n_; }
  void rescale(double factor);
  void predict();
  bool refresh(bool new_jacobian);
  Newton correct(double t_new);
  Newton solve_step(double t_new);
  void accept(double t_new, double error);
  void choose_order(double error);
  IterationMatrix matrix_;
  std::vector<double> differences_, jacobian_, prediction_, psi_, correction_, y_new_, f_, delta_, mass_, row_;
  double h_ = 0.0, pending_ = 1.0, matrix_c_ = 0.0, stiffness_ = 0.0, rate_ = 0.0, row_sum_ = 0.0;
  int order_ = 1, equal_steps_ = 0, iterations_ = 0;
  int jacobian_age_ = 0;  // steps since it was computed
  bool have_matrix_ = false;
  double wanted_h_ = 0.0;  // step size before a step was cut short at its limit
  double step_h_ = 0.0;  // size and order of the last accepted step, for dense output
  int step_order_ = 1;
};

}  // namespace manyscale
