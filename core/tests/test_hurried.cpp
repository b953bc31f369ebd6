#include <cmath>

#include "integrators/hurried.hpp"
#include "tests/check.hpp"
#include "tests/runs.hpp"

namespace manyscale {

using models::Network;
using namespace runs;

namespace {

constexpr double kTimes = 1e4;

// E + S <-> C -> E + P; C is fast while the total S + C is slow and E + C stays.
Network enzyme() { return Network(4, {{{0, 1}, {2}, 1.0}, {{2}, {0, 1}, 3.0}, {{2}, {0, 3}, 0.5}}); }

std::vector<Hurried::Entry> binding() { return {{2, 2, kTimes}, {0, 2, -kTimes}, {1, 2, -kTimes}}; }

}  // namespace

CLAIM("the Jacobian of equations with directions sped up is that of their rates") {
  Network net = enzyme();
  Hurried fast(net, binding());
  const std::vector<double> y = {0.3, 2.0, 0.7, 0.1};
  std::vector<double> j(fast.pattern().nonzeros()), up(4), down(4);
  fast.jacobian(0.0, y.data(), j.data());
  for (int c = 0; c < 4; ++c) {
    std::vector<double> above = y, below = y, column(4, 0.0);
    above[c] += 1e-6, below[c] -= 1e-6;
    fast.rhs(0.0, above.data(), up.data());
    fast.rhs(0.0, below.data(), down.data());
    for (int e = fast.pattern().column_start[c]; e < fast.pattern().column_start[c + 1]; ++e)
      column[fast.pattern().row[e]] = j[e];
    for (int r = 0; r < 4; ++r) EXPECT_LESS(std::fabs((up[r] - down[r]) / 2e-6 - column[r]), 1e-4 * kTimes);
  }
}

// With T = S + C and a quasi-steady complex, T' = -0.5 C, where (1 - C) (T - C) = 3.5 C: the smaller root of
// C^2 - (T + 4.5) C + T.
CLAIM("directions sped up follow the quasi-steady state with totals as slow coordinates") {
  Network net = enzyme();
  Hurried fast(net, binding());
  models::Plain total(
      1,
      [](double, const double* y, double* f) {
        const double b = 4.5 + y[0];
        f[0] = -0.5 * 0.5 * (b - std::sqrt(b * b - 4.0 * y[0]));
      },
      [](double, const double* y, double* j) {
        const double b = 4.5 + y[0];
        j[0] = -0.25 * (1.0 - (b - 2.0) / std::sqrt(b * b - 4.0 * y[0]));
      });
  const auto times = grid(0.0, 20.0, 11);
  const Path small = integrate(total, {2.0}, 0.0, times, options_for(1, Method::automatic, 1e-9, 1e-12));
  const Path sped = integrate(fast, {1.0, 2.0, 0.0, 0.0}, 0.0, times, options_for(4, Method::automatic, 1e-8, 1e-12));
  const Path full = integrate(net, {1.0, 2.0, 0.0, 0.0}, 0.0, times, options_for(4, Method::automatic, 1e-8, 1e-12));
  double most = 0.0;
  for (size_t k = 1; k < times.size(); ++k) {
    const double* y = &sped.out[4 * k];
    EXPECT_LESS(std::fabs(y[1] + y[2] - small.out[k]), 20.0 / kTimes);
    EXPECT_LESS(std::fabs(y[0] + y[2] - 1.0), 1e-9);
    const double* own = &full.out[4 * k];
    most = std::max(most, std::fabs(own[1] + own[2] - small.out[k]));
  }
  EXPECT_LESS(200.0 / kTimes, most);  // the equations themselves do not follow it so closely
}

}  // namespace manyscale
