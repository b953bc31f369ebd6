#include <algorithm>
#include <cmath>
#include <vector>

#include "leap/clock.hpp"
#include "tests/check.hpp"

namespace manyscale {
namespace {

struct Law {
  double mean, ratio;  // of variance to mean
};

// Firings within `length` by proposals that are taken back when they are many, as leaps are, and now and then by single
// firings.
Law law_of_firings(double length, double proposal, double most, bool forgetful, bool singles) {
  constexpr int paths = 40000;
  double sum = 0.0, squares = 0.0;
  for (int path = 0; path < paths; ++path) {
    Philox random(11, path);
    Clock clock;
    double left = length, count = 0.0;
    int turn = 0;
    while (left > 1e-12) {
      double d = std::min(proposal, left);
      if (singles && ++turn % 3 == 0) {
        const double next = clock.next(random);
        const bool fires = next < d;
        const double passed = fires ? next : d;
        clock.pass(passed, fires ? 1.0 : 0.0);
        left -= passed, count += fires;
        continue;
      }
      double fired = clock.draw(d, random);
      while (fired > most * d && d > 1e-3) {
        if (!forgetful) clock.learn(d, fired, fired);
        d *= 0.5;
        fired = clock.draw(d, random);
      }
      clock.pass(d, fired);
      left -= d, count += fired;
    }
    sum += count, squares += count * count;
  }
  const double mean = sum / paths;
  return {mean, (squares / paths - mean * mean) / mean};
}

CLAIM("a clock of which proposals are taken back has the law of a Poisson process") {
  for (const bool singles : {false, true}) {
    const Law law = law_of_firings(60.0, 8.0, 1.2, false, singles);
    EXPECT(std::abs(law.mean - 60.0) < 4.5 * std::sqrt(60.0 / 40000));
    EXPECT(std::abs(law.ratio - 1.0) < 4.5 * std::sqrt(2.0 / 40000));
  }
}

CLAIM("a clock that forgets what was taken back has not") {
  const Law law = law_of_firings(60.0, 8.0, 1.2, true, false);
  EXPECT(std::abs(law.mean - 60.0) > 20.0 * std::sqrt(60.0 / 40000));
}

CLAIM("logarithms of factorials") {
  double sum = 0.0;
  for (int n = 1; n <= 400; ++n) {
    sum += std::log(static_cast<double>(n));
    EXPECT(std::abs(log_factorial(n) - sum) < 1e-12 * (1.0 + sum));
  }
}

}  // namespace
}  // namespace manyscale
