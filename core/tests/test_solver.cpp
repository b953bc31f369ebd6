#include <cmath>

#include "integrators/consistent.hpp"
#include "tests/check.hpp"
#include "tests/runs.hpp"

namespace manyscale {

using models::Plain;
using namespace runs;

CLAIM("roots are found to full accuracy, with their direction, and do not fire again") {
  // y = sin t crosses 0.5 at pi/6 (up) and 5 pi/6 (down), and so on.
  Plain p(
      2, [](double, const double* y, double* f) { f[0] = y[1], f[1] = -y[0]; },
      [](double, const double*, double* j) { j[1] = -1, j[2] = 1; });
  p.switching(2, [](double t, const double* y, double* g) { g[0] = y[0] - 0.5, g[1] = t - 2.0; });
  const double pi = std::acos(-1.0);
  for (Method method : kMethods)
    for (bool restart : {false, true}) {
      Solver solver(p, options_for(2, method, 1e-10, 1e-10));
      const double y0[2] = {0, 1};
      solver.start(0.0, y0, false);
      const double expected[] = {pi / 6, 2.0, 5 * pi / 6, 2 * pi + pi / 6, 2 * pi + 5 * pi / 6};
      const int direction[] = {1, 1, -1, 1, -1}, which[] = {0, 1, 0, 0, 0};
      for (int k = 0; k < 5; ++k) {
        Advance a = solver.advance(12.0, nullptr, 0, nullptr);
        // Where a function was exactly zero at a stop, it stops once more when it leaves zero.
        if (k > 0 && a.t < expected[k - 1] + 1e-6) a = solver.advance(12.0, nullptr, 0, nullptr);
        EXPECT(a.status == Status::root);
        EXPECT_LESS(std::fabs(a.t - expected[k]), k == 1 ? 1e-14 : 3e-7);
        EXPECT(solver.fired()[which[k]] == direction[k] && solver.fired()[1 - which[k]] == 0);
        double g[2];
        p.roots(a.t, solver.y().data(), g);
        EXPECT(direction[k] * g[which[k]] >= 0);
        EXPECT_LESS(std::fabs(g[which[k]]), 1e-12);
        const std::vector<double> y = solver.y();
        if (restart) solver.start(a.t, y.data(), true);
      }
      EXPECT(solver.advance(12.0, nullptr, 0, nullptr).status == Status::reached);
    }
}

CLAIM("a switching function that is zero at the start fires once when it leaves zero") {
  Plain p(1, [](double, const double*, double* f) { f[0] = 1; }, [](double, const double*, double* j) { j[0] = 0; });
  p.switching(1, [](double, const double* y, double* g) { g[0] = y[0]; });
  Solver solver(p, options_for(1, Method::automatic, 1e-8, 1e-8));
  const double y0 = 0;
  solver.start(0.0, &y0, false);
  Advance a = solver.advance(1.0, nullptr, 0, nullptr);
  EXPECT(a.status == Status::root);
  EXPECT_LESS(a.t, 1e-12);
  const double y = solver.y()[0];
  solver.start(a.t, &y, true);
  EXPECT(solver.advance(1.0, nullptr, 0, nullptr).status == Status::reached);
}

CLAIM("a blow-up is reported with its place, time and component") {
  // y0 is calm, y1' = y1^2 blows up at t = 1.
  Plain p(
      2, [](double, const double* y, double* f) { f[0] = -y[0], f[1] = y[1] * y[1]; },
      [](double, const double* y, double* j) { j[0] = -1, j[3] = 2 * y[1]; });
  for (Method method : kMethods) {
    const Path path = integrate(p, {1, 1}, 0.0, {2.0}, options_for(2, method, 1e-6, 1e-9));
    EXPECT(path.end.status == Status::too_small || path.end.status == Status::not_finite);
    EXPECT(path.end.component == 1);
    EXPECT_LESS(std::fabs(path.end.t - 1), 1e-3);
    EXPECT(path.end.written == 0);
  }
}

CLAIM("numbers that are not finite are refused, or stepped around") {
  Plain bad(
      1, [](double t, const double*, double* f) { f[0] = std::sqrt(1 - t); }, [](double, const double*, double*) {});
  bad.time_slope([](double t, const double*, double* d) { d[0] = -0.5 / std::sqrt(1 - t); });
  for (Method method : kMethods) {
    const Path inside = integrate(bad, {0}, 0.0, {0.99}, options_for(1, method, 1e-8, 1e-8));
    EXPECT(inside.end.status == Status::reached);
    EXPECT_LESS(std::fabs(inside.out[0] - 2.0 / 3 * (1 - 1e-3)), 5e-6);
    const Path path = integrate(bad, {0}, 0.0, {2.0}, options_for(1, method, 1e-8, 1e-8));
    EXPECT(path.end.status != Status::reached && path.end.component == 0);
    EXPECT_LESS(path.end.t, 1.0 + 1e-9);
    const Path start = integrate(bad, {0}, 1.5, {2.0}, options_for(1, method, 1e-8, 1e-8));
    EXPECT(start.end.status == Status::not_finite && start.end.component == 0 && start.end.t == 1.5);
  }
}

CLAIM("the nonnegative rule rejects steps and never changes values") {
  // Stiff decay: at loose tolerance an ordinary run undershoots zero.
  Plain p(
      2, [](double, const double* y, double* f) { f[0] = -1000 * y[0] * y[1], f[1] = -0.1 * y[1]; },
      [](double, const double* y, double* j) { j[0] = -1000 * y[1], j[2] = -1000 * y[0], j[3] = -0.1; });
  for (Method method : kMethods) {
    Options options = options_for(2, method, 1e-2, 1e-4);
    options.tolerances.nonnegative = {1, 1};
    const auto times = grid(0, 1, 101);
    const Path path = integrate(p, {1, 1}, 0.0, times, options);
    EXPECT(path.end.status == Status::reached);
    for (size_t k = 0; k < times.size(); ++k) EXPECT_LESS(-2e-3, path.out[2 * k]);
  }
  Plain falling(1, [](double, const double*, double* f) { f[0] = -1; }, [](double, const double*, double*) {});
  Options options = options_for(1, Method::automatic, 1e-6, 1e-6);
  options.tolerances.nonnegative = {1};
  const Path path = integrate(falling, {1}, 0.0, {2.0}, options);
  EXPECT(path.end.status == Status::too_small && path.end.component == 0);
  EXPECT_LESS(std::fabs(path.end.t - 1), 1e-5);
}

CLAIM("a run in pieces equals a run at once, and can be interrupted and resumed") {
  models::Mapk p;
  const auto times = grid(0, 900, 31);
  for (Method method : kMethods) {
    const Options options = options_for(8, method, 1e-8, 1e-8);
    const Path whole = integrate(p, models::Mapk::start(), 0.0, times, options);
    Options pieces = options;
    pieces.max_steps = 37;
    int polls = 0;
    pieces.poll = [&polls] { return ++polls % 2 == 1; };
    Solver solver(p, pieces);
    const auto y0 = models::Mapk::start();
    solver.start(0.0, y0.data(), false);
    std::vector<double> out(8 * times.size());
    int written = 0, calls = 0, limits = 0;
    for (Status status = Status::step_limit; status != Status::reached && calls < 1000; ++calls) {
      const Advance a = solver.advance(900, times.data() + written, 31 - written, out.data() + 8 * written);
      written += a.written;
      status = a.status;
      limits += status == Status::step_limit;
    }
    EXPECT(written == 31 && limits > 1);
    EXPECT(out == whole.out);
  }
  Options options = options_for(8, Method::automatic, 1e-10, 1e-10);
  options.poll = [] { return true; };
  Path path = integrate(p, models::Mapk::start(), 0.0, times, options);
  EXPECT(path.end.status == Status::interrupted && path.end.t > 0 && path.end.t < 900);
}

CLAIM("the automatic method leaves the explicit one where the problem is stiff and returns where it is not") {
  Plain robertson = models::robertson();
  const Path stiff = integrate(robertson, {1, 0, 0}, 0.0, {1e4}, options_for(3, Method::automatic, 1e-6, 1e-10));
  EXPECT(stiff.statistics.switches >= 1 && stiff.statistics.steps_explicit < 100);
  models::Mapk mapk;
  const Path mild = integrate(mapk, models::Mapk::start(), 0.0, {3000}, options_for(8, Method::automatic, 1e-6, 1e-6));
  EXPECT(mild.statistics.steps_explicit > mild.statistics.steps / 2);
  // Stiff until t = 10, then an oscillation.
  Plain both(
      2,
      [](double t, const double* y, double* f) {
        const double k = t < 10 ? 1e5 : 0.0;
        f[0] = y[1] - k * (y[0] - 1), f[1] = -y[0];
      },
      [](double t, const double*, double* j) { j[0] = t < 10 ? -1e5 : 0.0, j[1] = -1, j[2] = 1; });
  both.time_slope([](double, const double*, double* d) { d[0] = d[1] = 0; });
  const Path path = integrate(both, {1, 0}, 0.0, {10, 200}, options_for(2, Method::automatic, 1e-6, 1e-6));
  EXPECT(path.end.status == Status::reached);
  EXPECT(path.statistics.steps_rosenbrock > 0 && path.statistics.switches >= 2);
}

CLAIM("times at and before the start, equal times and no times are answered") {
  Plain p(
      1, [](double, const double* y, double* f) { f[0] = -y[0]; }, [](double, const double*, double* j) { j[0] = -1; });
  Solver solver(p, options_for(1, Method::automatic, 1e-8, 1e-8));
  const double y0 = 1;
  solver.start(0.0, &y0, false);
  double out[4];
  const double times[4] = {0, 0, 1, 1};
  Advance a = solver.advance(1.0, times, 4, out);
  EXPECT(a.written == 4 && out[0] == 1 && out[1] == 1 && out[2] == out[3]);
  EXPECT_LESS(std::fabs(out[2] - std::exp(-1.0)), 1e-7);
  a = solver.advance(1.0, nullptr, 0, nullptr);
  EXPECT(a.status == Status::reached && a.t == 1.0);
}

CLAIM("starting again after a jump keeps a sensible step") {
  models::Mapk p;
  for (Method method : kMethods) {
    Solver solver(p, options_for(8, method, 1e-6, 1e-6));
    auto y = models::Mapk::start();
    solver.start(0.0, y.data(), false);
    for (int k = 1; k <= 20; ++k) {
      EXPECT(solver.advance(10.0 * k, nullptr, 0, nullptr).status == Status::reached);
      y = solver.y();
      y[0] += 1, y[1] -= 1;
      solver.start(10.0 * k, y.data(), true);
    }
    EXPECT_LESS(static_cast<double>(solver.statistics().steps), 1200.0);
  }
}

CLAIM("algebraic variables get consistent initial values, or the equation that has none is named") {
  // 0 = z^3 + z - x - 10 (one real solution), 0 = w - x z.
  auto rhs = [](double, const double* y, double* f) {
    f[0] = -y[0], f[1] = y[1] * y[1] * y[1] + y[1] - y[0] - 10, f[2] = y[2] - y[0] * y[1];
  };
  auto jacobian = [](double, const double* y, double* j) {
    j[0] = -1, j[1] = -1, j[2] = -y[1], j[4] = 3 * y[1] * y[1] + 1, j[5] = -y[0], j[8] = 1;
  };
  Plain p(3, rhs, jacobian);
  p.diagonal_mass({1, 0, 0});
  Tolerances tolerances;
  tolerances.absolute.assign(3, 1e-9);
  for (double guess : {0.0, 2.0, -50.0, 1e4}) {
    double y[3] = {0.0, guess, 7.0};
    const Consistency c = make_consistent(p, 0.0, y, tolerances);
    EXPECT(c.found && y[0] == 0.0);
    EXPECT_LESS(std::fabs(y[1] - 2.0), 1e-9);
    EXPECT_LESS(std::fabs(y[2]), 1e-9);
  }
  Plain none(2, [](double, const double* y, double* f) { f[0] = 0, f[1] = y[1] * y[1] + 1; },
             [](double, const double* y, double* j) { j[3] = 2 * y[1]; });
  none.diagonal_mass({1, 0});
  double y[2] = {0.0, 3.0};
  const Consistency c = make_consistent(none, 0.0, y, tolerances);
  EXPECT(!c.found && c.equation == 1 && y[1] == 3.0);
  EXPECT_LESS(0.9, c.residual);
  Plain ordinary = models::van_der_pol(1);
  EXPECT(make_consistent(ordinary, 0.0, y, tolerances).found);
}

}  // namespace manyscale
