// Random numbers of one path: xoshiro256+ (Blackman & Vigna, ACM Trans. Math. Softw. 47:36, 2021), whose state is drawn from
// Philox at (seed, stream); and the logarithm of a uniform number. Generated lane code does the same operations in the
// same order, so that a path is the same alone and among others.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>

#include "jump/philox.hpp"

namespace manyscale {

class Xoshiro {
 public:
  Xoshiro(uint64_t seed, uint64_t stream) {
    Philox philox(seed, stream);
    for (uint64_t& word : state) word = philox.next();
    state[0] |= 1;  // never all zero
  }
  // In [0, 1), a multiple of 2^-52.
  double uniform() { return one_to_two() - 1.0; }
  // In (0, 1), an odd multiple of 2^-53.
  double inside() { return one_to_two() - (1.0 - 0x1p-53); }
  uint64_t state[4];

 private:
  double one_to_two() {
    const uint64_t result = state[0] + state[3], t = state[1] << 17;
    state[2] ^= state[0], state[3] ^= state[1], state[1] ^= state[2], state[0] ^= state[3];
    state[2] ^= t;
    state[3] = std::rotl(state[3], 45);
    return std::bit_cast<double>((result >> 12) | 0x3FF0000000000000ull);
  }
};

// Coefficients of atanh(s) / s in s^2, highest first: log(m) = 2 atanh((m - 1) / (m + 1)).
inline constexpr double kLogSeries[] = {1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11,
                                        1.0 / 9,  1.0 / 7,  1.0 / 5,  1.0 / 3,  1.0};

// log(w) for w in (0, 1), to a few units in the last place.
inline double log_inside(double w) {
  const int64_t bits = std::bit_cast<int64_t>(w);
  double exponent = static_cast<double>((bits >> 52) - 1022);
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFll) | 0x3FE0000000000000ll);  // in [1/2, 1)
  if (m < 0.70710678118654752440) m += m, exponent -= 1.0;
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = kLogSeries[0];
  for (int k = 1; k < 10; ++k) p = std::fma(z, p, kLogSeries[k]);
  return std::fma(exponent, 0.69314718055994530942, (s + s) * p);
}

}  // namespace manyscale
