#include "linalg/dense_lu.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "linalg/clones.hpp"

namespace manyscale {

namespace {

constexpr int kBlock = 16, kWhole = 40;  // up to kWhole unknowns in one block

// Columns k .. k + width - 1, with exchanges of whole rows.
MANYSCALE_ALWAYS_INLINE bool factor_panel(double* MANYSCALE_RESTRICT a, int* pivot, int n, int k, int width) {
  for (int j = k; j < k + width; ++j) {
    double* column = a + static_cast<size_t>(j) * n;
    int best = j;
    double most = std::fabs(column[j]);
    for (int i = j + 1; i < n; ++i) {
      const double size = std::fabs(column[i]);
      if (size > most) most = size, best = i;
    }
    pivot[j] = best;
    if (!(most > 0.0 && most <= std::numeric_limits<double>::max())) return false;
    if (best != j)
      for (int c = 0; c < n; ++c) std::swap(a[j + static_cast<size_t>(c) * n], a[best + static_cast<size_t>(c) * n]);
    const double scale = 1.0 / column[j];
    for (int i = j + 1; i < n; ++i) column[i] *= scale;
    for (int c = j + 1; c < k + width; ++c) {
      double* other = a + static_cast<size_t>(c) * n;
      const double x = other[j];
      if (x != 0.0)
        for (int i = j + 1; i < n; ++i) other[i] -= column[i] * x;
    }
  }
  return true;
}

// x -= l * u for a tile of kRows rows and C columns, summed in registers over the block's columns of L.
#if defined(__GNUC__)
typedef double Eight __attribute__((vector_size(64), aligned(8), may_alias));
constexpr int kRows = 16;

template <int C>
MANYSCALE_ALWAYS_INLINE void update_tile(const double* l, const double* u, double* x, size_t n, int width) {
  Eight sum[C][2];
  for (int q = 0; q < C; ++q) sum[q][0] = sum[q][1] = Eight{};
  for (int j = 0; j < width; ++j) {
    const Eight top = *reinterpret_cast<const Eight*>(l + j * n),
                below = *reinterpret_cast<const Eight*>(l + j * n + 8);
    for (int q = 0; q < C; ++q) {
      const double factor = u[j + q * n];
      sum[q][0] += top * factor, sum[q][1] += below * factor;
    }
  }
  for (int q = 0; q < C; ++q) {
    *reinterpret_cast<Eight*>(x + q * n) -= sum[q][0];
    *reinterpret_cast<Eight*>(x + q * n + 8) -= sum[q][1];
  }
}
#else
constexpr int kRows = 8;

template <int C>
inline void update_tile(const double* l, const double* u, double* x, size_t n, int width) {
  for (int q = 0; q < C; ++q) {
    double sum[kRows] = {};
    for (int j = 0; j < width; ++j)
      for (int i = 0; i < kRows; ++i) sum[i] += l[i + j * n] * u[j + q * n];
    for (int i = 0; i < kRows; ++i) x[i + q * n] -= sum[i];
  }
}
#endif

template <int C>
MANYSCALE_ALWAYS_INLINE void update_columns(double* a, int n, int k, int width, int c) {
  const size_t m = n;
  const double *lower = a + k * m, *upper = a + c * m + k;
  int i = k + width;
  for (; i + kRows <= n; i += kRows) update_tile<C>(lower + i, upper, a + c * m + i, m, width);
  for (int q = 0; i < n && q < C; ++q) {
    double* MANYSCALE_RESTRICT x = a + (c + q) * m;
    for (int j = 0; j < width; ++j) {
      const double factor = upper[j + q * m];
      const double* MANYSCALE_RESTRICT l = lower + j * m;
      for (int r = i; r < n; ++r) x[r] -= l[r] * factor;
    }
  }
}

MANYSCALE_ALWAYS_INLINE void update_trailing(double* a, int n, int k, int width) {
  const int first = k + width;
  for (int c = first; c < n; ++c) {  // the rows of U in this block
    double* column = a + static_cast<size_t>(c) * n;
    for (int j = k; j < first; ++j) {
      const double x = column[j];
      const double* lower = a + static_cast<size_t>(j) * n;
      if (x != 0.0)
        for (int i = j + 1; i < first; ++i) column[i] -= lower[i] * x;
    }
  }
  int c = first;
  for (; c + 4 <= n; c += 4) update_columns<4>(a, n, k, width, c);
  for (; c < n; ++c) update_columns<1>(a, n, k, width, c);
}

MANYSCALE_VECTORISED bool factor_in_place(double* a, int* pivot, int n) {
  for (int k = 0; k < n; k += n <= kWhole ? n : kBlock) {
    const int width = n <= kWhole ? n : std::min(kBlock, n - k);
    if (!factor_panel(a, pivot, n, k, width)) return false;
    if (k + width < n) update_trailing(a, n, k, width);
  }
  return true;
}

// For a handful of unknowns, where starting and ending vector loops costs more than they save.
bool factor_small(double* a, int* pivot, int n) {
  for (int j = 0; j < n; ++j) {
    double* column = a + j * n;
    int best = j;
    double most = std::fabs(column[j]);
    for (int i = j + 1; i < n; ++i)
      if (std::fabs(column[i]) > most) most = std::fabs(column[i]), best = i;
    pivot[j] = best;
    if (!(most > 0.0 && most <= std::numeric_limits<double>::max())) return false;
    if (best != j)
      for (int c = 0; c < n; ++c) std::swap(a[j + c * n], a[best + c * n]);
    const double scale = 1.0 / column[j];
    for (int i = j + 1; i < n; ++i) column[i] *= scale;
    for (int c = j + 1; c < n; ++c) {
      double* other = a + c * n;
      const double x = other[j];
      if (x != 0.0)
        for (int i = j + 1; i < n; ++i) other[i] -= column[i] * x;
    }
  }
  return true;
}

MANYSCALE_ALWAYS_INLINE void solve_with(const double* a, const int* pivot, int n, double* MANYSCALE_RESTRICT b) {
  for (int k = 0; k < n; ++k)
    if (pivot[k] != k) std::swap(b[k], b[pivot[k]]);
  for (int j = 0; j < n; ++j) {
    const double x = b[j];
    const double* MANYSCALE_RESTRICT column = a + static_cast<size_t>(j) * n;
    if (x != 0.0)
      for (int i = j + 1; i < n; ++i) b[i] -= column[i] * x;
  }
  for (int j = n - 1; j >= 0; --j) {
    const double* MANYSCALE_RESTRICT column = a + static_cast<size_t>(j) * n;
    const double x = b[j] = b[j] / column[j];
    for (int i = 0; i < j; ++i) b[i] -= column[i] * x;
  }
}

MANYSCALE_VECTORISED void solve_large(const double* a, const int* pivot, int n, double* b) {
  solve_with(a, pivot, n, b);
}

}  // namespace

bool DenseLu::factor() {
  return n_ <= 5 ? factor_small(a_.data(), pivot_.data(), n_) : factor_in_place(a_.data(), pivot_.data(), n_);
}

void DenseLu::solve(double* b) const {
  if (n_ <= 5) solve_with(a_.data(), pivot_.data(), n_, b);
  else solve_large(a_.data(), pivot_.data(), n_, b);
}

}  // namespace manyscale
