// Initial values of algebraic variables that satisfy the algebraic equations.
#pragma once
#include "integrators/stepper.hpp"

namespace manyscale {

struct Consistency {
  bool found = false;
  int equation = -1;       // the algebraic row that is worst when nothing was found
  double residual = 0.0;   // its value
  int iterations = 0;
};

// Newton's method on the rows where M is zero, for the variables whose column of M is zero; the others are kept. y is
// changed only when a solution was found. A problem without such rows is consistent. Damped by halving; at most 50
// iterations, until the last change is below a hundredth of the tolerances.
Consistency make_consistent(Problem& problem, double t, double* y, const Tolerances& tolerances);

}  // namespace manyscale
