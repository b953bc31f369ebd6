// Dense LU with partial pivoting, column-major, blocked for larger sizes.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

namespace manyscale {

class DenseLu {
 public:
  void resize(int n) {
    n_ = n;
    a_.assign(static_cast<size_t>(n) * n, 0.0);
    pivot_.resize(n);
  }
  int size() const { return n_; }
  double* matrix() { return a_.data(); }  // entry (i, j) at [i + j * n]; overwritten by factor()

  // False when a pivot is zero or not finite.
  bool factor() {
    for (int k = 0; k < n_; k += kBlock) {
      const int width = std::min(kBlock, n_ - k);
      if (!factor_panel(k, width)) return false;
      if (k + width < n_) update_trailing(k, width);
    }
    return true;
  }

  void solve(double* b) const {
    const double* a = a_.data();
    for (int k = 0; k < n_; ++k) {
      if (pivot_[k] != k) std::swap(b[k], b[pivot_[k]]);
    }
    for (int j = 0; j < n_; ++j) {
      const double x = b[j];
      const double* column = a + static_cast<size_t>(j) * n_;
      if (x != 0.0)
        for (int i = j + 1; i < n_; ++i) b[i] -= column[i] * x;
    }
    for (int j = n_ - 1; j >= 0; --j) {
      const double* column = a + static_cast<size_t>(j) * n_;
      const double x = b[j] = b[j] / column[j];
      for (int i = 0; i < j; ++i) b[i] -= column[i] * x;
    }
  }

 private:
  static constexpr int kBlock = 32;

  bool factor_panel(int k, int width) {
    double* a = a_.data();
    const size_t n = n_;
    for (int j = k; j < k + width; ++j) {
      double* column = a + j * n;
      int best = j;
      double most = std::fabs(column[j]);
      for (int i = j + 1; i < n_; ++i) {
        const double size = std::fabs(column[i]);
        if (size > most) most = size, best = i;
      }
      pivot_[j] = best;
      if (!(most > 0.0) || !std::isfinite(most)) return false;
      if (best != j)
        for (int c = 0; c < n_; ++c) std::swap(a[j + c * n], a[best + c * n]);
      const double scale = 1.0 / column[j];
      for (int i = j + 1; i < n_; ++i) column[i] *= scale;
      for (int c = j + 1; c < k + width; ++c) {
        double* other = a + c * n;
        const double x = other[j];
        if (x != 0.0)
          for (int i = j + 1; i < n_; ++i) other[i] -= column[i] * x;
      }
    }
    return true;
  }

  void update_trailing(int k, int width) {
    double* a = a_.data();
    const size_t n = n_;
    const int first = k + width;
    for (int c = first; c < n_; ++c) {
      double* column = a + c * n;
      for (int j = k; j < first; ++j) {  // the rows of U in this block
        const double x = column[j];
        const double* lower = a + j * n;
        if (x != 0.0)
          for (int i = j + 1; i < first; ++i) column[i] -= lower[i] * x;
      }
    }
    int c = first;
    for (; c + 4 <= n_; c += 4) update_columns<4>(k, width, c);
    for (; c < n_; ++c) update_columns<1>(k, width, c);
  }

  // Several columns share each load of L, and four rows of U are combined per pass over a column.
  template <int C>
  void update_columns(int k, int width, int c) {
    double* a = a_.data();
    const size_t n = n_;
    const int first = k + width;
    double* target[C];
    for (int q = 0; q < C; ++q) target[q] = a + (c + q) * n;
    int j = k;
    for (; j + 4 <= first; j += 4) {
      const double *l0 = a + j * n, *l1 = l0 + n, *l2 = l1 + n, *l3 = l2 + n;
      for (int q = 0; q < C; ++q) {
        double* x = target[q];
        const double u0 = x[j], u1 = x[j + 1], u2 = x[j + 2], u3 = x[j + 3];
        for (int i = first; i < n_; ++i) x[i] -= l0[i] * u0 + l1[i] * u1 + l2[i] * u2 + l3[i] * u3;
      }
    }
    for (; j < first; ++j) {
      const double* l = a + j * n;
      for (int q = 0; q < C; ++q) {
        double* x = target[q];
        const double u = x[j];
        for (int i = first; i < n_; ++i) x[i] -= l[i] * u;
      }
    }
  }

  int n_ = 0;
  std::vector<double> a_;
  std::vector<int> pivot_;
};

}  // namespace manyscale
