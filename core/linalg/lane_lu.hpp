// LU of several matrices of one pattern at once, side by side in vector registers, with pivots on the diagonal.
#pragma once
#include <vector>

#include "problem.hpp"
#include "tape.hpp"

namespace manyscale {

class LaneLu {
 public:
  // `pattern` is square and contains the diagonal. Arrays hold kLanes numbers per place throughout.
  void analyse(const SparsePattern& pattern);
  // Factors diag(a) - J. weakest[lane] is the smallest share that a pivot had of its column (0 or NaN: useless).
  void factor(const double* a, const double* jacobian, double* weakest);
  void solve(double* b);
  int fill() const { return entries_; }

 private:
  int n_ = 0, entries_ = 0;
  std::vector<int> order_;                     // unknown eliminated at step k
  std::vector<int> place_;                     // entry of each nonzero of the pattern
  std::vector<int> pivot_;                     // entry of each pivot
  std::vector<int> lower_start_, lower_;         // by steps: entries below the pivot
  std::vector<int> left_start_, left_, left_column_;     // entries left of the pivot, and their steps
  std::vector<int> upper_start_, upper_, upper_column_;  // entries right of the pivot, and their steps
  std::vector<int> target_;                    // entry changed by each pair of these, in order of elimination
  std::vector<double> values_, work_;
};

}  // namespace manyscale
