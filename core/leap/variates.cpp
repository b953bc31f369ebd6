#include "leap/variates.hpp"

#include <algorithm>

namespace manyscale {

double log_factorial(double n) {
  static constexpr double small[] = {0.0,
                                     0.0,
                                     0.6931471805599453,
                                     1.791759469228055,
                                     3.1780538303479458,
                                     4.787491742782046,
                                     6.579251212010101,
                                     8.525161361065415,
                                     10.60460290274525,
                                     12.801827480081469};
  if (n < 10.0) return small[static_cast<int>(n)];
  const double r = 1.0 / n, s = r * r;  // Stirling's series
  return (n + 0.5) * std::log(n) - n + 0.9189385332046727 +
         r * (1.0 / 12 - s * (1.0 / 360 - s * (1.0 / 1260 - s * (1.0 / 1680 - s * (1.0 / 1188)))));
}

namespace {

double poisson_by_inversion(double mean, Philox& random) {
  double u = random.uniform(), p = std::exp(-mean), k = 0.0;
  while (u >= p && p > 0.0) {
    u -= p;
    k += 1.0;
    p *= mean / k;
  }
  return k;
}

double binomial_by_inversion(double n, double p, Philox& random) {
  const double ratio = p / (1.0 - p);
  double u = random.uniform(), chance = std::exp(n * std::log1p(-p)), k = 0.0;
  while (u >= chance && k < n) {
    u -= chance;
    k += 1.0;
    chance *= ratio * (n - k + 1.0) / k;
  }
  return k;
}

}  // namespace

double poisson(double mean, Philox& random) {
  if (!(mean > 0.0)) return 0.0;
  if (mean < 10.0) return poisson_by_inversion(mean, random);
  const double b = 0.931 + 2.53 * std::sqrt(mean), a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4), sure = 0.9277 - 3.6224 / (b - 2.0);
  while (true) {
    const double u = random.uniform() - 0.5, v = random.positive(), us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= sure) return k;
    if (k < 0.0 || (us < 0.013 && v > us)) continue;
    if (std::log(v * inverse_alpha / (a / (us * us) + b)) <= k * std::log(mean) - mean - log_factorial(k)) return k;
  }
}

double binomial(double n, double p, Philox& random) {
  if (!(n > 0.0) || !(p > 0.0)) return 0.0;
  if (p >= 1.0) return n;
  if (p > 0.5) return n - binomial(n, 1.0 - p, random);
  if (n * p < 10.0) return binomial_by_inversion(n, p, random);
  const double spread = std::sqrt(n * p * (1.0 - p)), b = 1.15 + 2.53 * spread;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p, c = n * p + 0.5;
  const double sure = 0.92 - 4.2 / b, alpha = (2.83 + 5.1 / b) * spread;
  const double mode = std::floor((n + 1.0) * p), log_ratio = std::log(p / (1.0 - p));
  const double top = log_factorial(mode) + log_factorial(n - mode);
  while (true) {
    const double u = random.uniform() - 0.5, v = random.positive(), us = 0.5 - std::abs(u);
    const double k = std::floor((2.0 * a / us + b) * u + c);
    if (us >= 0.07 && v <= sure) return k;
    if (k < 0.0 || k > n) continue;
    if (std::log(v * alpha / (a / (us * us) + b)) <=
        top - log_factorial(k) - log_factorial(n - k) + (k - mode) * log_ratio)
      return k;
  }
}

}  // namespace manyscale
