#include "integrators/stepper.hpp"

#include <algorithm>

namespace manyscale {

int worst_component(int n, const double* x, const double* y, const Tolerances& tolerances) {
  int worst = 0;
  double most = -1.0;
  for (int i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return i;
    const double ratio = std::fabs(x[i]) / (tolerances.absolute[i] + tolerances.relative * std::fabs(y[i]));
    if (ratio > most) most = ratio, worst = i;
  }
  return worst;
}

double largest_row_sum(const SparsePattern& pattern, const double* values, double* rows) {
  std::fill_n(rows, pattern.rows, 0.0);
  for (size_t e = 0; e < pattern.row.size(); ++e) rows[pattern.row[e]] += std::fabs(values[e]);
  return pattern.rows ? *std::max_element(rows, rows + pattern.rows) : 0.0;
}

double initial_step(Problem& problem, double t, const double* y, const double* f, double span, int order,
                    const Tolerances& tolerances, Statistics& statistics) {
  const int n = problem.size();
  const double size_y = weighted_norm(n, y, y, y, tolerances), size_f = weighted_norm(n, f, y, y, tolerances);
  double h = size_y < 1e-5 || size_f < 1e-5 ? 1e-6 * span : 0.01 * size_y / size_f;
  h = std::min(h, span);
  std::vector<double> y1(n), f1(n);
  for (int i = 0; i < n; ++i) y1[i] = y[i] + h * f[i];
  problem.rhs(t + h, y1.data(), f1.data());
  ++statistics.rhs;
  for (int i = 0; i < n; ++i) f1[i] -= f[i];
  const double second = weighted_norm(n, f1.data(), y, y, tolerances) / h;
  const double most = std::max(size_f, second);
  if (!std::isfinite(most)) return 1e-6 * h;
  const double guess = most <= 1e-15 ? std::max(1e-6 * span, h * 1e-3) : std::pow(0.01 / most, 1.0 / order);
  return std::min({100.0 * h, guess, span});
}

}  // namespace manyscale
