// Sparse LU of matrices that share one pattern: minimum-degree ordering and symbolic analysis once, then fast
// numeric factorisations with pivots on the diagonal. The dense corner that fill leaves at the end is factored
// by a dense kernel with partial pivoting. A factorisation whose pivots are too small is reported, so that the
// caller can turn to a dense one.
#pragma once
#include <vector>

#include "linalg/dense_lu.hpp"
#include "problem.hpp"

namespace manyscale {

class SparseLu {
 public:
  // `pattern` is square and contains the diagonal.
  void analyse(const SparsePattern& pattern);
  // Entries in the order of the pattern. False when a pivot is too small for the column.
  bool factor(const double* values);
  void solve(double* b) const;
  // Nonzeros of L and U together, with the dense corner counted full.
  long fill() const { return fill_; }
  // Multiplications of one factorisation.
  double work() const { return work_; }

 private:
  void order(const SparsePattern& pattern);
  void symbolic(const SparsePattern& pattern);
  int n_ = 0, sparse_ = 0;         // columns before the dense corner
  std::vector<int> new_of_, old_of_;  // permutation
  std::vector<std::vector<int>> later_;  // by pivot: rows below the diagonal after elimination (new indices, sorted)
  std::vector<int> lower_start_, lower_row_;  // L by columns (first `sparse_` columns)
  std::vector<int> upper_start_, upper_row_;  // U by columns: pivots before min(column, sparse_)
  std::vector<double> lower_, upper_, diagonal_;
  std::vector<int> entry_start_, entry_row_, entry_from_;  // permuted input by columns
  mutable std::vector<double> work_column_, permuted_;
  DenseLu corner_;
  long fill_ = 0;
  double work_ = 0.0;
};

}  // namespace manyscale
