#include "linalg/lane_lu.hpp"

#include <algorithm>
#include <cmath>

#include "linalg/clones.hpp"
#include "linalg/minimum_degree.hpp"

namespace manyscale {

namespace {

constexpr int L = kLanes;

// x -= a * b, lane by lane.
MANYSCALE_ALWAYS_INLINE void subtract_product(double* MANYSCALE_RESTRICT x, const double* MANYSCALE_RESTRICT a,
                                              const double* MANYSCALE_RESTRICT b) {
  for (int l = 0; l < L; ++l) x[l] -= a[l] * b[l];
}

struct Elimination {
  int n;
  const int *pivot, *lower_start, *lower, *upper_start, *upper, *target;
};

MANYSCALE_VECTORISED void eliminate(const Elimination& e, double* MANYSCALE_RESTRICT values,
                                    double* MANYSCALE_RESTRICT weakest) {
  const int* target = e.target;
  double weak[L];
  for (int l = 0; l < L; ++l) weak[l] = 1.0;
  for (int k = 0; k < e.n; ++k) {
    double* pivot = values + static_cast<size_t>(e.pivot[k]) * L;
    double most[L], inverse[L];
    for (int l = 0; l < L; ++l) most[l] = std::fabs(pivot[l]), inverse[l] = 1.0 / pivot[l];
    for (int q = e.lower_start[k]; q < e.lower_start[k + 1]; ++q) {
      double* x = values + static_cast<size_t>(e.lower[q]) * L;
      double factor[L];
      for (int l = 0; l < L; ++l) {
        const double size = std::fabs(x[l]);
        most[l] = size > most[l] ? size : most[l];
        factor[l] = x[l] * inverse[l];
        x[l] = factor[l];
      }
      for (int u = e.upper_start[k]; u < e.upper_start[k + 1]; ++u)
        subtract_product(values + static_cast<size_t>(*target++) * L, factor,
                         values + static_cast<size_t>(e.upper[u]) * L);
    }
    for (int l = 0; l < L; ++l) {
      const double share = std::fabs(pivot[l]) / most[l];  // NaN is kept
      weak[l] = share >= weak[l] ? weak[l] : share;
      pivot[l] = inverse[l];
    }
  }
  for (int l = 0; l < L; ++l) weakest[l] = weak[l];
}

struct Substitution {
  int n;
  const int *order, *pivot, *left_start, *left, *left_column, *upper_start, *upper, *upper_column;
};

// sum -= values[entry] * x[column] over the entries of one row.
MANYSCALE_ALWAYS_INLINE void subtract_row(int begin, int end, const int* entry, const int* column,
                                          const double* MANYSCALE_RESTRICT values, const double* x, double* sum) {
  for (int q = begin; q < end; ++q) {
    const double* a = values + static_cast<size_t>(entry[q]) * L;
    const double* b = x + static_cast<size_t>(column[q]) * L;
    for (int l = 0; l < L; ++l) sum[l] -= a[l] * b[l];
  }
}

MANYSCALE_VECTORISED void substitute(const Substitution& s, const double* MANYSCALE_RESTRICT values,
                                     double* MANYSCALE_RESTRICT x, double* MANYSCALE_RESTRICT b) {
  for (int k = 0; k < s.n; ++k) {
    const double* from = b + static_cast<size_t>(s.order[k]) * L;
    double sum[L];
    for (int l = 0; l < L; ++l) sum[l] = from[l];
    subtract_row(s.left_start[k], s.left_start[k + 1], s.left, s.left_column, values, x, sum);
    for (int l = 0; l < L; ++l) x[static_cast<size_t>(k) * L + l] = sum[l];
  }
  for (int k = s.n - 1; k >= 0; --k) {
    double sum[L], *own = x + static_cast<size_t>(k) * L, *to = b + static_cast<size_t>(s.order[k]) * L;
    for (int l = 0; l < L; ++l) sum[l] = own[l];
    subtract_row(s.upper_start[k], s.upper_start[k + 1], s.upper, s.upper_column, values, x, sum);
    const double* inverse = values + static_cast<size_t>(s.pivot[k]) * L;
    for (int l = 0; l < L; ++l) sum[l] *= inverse[l];
    for (int l = 0; l < L; ++l) own[l] = sum[l];
    for (int l = 0; l < L; ++l) to[l] = sum[l];
  }
}

MANYSCALE_VECTORISED void assemble(const std::vector<int>& place, const std::vector<int>& pivot,
                                   const double* MANYSCALE_RESTRICT a, const double* MANYSCALE_RESTRICT jacobian,
                                   double* MANYSCALE_RESTRICT values) {
  for (size_t e = 0; e < place.size(); ++e)
    for (int l = 0; l < L; ++l) values[static_cast<size_t>(place[e]) * L + l] = -jacobian[e * L + l];
  for (int entry : pivot)
    for (int l = 0; l < L; ++l) values[static_cast<size_t>(entry) * L + l] += a[l];
}

}  // namespace

void LaneLu::analyse(const SparsePattern& pattern) {
  n_ = pattern.columns;
  order_ = minimum_degree(pattern);
  std::vector<int> step(n_);
  for (int k = 0; k < n_; ++k) step[order_[k]] = k;
  // Structure by elimination on rows of flags.
  std::vector<std::vector<int>> entry(n_, std::vector<int>(n_, -1));
  for (int j = 0; j < n_; ++j)
    for (int e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e)
      entry[step[pattern.row[e]]][step[j]] = 0;
  for (int k = 0; k < n_; ++k)
    for (int i = k + 1; i < n_; ++i)
      if (entry[i][k] >= 0)
        for (int j = k + 1; j < n_; ++j)
          if (entry[k][j] >= 0) entry[i][j] = 0;
  entries_ = 0;
  for (auto& row : entry)
    for (int& e : row)
      if (e >= 0) e = entries_++;
  place_.clear(), pivot_.clear(), target_.clear();
  for (int j = 0; j < n_; ++j)
    for (int e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e)
      place_.push_back(entry[step[pattern.row[e]]][step[j]]);
  lower_start_.assign(1, 0), upper_start_.assign(1, 0);
  lower_.clear(), upper_.clear(), upper_column_.clear();
  left_start_.assign(1, 0), left_.clear(), left_column_.clear();
  for (int k = 0; k < n_; ++k) {
    pivot_.push_back(entry[k][k]);
    for (int j = k + 1; j < n_; ++j)
      if (entry[k][j] >= 0) upper_.push_back(entry[k][j]), upper_column_.push_back(j);
    for (int i = k + 1; i < n_; ++i) {
      if (entry[i][k] < 0) continue;
      lower_.push_back(entry[i][k]);
      for (int j = k + 1; j < n_; ++j)
        if (entry[k][j] >= 0) target_.push_back(entry[i][j]);
    }
    for (int j = 0; j < k; ++j)
      if (entry[k][j] >= 0) left_.push_back(entry[k][j]), left_column_.push_back(j);
    left_start_.push_back(static_cast<int>(left_.size()));
    lower_start_.push_back(static_cast<int>(lower_.size()));
    upper_start_.push_back(static_cast<int>(upper_.size()));
  }
  values_.assign(static_cast<size_t>(entries_) * L, 0.0);
  work_.assign(static_cast<size_t>(n_) * L, 0.0);
}

void LaneLu::factor(const double* a, const double* jacobian, double* weakest) {
  std::fill(values_.begin(), values_.end(), 0.0);
  assemble(place_, pivot_, a, jacobian, values_.data());
  eliminate({n_, pivot_.data(), lower_start_.data(), lower_.data(), upper_start_.data(), upper_.data(), target_.data()},
            values_.data(), weakest);
}

void LaneLu::solve(double* b) {
  substitute({n_, order_.data(), pivot_.data(), left_start_.data(), left_.data(), left_column_.data(),
              upper_start_.data(), upper_.data(), upper_column_.data()},
             values_.data(), work_.data(), b);
}

}  // namespace manyscale
