// Sparse LU of matrices that share one pattern: ordering once, then left-looking factorisation with pivoting that
// prefers the diagonal (Gilbert & Peierls, SIAM J. Sci. Stat. Comput. 9:862, 1988), whose pivots and pattern later
// factorisations keep as long as the pivots stay large enough. The dense corner that fill leaves at the end is
// factored by a dense kernel with partial pivoting.
#pragma once
#include <cstdint>
#include <vector>

#include "linalg/dense_lu.hpp"
#include "problem.hpp"

namespace manyscale {

class SparseLu {
 public:
  // `pattern` is square.
  void analyse(const SparsePattern& pattern);
  // Entries in the order of the pattern. False when the matrix is singular or not finite.
  bool factor(const double* values);
  void solve(double* b) const;
  // Nonzeros of L and U together for pivots on the diagonal, with the dense corner counted full.
  int64_t fill() const { return fill_; }
  // Multiplications outside and inside the dense corner.
  double sparse_work() const { return sparse_work_; }
  double dense_work() const { return dense_work_; }
  int64_t pivoted() const { return pivoted_; }  // factorisations that chose pivots anew

 private:
  void plan(const std::vector<std::vector<int>>& later);
  bool choose_pivots(const double* values);
  bool reuse_pivots(const double* values);
  void settle(std::vector<int>& step_of_row);
  int reach(int column, const std::vector<int>& step_of_row);
  int n_ = 0, sparse_ = 0;  // columns before the dense corner
  SparsePattern pattern_;
  std::vector<int> order_;      // column eliminated at step k
  std::vector<int> row_place_;  // step of each row
  std::vector<int> lower_start_, lower_row_;  // L by steps (first `sparse_` of them); rows as steps
  std::vector<int> upper_start_, upper_row_;  // U by columns: steps before min(column, sparse_), ascending
  std::vector<double> lower_, upper_, diagonal_;
  std::vector<int> entry_row_;  // rows of the pattern as steps, in the order of elimination
  std::vector<int> entry_start_, entry_from_;
  std::vector<int> stack_, position_, mark_, found_;  // depth-first search
  int stamp_ = 0;
  mutable std::vector<double> work_;
  DenseLu corner_;
  bool have_pivots_ = false;
  int64_t fill_ = 0, pivoted_ = 0;
  double sparse_work_ = 0.0, dense_work_ = 0.0;
};

}  // namespace manyscale
