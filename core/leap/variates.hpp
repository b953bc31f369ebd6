// Poisson, binomial and normal numbers from a stream: transformed rejection for large means (Hoermann, Insurance:
// Mathematics and Economics 12:39, 1993; J. Stat. Comput. Simul. 46:101, 1993), inversion for small ones.
#pragma once
#include <cmath>

#include "jump/philox.hpp"

namespace manyscale {

// log(n!) for whole n >= 0.
double log_factorial(double n);
double poisson(double mean, Philox& random);
double binomial(double n, double p, Philox& random);

inline double exponential(Philox& random) { return -std::log(random.positive()); }

// Standard normal numbers in pairs (Box & Muller, Ann. Math. Stat. 29:610, 1958).
class Normals {
 public:
  double next(Philox& random) {
    if (kept_) {
      kept_ = false;
      return spare_;
    }
    const double radius = std::sqrt(2.0 * exponential(random)), angle = 6.283185307179586 * random.uniform();
    spare_ = radius * std::sin(angle), kept_ = true;
    return radius * std::cos(angle);
  }

 private:
  double spare_ = 0.0;
  bool kept_ = false;
};

}  // namespace manyscale
