#include "integrators/vectors.hpp"

#include <algorithm>
#include <cmath>

#include "linalg/clones.hpp"

namespace manyscale {

namespace {

template <int S>
MANYSCALE_ALWAYS_INLINE void add(int n, const double* base, const double* MANYSCALE_RESTRICT k,
                                 const double* MANYSCALE_RESTRICT w, double* out) {
  for (int i = 0; i < n; ++i) {
    double sum = base[i];
    for (int s = 0; s < S; ++s) sum += w[s] * k[i + static_cast<size_t>(s) * n];
    out[i] = sum;
  }
}

template <int S>
MANYSCALE_ALWAYS_INLINE void set(int n, const double* MANYSCALE_RESTRICT k, const double* MANYSCALE_RESTRICT w,
                                 double* MANYSCALE_RESTRICT out) {
  for (int i = 0; i < n; ++i) {
    double sum = w[0] * k[i];
    for (int s = 1; s < S; ++s) sum += w[s] * k[i + static_cast<size_t>(s) * n];
    out[i] = sum;
  }
}

template <int S>
MANYSCALE_ALWAYS_INLINE void both(int n, const double* base, const double* k, const double* w, double* out) {
  if (base) add<S>(n, base, k, w, out);
  else set<S>(n, k, w, out);
}

MANYSCALE_VECTORISED void combine_few(int count, int n, const double* base, const double* k, const double* w,
                                      double* out) {
  switch (count) {
    case 1: return both<1>(n, base, k, w, out);
    case 2: return both<2>(n, base, k, w, out);
    case 3: return both<3>(n, base, k, w, out);
    case 4: return both<4>(n, base, k, w, out);
    case 5: return both<5>(n, base, k, w, out);
    case 6: return both<6>(n, base, k, w, out);
    case 7: return both<7>(n, base, k, w, out);
    default: return both<8>(n, base, k, w, out);
  }
}

}  // namespace

void combine(int count, int n, const double* base, const double* k, const double* weight, double* out) {
  combine_few(std::min(count, 8), n, base, k, weight, out);
  for (int done = 8; done < count; done += 8)
    combine_few(std::min(count - done, 8), n, out, k + static_cast<size_t>(done) * n, weight + done, out);
}

MANYSCALE_VECTORISED double scaled_norm(int n, const double* x, const double* a, const double* b, double rtol,
                                        const double* atol) {
  constexpr int kWidth = 8;
  double part[kWidth] = {}, sum = 0.0;
  int i = 0;
  for (; i + kWidth <= n; i += kWidth)
    for (int q = 0; q < kWidth; ++q) {
      const double p = std::fabs(a[i + q]), r = std::fabs(b[i + q]);
      const double ratio = x[i + q] / (atol[i + q] + rtol * (p > r ? p : r));
      part[q] += ratio * ratio;
    }
  for (; i < n; ++i) {
    const double p = std::fabs(a[i]), r = std::fabs(b[i]);
    const double ratio = x[i] / (atol[i] + rtol * (p > r ? p : r));
    sum += ratio * ratio;
  }
  for (double p : part) sum += p;
  return n ? std::sqrt(sum / n) : 0.0;
}

}  // namespace manyscale
