// exp, log and pow without branches, so that loops over lanes become vector code. Accurate to about one unit in the
// last place; series and argument reduction as in Muller, Elementary Functions (Birkhauser, 2016), chapters 5 and 11.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#if defined(__GNUC__)
#define MANYSCALE_INLINE inline __attribute__((always_inline))
#else
#define MANYSCALE_INLINE __forceinline
#endif

namespace manyscale::lane {

inline constexpr double kLn2High = 0x1.62e42fee00000p-1, kLn2Low = 0x1.a39ef35793c76p-33;
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// 2**k for whole k in [-1022, 1023].
MANYSCALE_INLINE double two_to(double k) {
  const int64_t bits = std::bit_cast<int64_t>(k + (0x1.8p52 + 1023.0));
  return std::bit_cast<double>(bits << 52);
}

// exp(x + tail) for a tail that is small against x.
MANYSCALE_INLINE double exp_sum(double x, double tail) {
  const double bounded = x > 800.0 ? 800.0 : x < -800.0 ? -800.0 : x;
  const double k = (bounded * 0x1.71547652b82fep+0 + 0x1.8p52) - 0x1.8p52;
  const double r = (bounded - k * kLn2High) - k * kLn2Low + tail;
  double p = 1.0 / 6227020800.0;  // Taylor; |r| <= 0.35, the first term left out is below 5e-18
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r * r + r + 1.0;
  const double half = (k * 0.5 + 0x1.8p52) - 0x1.8p52;  // in two steps, down to the smallest numbers
  return x != x ? x : p * two_to(half) * two_to(k - half);
}

MANYSCALE_INLINE double exp(double x) { return exp_sum(x, 0.0); }

// x = 2**e * m with m in [sqrt(1/2), sqrt(2)), for positive finite x.
MANYSCALE_INLINE void split(double x, double& m, double& e) {
  const bool small = x < 0x1p-1022;
  const int64_t bits = std::bit_cast<int64_t>(small ? x * 0x1p54 : x);
  const int64_t shifted = bits - 0x3fe6a09e667f3bcdLL;  // sqrt(1/2)
  const int64_t whole = shifted >> 52;
  m = std::bit_cast<double>(bits - (static_cast<uint64_t>(whole) << 52));
  e = std::bit_cast<double>(whole + 0x4338000000000000LL) - 0x1.8p52 - (small ? 54.0 : 0.0);
}

// 2 atanh(s)/s - 2 over z = s**2 <= 0.0295, divided by z.
MANYSCALE_INLINE double series(double z) {
  double p = 2.0 / 23.0;
  p = p * z + 2.0 / 21.0;
  p = p * z + 2.0 / 19.0;
  p = p * z + 2.0 / 17.0;
  p = p * z + 2.0 / 15.0;
  p = p * z + 2.0 / 13.0;
  p = p * z + 2.0 / 11.0;
  p = p * z + 2.0 / 9.0;
  p = p * z + 2.0 / 7.0;
  p = p * z + 2.0 / 5.0;
  return p * z + 2.0 / 3.0;
}

// log(x) = high + low for positive finite x.
MANYSCALE_INLINE void log_sum(double x, double& high, double& low) {
  double m, e;
  split(x, m, e);
  const double f = m - 1.0, d = 2.0 + f, s = f / d;
  const double rest = (std::fma(-s, d, f) - s * (f - (d - 2.0))) / d;
  const double z = s * s, whole = e * kLn2High;
  high = whole + 2.0 * s;
  low = (whole - high) + 2.0 * s + (e * kLn2Low + 2.0 * rest + s * z * series(z));
}

MANYSCALE_INLINE double log(double x) {
  double high, low;
  log_sum(x, high, low);
  const double value = high + low;
  const double edge = x == 0.0 ? -kInfinity : x == kInfinity ? x : std::numeric_limits<double>::quiet_NaN();
  return x > 0.0 && x < kInfinity ? value : edge;
}

// x**n for positive finite x and finite n.
MANYSCALE_INLINE double power_of_positive(double x, double n) {
  double high, low;
  log_sum(x, high, low);
  const double product = n * high;
  const double tail = std::fma(n, high, -product) + n * low;
  return exp_sum(product, std::fabs(product) < 1000.0 ? tail : 0.0);
}

}  // namespace manyscale::lane
