#include "integrators/consistent.hpp"

#include <algorithm>

#include "linalg/dense_lu.hpp"

namespace manyscale {

namespace {

// The algebraic part of a problem: rows of M without entries, variables of M without entries.
class AlgebraicPart {
 public:
  AlgebraicPart(Problem& problem, double t)
      : problem_(problem), t_(t), f_(problem.size()), values_(problem.pattern().nonzeros()) {
    const int n = problem.size();
    std::vector<char> row_used(n, 0), column_used(n, 0);
    const SparsePattern& mass = *problem.mass_pattern();
    for (int j = 0; j < n; ++j)
      for (int e = mass.column_start[j]; e < mass.column_start[j + 1]; ++e)
        if (problem.mass_values()[e] != 0.0) row_used[mass.row[e]] = column_used[j] = 1;
    row_place_.assign(n, -1);
    for (int i = 0; i < n; ++i) {
      if (!row_used[i]) row_place_[i] = static_cast<int>(rows.size()), rows.push_back(i);
      if (!column_used[i]) variables.push_back(i);
    }
  }
  bool square() const { return rows.size() == variables.size(); }
  int size() const { return static_cast<int>(rows.size()); }

  // Residuals of the algebraic rows; false when one is not finite.
  bool residual(const std::vector<double>& y, std::vector<double>& r) {
    problem_.rhs(t_, y.data(), f_.data());
    bool finite = true;
    for (int k = 0; k < size(); ++k) r[k] = f_[rows[k]], finite &= std::isfinite(r[k]);
    return finite;
  }

  bool factor(const std::vector<double>& y) {
    problem_.jacobian(t_, y.data(), values_.data());
    lu_.resize(size());
    const SparsePattern& pattern = problem_.pattern();
    for (int c = 0; c < size(); ++c)
      for (int e = pattern.column_start[variables[c]]; e < pattern.column_start[variables[c] + 1]; ++e)
        if (row_place_[pattern.row[e]] >= 0)
          lu_.matrix()[row_place_[pattern.row[e]] + static_cast<size_t>(c) * size()] = values_[e];
    return lu_.factor();
  }
  // Newton's correction for a residual, with the matrix factored last.
  void correction(const std::vector<double>& r, std::vector<double>& change) const {
    for (size_t k = 0; k < r.size(); ++k) change[k] = -r[k];
    lu_.solve(change.data());
  }
  std::vector<int> rows, variables;

 private:
  Problem& problem_;
  double t_;
  std::vector<double> f_, values_;
  std::vector<int> row_place_;
  DenseLu lu_;
};

// Root-mean-square of a change against the tolerances at y and z.
double length(const std::vector<double>& change, const std::vector<int>& variables, const std::vector<double>& y,
              const std::vector<double>& z, const Tolerances& tolerances) {
  double sum = 0.0;
  for (size_t k = 0; k < variables.size(); ++k) {
    const int i = variables[k];
    const double ratio =
        change[k] / (tolerances.absolute[i] + tolerances.relative * std::max(std::fabs(y[i]), std::fabs(z[i])));
    sum += ratio * ratio;
  }
  return std::sqrt(sum / std::max<size_t>(1, variables.size()));
}

}  // namespace

Consistency make_consistent(Problem& problem, double t, double* y, const Tolerances& tolerances) {
  Consistency result;
  result.found = true;
  if (!problem.mass_pattern()) return result;
  AlgebraicPart part(problem, t);
  if (part.size() == 0) return result;
  result.found = false;
  std::vector<double> now(y, y + problem.size()), trial, r(part.size()), change(part.size()), next(part.size());
  bool usable = part.square() && part.residual(now, r);
  for (; usable && result.iterations < 50; ++result.iterations) {
    if (!part.factor(now)) break;
    part.correction(r, change);
    const double size = length(change, part.variables, now, now, tolerances);
    if (!std::isfinite(size)) break;
    double share = 1.0;
    bool better = false;
    for (int halvings = 0; halvings < 12 && !better; ++halvings, share *= 0.5) {
      trial = now;
      for (int k = 0; k < part.size(); ++k) trial[part.variables[k]] += share * change[k];
      if (!part.residual(trial, r)) continue;
      part.correction(r, next);  // natural monotonicity test (Deuflhard, Newton Methods, Springer 2004)
      better = size < 0.01 || length(next, part.variables, now, trial, tolerances) <
                                  (1.0 - 0.25 * share) * length(change, part.variables, now, trial, tolerances);
    }
    if (!better) break;
    now = trial;
    if (size < 0.01) {
      std::copy(now.begin(), now.end(), y);
      result.found = true;
      return result;
    }
  }
  part.residual(now, r);
  for (int k = 0; k < part.size(); ++k)
    if (result.equation < 0 || !(std::fabs(r[k]) <= std::fabs(result.residual)))
      result.equation = part.rows[k], result.residual = r[k];
  return result;
}

}  // namespace manyscale
