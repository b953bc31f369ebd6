#include <cmath>

#include "integrators/solver.hpp"
#include "tests/check.hpp"
#include "tests/runs.hpp"

namespace manyscale {

using models::Plain;
using namespace runs;

namespace {

// y' = -50 (y - cos t) - sin t, y = cos t: stiff, depends on time. z' = y z: not linear.
Plain prothero_robinson() {
  Plain p(
      2,
      [](double t, const double* y, double* f) {
        f[0] = -50 * (y[0] - std::cos(t)) - std::sin(t);
        f[1] = y[0] * y[1];
      },
      [](double, const double* y, double* j) { j[0] = -50, j[1] = y[1], j[2] = 0, j[3] = y[0]; });
  p.time_slope([](double t, const double*, double* d) { d[0] = -50 * std::sin(t) - std::cos(t), d[1] = 0; });
  return p;
}

// Nonlinear rotation with known solution: y = (cos, sin)(t^2 / 2).
Plain rotation() {
  Plain p(
      2, [](double t, const double* y, double* f) { f[0] = -t * y[1], f[1] = t * y[0]; },
      [](double t, const double*, double* j) { j[0] = 0, j[1] = t, j[2] = -t, j[3] = 0; });
  p.time_slope([](double, const double* y, double* d) { d[0] = -y[1], d[1] = y[0]; });
  return p;
}

// Steps of fixed size (loose tolerances, first step = largest step): error at the end and of dense output.
std::pair<double, double> fixed_step_errors(Method method, double h) {
  Plain p = rotation();
  Options options = options_for(2, method, 1e3, 1e3);
  options.first_step = options.max_step = h;
  const auto times = grid(0.0, 2.0, 203);
  const Path path = integrate(p, {1, 0}, 0.0, times, options);
  double dense = 0.0, end = 0.0;
  for (size_t k = 0; k < times.size(); ++k) {
    const double a = times[k] * times[k] / 2;
    end = std::hypot(path.out[2 * k] - std::cos(a), path.out[2 * k + 1] - std::sin(a));
    dense = std::max(dense, end);
  }
  return {end, dense};
}

}  // namespace

CLAIM("one-step methods have order 5, their dense output order 4") {
  for (Method method : {Method::rosenbrock, Method::explicit_rk}) {
    const auto [end_a, dense_a] = fixed_step_errors(method, 0.05);
    const auto [end_b, dense_b] = fixed_step_errors(method, 0.025);
    EXPECT_LESS(4.7, std::log2(end_a / end_b));
    EXPECT_LESS(3.8, std::log2(dense_a / dense_b));
    EXPECT_LESS(dense_a, 1e-5);
  }
}

CLAIM("errors follow the tolerance in every method") {
  Plain p = prothero_robinson();
  const auto times = grid(0.0, 3.0, 31);
  for (Method method : kMethods)
    for (double rtol : {1e-4, 1e-6, 1e-8, 1e-10}) {
      const Path path = integrate(p, {1, 1}, 0.0, times, options_for(2, method, rtol, rtol));
      EXPECT(path.end.status == Status::reached);
      double worst = 0.0;
      for (size_t k = 0; k < times.size(); ++k) {
        worst = std::max(worst, std::fabs(path.out[2 * k] - std::cos(times[k])));
        worst = std::max(worst, std::fabs(path.out[2 * k + 1] / std::exp(std::sin(times[k])) - 1));
      }
      EXPECT_LESS(worst, 300 * rtol);
    }
}

CLAIM("Robertson's problem matches its reference at 0.4, 40 and 4e5") {
  Plain p = models::robertson();
  const double reference[3][3] = {{0.985172114, 3.38639538e-5, 0.0147940222},
                                  {0.715827069, 9.18553476e-6, 0.284163746},
                                  {4.93827e-3, 1.98499e-8, 0.99506171}};
  const std::vector<double> times{0.4, 40, 4e5};
  for (Method method : {Method::automatic, Method::bdf, Method::rosenbrock}) {
    Options options = options_for(3, method, 1e-9, 1e-14);
    const Path path = integrate(p, {1, 0, 0}, 0.0, times, options);
    EXPECT(path.end.status == Status::reached);
    for (int k = 0; k < 3; ++k)
      for (int i = 0; i < 3; ++i)
        EXPECT_LESS(std::fabs(path.out[3 * k + i] / reference[k][i] - 1), k == 2 ? 2e-5 : 2e-8);
    EXPECT_LESS(static_cast<double>(path.statistics.steps), 2000.0);
  }
}

CLAIM("van der Pol's oscillator with mu = 1000 has its asymptotic period") {
  // (3 - 2 ln 2) mu + 7.01432 mu^(-1/3) - (2/3) ln(mu)/mu - 1.3233/mu (Dorodnicyn 1947), to O(mu^(-5/3)).
  const double period = 1613.705639 + 0.701432 - 0.004605 - 0.001323;
  Plain p = models::van_der_pol(1000);
  p.switching(1, [](double, const double* y, double* g) { g[0] = y[0]; });
  for (Method method : {Method::automatic, Method::bdf, Method::rosenbrock}) {
    Solver solver(p, options_for(2, method, 1e-9, 1e-9));
    const double y0[2] = {2, 0};
    solver.start(0.0, y0, false);
    std::vector<double> up;
    while (up.size() < 2) {
      const Advance a = solver.advance(5000, nullptr, 0, nullptr);
      EXPECT(a.status == Status::root);
      if (a.status != Status::root) return;
      if (solver.fired()[0] > 0 && solver.y()[0] > 0) up.push_back(a.t);
    }
    EXPECT_LESS(std::fabs(up[1] - up[0] - period), 1e-3);
  }
}

CLAIM("the Oregonator returns to the same maximum every period") {
  Plain p = models::oregonator();
  for (Method method : {Method::automatic, Method::bdf, Method::rosenbrock}) {
    const Path path = integrate(p, {1, 2, 3}, 0.0, {30, 180, 360}, options_for(3, method, 1e-10, 1e-10));
    // Hairer & Wanner's test set, t = 30 and 360.
    const double at30[3] = {1.000661467180497, 1512.778937348249, 10358.54312460};
    const double at360[3] = {1.000814870318523, 1228.178521549917, 132.0554942846706};
    EXPECT(path.end.status == Status::reached);
    for (int i = 0; i < 3; ++i) {
      EXPECT_LESS(std::fabs(path.out[i] / at30[i] - 1), 1e-6);
      EXPECT_LESS(std::fabs(path.out[6 + i] / at360[i] - 1), 1e-6);
    }
  }
}

CLAIM("algebraic equations hold along the whole solution") {
  // x' = -x + z, 0 = z^2 + x^2 - 1 + 0.1 sin t: the circle of slowly changing radius.
  Plain p(
      2,
      [](double t, const double* y, double* f) {
        f[0] = -y[0] + y[1], f[1] = y[1] * y[1] + y[0] * y[0] - 1 + 0.1 * std::sin(t);
      },
      [](double, const double* y, double* j) { j[0] = -1, j[1] = 2 * y[0], j[2] = 1, j[3] = 2 * y[1]; });
  p.time_slope([](double t, const double*, double* d) { d[0] = 0, d[1] = 0.1 * std::cos(t); }).diagonal_mass({1, 0});
  const auto times = grid(0, 10, 57);
  std::vector<double> last;
  for (Method method : {Method::automatic, Method::rosenbrock, Method::bdf}) {
    const Path path = integrate(p, {0, 1}, 0.0, times, options_for(2, method, 1e-8, 1e-8));
    EXPECT(path.end.status == Status::reached);
    for (size_t k = 0; k < times.size(); ++k) {
      const double x = path.out[2 * k], z = path.out[2 * k + 1];
      EXPECT_LESS(std::fabs(z * z + x * x - 1 + 0.1 * std::sin(times[k])), 2e-6);
      if (!last.empty()) EXPECT_LESS(std::fabs(x - last[2 * k]), 1e-6);
    }
    last = path.out;
  }
}

CLAIM("the MAPK cascade gives the same oscillations in every method, totals kept") {
  models::Mapk p;
  const auto times = grid(0, 3000, 61);
  const Path reference =
      integrate(p, models::Mapk::start(), 0.0, times, options_for(8, Method::rosenbrock, 1e-11, 1e-11));
  for (Method method : kMethods) {
    const Path path = integrate(p, models::Mapk::start(), 0.0, times, options_for(8, method, 1e-7, 1e-7));
    EXPECT(path.end.status == Status::reached && path.end.written == 61);
    for (size_t k = 0; k < times.size(); ++k) {
      const double* y = &path.out[8 * k];
      EXPECT_LESS(std::fabs(y[0] + y[1] - 100), 1e-7);
      EXPECT_LESS(std::fabs(y[2] + y[3] + y[4] - 300), 1e-7);
      for (int i = 0; i < 8; ++i) EXPECT_LESS(std::fabs(y[i] - reference.out[8 * k + i]), 5e-2);
    }
  }
}

}  // namespace manyscale
