#include "linalg/sparse_lu.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "linalg/clones.hpp"
#include "linalg/minimum_degree.hpp"

namespace manyscale {

namespace {

constexpr double kPreferDiagonal = 0.1;  // of the largest entry in the column
constexpr double kKeepPivot = 1e-3;      // below this share the pivots are chosen anew
constexpr double kCornerFill = 0.55;

// x[row] -= lower * factor over one column of L.
MANYSCALE_ALWAYS_INLINE void subtract(const int* row, const double* lower, int count, double factor, double* x) {
  for (int e = 0; e < count; ++e) x[row[e]] -= lower[e] * factor;
}

}  // namespace

void SparseLu::analyse(const SparsePattern& pattern) {
  n_ = pattern.columns;
  pattern_ = pattern;
  order_ = minimum_degree(pattern);
  plan(symbolic_factor(pattern, order_));
  entry_start_.assign(1, 0), entry_from_.clear();
  for (int k = 0; k < n_; ++k) {
    for (int e = pattern.column_start[order_[k]]; e < pattern.column_start[order_[k] + 1]; ++e)
      entry_from_.push_back(e);
    entry_start_.push_back(static_cast<int>(entry_from_.size()));
  }
  entry_row_.assign(entry_from_.size(), 0);
  work_.assign(n_, 0.0);
  diagonal_.assign(n_, 0.0);
  stack_.assign(n_, 0), position_.assign(n_, 0), mark_.assign(n_, 0), found_.assign(n_, 0);
  stamp_ = 0;
  row_place_.assign(n_, 0);
  corner_.resize(n_ - sparse_);
  have_pivots_ = false;
}

// Where the dense corner begins, and what a factorisation costs, as if all pivots were on the diagonal.
void SparseLu::plan(const std::vector<std::vector<int>>& later) {
  sparse_ = n_;
  double remaining = 0.0;
  for (int k = n_ - 1; k >= 0; --k) {
    remaining += static_cast<double>(later[k].size());
    const double full = 0.5 * (n_ - k) * (n_ - k - 1);
    if (n_ - k >= 8 && remaining >= kCornerFill * full) sparse_ = k;
  }
  const double corner = n_ - sparse_;
  dense_work_ = corner * corner * corner / 3.0;
  sparse_work_ = 0.0;
  fill_ = static_cast<int64_t>(corner * corner) + sparse_;
  for (int k = 0; k < sparse_; ++k) {
    const double below = static_cast<double>(later[k].size());
    sparse_work_ += below * below;
    fill_ += 2 * static_cast<int64_t>(below);
  }
}

bool SparseLu::factor(const double* values) {
  if (have_pivots_ && reuse_pivots(values)) return true;
  have_pivots_ = choose_pivots(values);
  return have_pivots_;
}

// Steps on which the column depends, and rows without a step, by depth-first search through L.
// Steps end up in found_[result ..], in an order in which they can be eliminated; other rows in stack_ do not remain:
// they carry mark_ == stamp_ and are collected by the caller.
int SparseLu::reach(int column, const std::vector<int>& step_of_row) {
  ++stamp_;
  int top = n_;
  for (int e = pattern_.column_start[column]; e < pattern_.column_start[column + 1]; ++e) {
    if (mark_[pattern_.row[e]] == stamp_) continue;
    int depth = 0;
    stack_[0] = pattern_.row[e];
    mark_[stack_[0]] = stamp_;
    position_[0] = step_of_row[stack_[0]] >= 0 ? lower_start_[step_of_row[stack_[0]]] : 0;
    while (depth >= 0) {
      const int row = stack_[depth], step = step_of_row[row];
      const int end = step >= 0 ? lower_start_[step + 1] : 0;
      int next = -1;
      while (position_[depth] < end && next < 0) {
        const int candidate = lower_row_[position_[depth]++];
        if (mark_[candidate] != stamp_) next = candidate;
      }
      if (next >= 0) {
        mark_[next] = stamp_;
        stack_[++depth] = next;
        position_[depth] = step_of_row[next] >= 0 ? lower_start_[step_of_row[next]] : 0;
      } else {
        found_[--top] = row;
        --depth;
      }
    }
  }
  return top;
}

bool SparseLu::choose_pivots(const double* values) {
  ++pivoted_;
  std::vector<int> step_of_row(n_, -1);
  lower_start_.assign(1, 0), upper_start_.assign(1, 0);
  lower_row_.clear(), upper_row_.clear(), lower_.clear(), upper_.clear();
  double* x = work_.data();
  std::fill(work_.begin(), work_.end(), 0.0);
  for (int k = 0; k < n_; ++k) {
    const int column = order_[k], top = reach(column, step_of_row);
    for (int e = pattern_.column_start[column]; e < pattern_.column_start[column + 1]; ++e)
      x[pattern_.row[e]] = values[e];
    const size_t upper_begin = upper_row_.size();
    int pivot = -1;
    double most = 0.0;
    for (int f = top; f < n_; ++f) {
      const int row = found_[f], step = step_of_row[row];
      if (step >= 0) {
        subtract(lower_row_.data() + lower_start_[step], lower_.data() + lower_start_[step],
                 lower_start_[step + 1] - lower_start_[step], x[row], x);
        upper_row_.push_back(step);
      } else if (!(std::fabs(x[row]) <= most)) {
        most = std::fabs(x[row]), pivot = row;
      }
    }
    std::sort(upper_row_.begin() + static_cast<int64_t>(upper_begin), upper_row_.end());
    upper_start_.push_back(static_cast<int>(upper_row_.size()));
    upper_.resize(upper_row_.size(), 0.0);
    if (k < sparse_) {
      if (pivot < 0 || !(most > 0.0) || !std::isfinite(most)) {
        std::fill(work_.begin(), work_.end(), 0.0);
        return false;
      }
      if (mark_[column] == stamp_ && step_of_row[column] < 0 && std::fabs(x[column]) >= kPreferDiagonal * most)
        pivot = column;
      const double scale = 1.0 / x[pivot];
      step_of_row[pivot] = k;
      for (int f = top; f < n_; ++f)
        if (const int row = found_[f]; step_of_row[row] < 0)
          lower_row_.push_back(row), lower_.push_back(x[row] * scale);
      lower_start_.push_back(static_cast<int>(lower_row_.size()));
    }
    for (int f = top; f < n_; ++f) x[found_[f]] = 0.0;
  }
  settle(step_of_row);
  return reuse_pivots(values);
}

// Names rows by their steps everywhere.
void SparseLu::settle(std::vector<int>& step_of_row) {
  int next = sparse_;
  for (int row = 0; row < n_; ++row)
    if (step_of_row[row] < 0) step_of_row[row] = next++;
  row_place_ = step_of_row;
  for (int& row : lower_row_) row = row_place_[row];
  for (int k = 0; k < sparse_; ++k)
    std::sort(lower_row_.begin() + lower_start_[k], lower_row_.begin() + lower_start_[k + 1]);
  for (size_t e = 0; e < entry_from_.size(); ++e) entry_row_[e] = row_place_[pattern_.row[entry_from_[e]]];
}

bool SparseLu::reuse_pivots(const double* values) {
  double* x = work_.data();
  const int corner = n_ - sparse_;
  double* dense = corner_.matrix();
  for (int j = 0; j < n_; ++j) {
    double* column = j < sparse_ ? x : dense + static_cast<size_t>(j - sparse_) * corner;
    if (j >= sparse_) std::fill_n(x + sparse_, corner, 0.0);
    for (int e = entry_start_[j]; e < entry_start_[j + 1]; ++e) x[entry_row_[e]] = values[entry_from_[e]];
    for (int u = upper_start_[j]; u < upper_start_[j + 1]; ++u) {
      const int k = upper_row_[u], begin = lower_start_[k];
      const double factor = x[k];
      upper_[u] = factor;
      x[k] = 0.0;
      if (factor != 0.0)
        subtract(lower_row_.data() + begin, lower_.data() + begin, lower_start_[k + 1] - begin, factor, x);
    }
    if (j >= sparse_) {
      std::copy_n(x + sparse_, corner, column);
      continue;
    }
    const double pivot = x[j];
    x[j] = 0.0;
    double most = 0.0;
    const double scale = 1.0 / pivot;
    for (int e = lower_start_[j]; e < lower_start_[j + 1]; ++e) {
      const int i = lower_row_[e];
      most = std::max(most, std::fabs(x[i]));
      lower_[e] = x[i] * scale;
      x[i] = 0.0;
    }
    if (!(std::fabs(pivot) > kKeepPivot * most) || !std::isfinite(pivot + most)) {
      std::fill(work_.begin(), work_.end(), 0.0);
      return false;
    }
    diagonal_[j] = pivot;
  }
  std::fill(work_.begin(), work_.end(), 0.0);
  return corner == 0 || corner_.factor();
}

void SparseLu::solve(double* b) const {
  double* x = work_.data();
  for (int i = 0; i < n_; ++i) x[row_place_[i]] = b[i];
  for (int k = 0; k < sparse_; ++k) {
    const double value = x[k];
    if (value != 0.0)
      subtract(lower_row_.data() + lower_start_[k], lower_.data() + lower_start_[k],
               lower_start_[k + 1] - lower_start_[k], value, x);
  }
  if (sparse_ < n_) corner_.solve(x + sparse_);
  for (int j = n_ - 1; j >= 0; --j) {
    if (j < sparse_) x[j] /= diagonal_[j];
    const double value = x[j];
    if (value != 0.0)
      subtract(upper_row_.data() + upper_start_[j], upper_.data() + upper_start_[j],
               upper_start_[j + 1] - upper_start_[j], value, x);
  }
  for (int k = 0; k < n_; ++k) b[order_[k]] = x[k];
  std::fill(work_.begin(), work_.end(), 0.0);
}

}  // namespace manyscale
