// Runs of a problem from start to end, for tests.
#pragma once
#include "integrators/solver.hpp"
#include "tests/models.hpp"

namespace manyscale::runs {

inline Options options_for(int n, Method method, double rtol, double atol) {
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

inline Path integrate(Problem& problem, std::vector<double> y0, double t0, const std::vector<double>& times,
                      Options options) {
  Path path;
  path.out.resize(times.size() * y0.size());
  Solver solver(problem, options);
  solver.start(t0, y0.data(), false);
  path.end = solver.advance(times.back(), times.data(), static_cast<int>(times.size()), path.out.data());
  path.statistics = solver.statistics();
  return path;
}

inline std::vector<double> grid(double a, double b, int points) {
  std::vector<double> times(points);
  for (int i = 0; i < points; ++i) times[i] = a + (b - a) * i / (points - 1);
  return times;
}

inline constexpr Method kMethods[] = {Method::automatic, Method::bdf, Method::rosenbrock, Method::explicit_rk};

}  // namespace manyscale::runs
