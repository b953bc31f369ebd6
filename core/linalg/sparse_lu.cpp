#include "linalg/sparse_lu.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace manyscale {

namespace {

using Bits = std::vector<uint64_t>;

int count(const uint64_t* bits, int words) {
  int total = 0;
  for (int w = 0; w < words; ++w) total += __builtin_popcountll(bits[w]);
  return total;
}

template <class Visit>
void each(const uint64_t* bits, int words, Visit visit) {
  for (int w = 0; w < words; ++w)
    for (uint64_t word = bits[w]; word; word &= word - 1) visit(w * 64 + __builtin_ctzll(word));
}

}  // namespace

// Minimum degree on the graph of A + A^T (Tinney & Walker 1967), with rows as bit sets: quadratic memory in bits,
// which is small for the thousands of species that a network has.
void SparseLu::order(const SparsePattern& pattern) {
  const int words = (n_ + 63) / 64;
  Bits graph(static_cast<size_t>(n_) * words, 0);
  auto row = [&](int i) { return graph.data() + static_cast<size_t>(i) * words; };
  auto set = [&](int i, int j) { row(i)[j >> 6] |= uint64_t{1} << (j & 63); };
  for (int j = 0; j < n_; ++j)
    for (int e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e) {
      const int i = pattern.row[e];
      if (i != j) set(i, j), set(j, i);
    }
  std::vector<int> degree(n_);
  for (int i = 0; i < n_; ++i) degree[i] = count(row(i), words);
  std::vector<char> done(n_, 0);
  new_of_.assign(n_, 0);
  old_of_.assign(n_, 0);
  later_.assign(n_, {});
  for (int k = 0; k < n_; ++k) {
    int best = -1;
    for (int i = 0; i < n_; ++i)
      if (!done[i] && (best < 0 || degree[i] < degree[best])) best = i;
    done[best] = 1;
    old_of_[k] = best, new_of_[best] = k;
    const uint64_t* own = row(best);
    each(own, words, [&](int i) { later_[k].push_back(i); });
    for (int i : later_[k]) {
      uint64_t* other = row(i);
      for (int w = 0; w < words; ++w) other[w] |= own[w];
      other[i >> 6] &= ~(uint64_t{1} << (i & 63));
      other[best >> 6] &= ~(uint64_t{1} << (best & 63));
      degree[i] = count(other, words);
    }
  }
  for (auto& rows : later_) {
    for (int& i : rows) i = new_of_[i];
    std::sort(rows.begin(), rows.end());
  }
}

void SparseLu::symbolic(const SparsePattern& pattern) {
  // The dense corner begins where the rest of the factor is at least 60% full.
  sparse_ = n_;
  double remaining = 0.0;
  for (int k = n_ - 1; k >= 0; --k) {
    remaining += later_[k].size();
    const double full = 0.5 * (n_ - k) * (n_ - k - 1);
    if (n_ - k >= 8 && remaining >= 0.6 * full) sparse_ = k;
  }
  lower_start_.assign(1, 0), lower_row_.clear();
  std::vector<std::vector<int>> upper(n_);
  work_ = 0.0;
  for (int k = 0; k < sparse_; ++k) {
    lower_row_.insert(lower_row_.end(), later_[k].begin(), later_[k].end());
    lower_start_.push_back(static_cast<int>(lower_row_.size()));
    for (int j : later_[k]) upper[j].push_back(k);
    work_ += static_cast<double>(later_[k].size()) * later_[k].size();
  }
  const double corner = n_ - sparse_;
  work_ += corner * corner * corner / 3.0 * 0.5;
  upper_start_.assign(1, 0), upper_row_.clear();
  for (int j = 0; j < n_; ++j) {
    upper_row_.insert(upper_row_.end(), upper[j].begin(), upper[j].end());
    upper_start_.push_back(static_cast<int>(upper_row_.size()));
  }
  fill_ = static_cast<long>(lower_row_.size() + upper_row_.size()) + sparse_ + static_cast<long>(corner * corner);
  entry_start_.assign(1, 0), entry_row_.clear(), entry_from_.clear();
  for (int k = 0; k < n_; ++k) {
    const int j = old_of_[k];
    for (int e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e) {
      entry_row_.push_back(new_of_[pattern.row[e]]);
      entry_from_.push_back(e);
    }
    entry_start_.push_back(static_cast<int>(entry_row_.size()));
  }
}

void SparseLu::analyse(const SparsePattern& pattern) {
  n_ = pattern.columns;
  order(pattern);
  symbolic(pattern);
  later_.clear(), later_.shrink_to_fit();
  lower_.assign(lower_row_.size(), 0.0);
  upper_.assign(upper_row_.size(), 0.0);
  diagonal_.assign(n_, 0.0);
  work_column_.assign(n_, 0.0);
  permuted_.assign(n_, 0.0);
  corner_.resize(n_ - sparse_);
}

bool SparseLu::factor(const double* values) {
  double* x = work_column_.data();
  const int corner = n_ - sparse_;
  double* dense = corner_.matrix();
  std::fill_n(dense, static_cast<size_t>(corner) * corner, 0.0);
  for (int j = 0; j < n_; ++j) {
    for (int e = entry_start_[j]; e < entry_start_[j + 1]; ++e) x[entry_row_[e]] += values[entry_from_[e]];
    for (int u = upper_start_[j]; u < upper_start_[j + 1]; ++u) {
      const int k = upper_row_[u];
      const double factor = x[k];
      upper_[u] = factor;
      x[k] = 0.0;
      if (factor == 0.0) continue;
      for (int e = lower_start_[k]; e < lower_start_[k + 1]; ++e) x[lower_row_[e]] -= lower_[e] * factor;
    }
    if (j < sparse_) {
      const double pivot = x[j];
      x[j] = 0.0;
      double most = 0.0;
      for (int e = lower_start_[j]; e < lower_start_[j + 1]; ++e) {
        const int i = lower_row_[e];
        most = std::max(most, std::fabs(x[i]));
        lower_[e] = x[i];
        x[i] = 0.0;
      }
      if (!(std::fabs(pivot) > 1e-6 * most) || !std::isfinite(pivot)) {
        std::fill(work_column_.begin(), work_column_.end(), 0.0);
        return false;
      }
      diagonal_[j] = pivot;
      const double scale = 1.0 / pivot;
      for (int e = lower_start_[j]; e < lower_start_[j + 1]; ++e) lower_[e] *= scale;
    } else {
      double* column = dense + static_cast<size_t>(j - sparse_) * corner;
      for (int i = sparse_; i < n_; ++i) column[i - sparse_] = x[i], x[i] = 0.0;
    }
  }
  return corner == 0 || corner_.factor();
}

void SparseLu::solve(double* b) const {
  double* x = permuted_.data();
  for (int k = 0; k < n_; ++k) x[k] = b[old_of_[k]];
  for (int k = 0; k < sparse_; ++k) {
    const double value = x[k];
    if (value == 0.0) continue;
    for (int e = lower_start_[k]; e < lower_start_[k + 1]; ++e) x[lower_row_[e]] -= lower_[e] * value;
  }
  if (sparse_ < n_) corner_.solve(x + sparse_);
  for (int j = n_ - 1; j >= 0; --j) {
    if (j < sparse_) x[j] /= diagonal_[j];
    const double value = x[j];
    if (value == 0.0) continue;
    for (int u = upper_start_[j]; u < upper_start_[j + 1]; ++u) x[upper_row_[u]] -= upper_[u] * value;
  }
  for (int k = 0; k < n_; ++k) b[old_of_[k]] = x[k];
}

}  // namespace manyscale
