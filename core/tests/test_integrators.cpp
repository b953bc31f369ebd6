#include <cmath>

#include "integrators/consistent.hpp"
#include "integrators/solver.hpp"
#include "tests/check.hpp"
#include "tests/models.hpp"

namespace manyscale {
namespace {

using models::Plain;

Options options_for(int n, Method method, double rtol, double atol) {
  Options options;
  options.method = method;
  options.tolerances.relative = rtol;
  options.tolerances.absolute.assign(n, atol);
  return options;
}

struct Path {
  Advance end;
  std::vector<double> out;
  Statistics statistics;
};

Path integrate(Problem& problem, std::vector<double> y0, double t0, const std::vector<double>& times, Options options) {
  Path path;
  path.out.resize(times.size() * y0.size());
  Solver solver(problem, options);
  solver.start(t0, y0.data(), false);
  path.end = solver.advance(times.back(), times.data(), static_cast<int>(times.size()), path.out.data());
  path.statistics = solver.statistics();
  return path;
}

std::vector<double> grid(double a, double b, int points) {
  std::vector<double> times(points);
  for (int i = 0; i < points; ++i) times[i] = a + (b - a) * i / (points - 1);
  return times;
}

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

constexpr Method kMethods[] = {Method::automatic, Method::bdf, Method::rosenbrock, Method::explicit_rk};

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
      for (int i = 0; i < 3; ++i) EXPECT_LESS(std::fabs(path.out[3 * k + i] / reference[k][i] - 1), k == 2 ? 2e-5 : 2e-8);
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
  const Path reference = integrate(p, models::Mapk::start(), 0.0, times, options_for(8, Method::rosenbrock, 1e-11, 1e-11));
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
  Plain bad(1, [](double t, const double*, double* f) { f[0] = std::sqrt(1 - t); }, [](double, const double*, double*) {});
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
  Plain p(1, [](double, const double* y, double* f) { f[0] = -y[0]; }, [](double, const double*, double* j) { j[0] = -1; });
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
