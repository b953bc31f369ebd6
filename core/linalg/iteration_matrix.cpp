#include "linalg/iteration_matrix.hpp"

#include <algorithm>
#include <cmath>

namespace manyscale {

namespace {

// Entries of `part` within `whole`.
std::vector<int> places(const SparsePattern& part, const SparsePattern& whole) {
  std::vector<int> place;
  place.reserve(part.row.size());
  for (int j = 0; j < part.columns; ++j)
    for (int e = part.column_start[j]; e < part.column_start[j + 1]; ++e) {
      const auto begin = whole.row.begin() + whole.column_start[j], end = whole.row.begin() + whole.column_start[j + 1];
      place.push_back(static_cast<int>(std::lower_bound(begin, end, part.row[e]) - whole.row.begin()));
    }
  return place;
}

SparsePattern joined(const SparsePattern& a, const SparsePattern* b) {
  SparsePattern result;
  result.rows = result.columns = a.columns;
  result.column_start.assign(1, 0);
  std::vector<int32_t> rows;
  for (int j = 0; j < a.columns; ++j) {
    rows.assign(a.row.begin() + a.column_start[j], a.row.begin() + a.column_start[j + 1]);
    if (b) rows.insert(rows.end(), b->row.begin() + b->column_start[j], b->row.begin() + b->column_start[j + 1]);
    rows.push_back(j);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    result.row.insert(result.row.end(), rows.begin(), rows.end());
    result.column_start.push_back(static_cast<int32_t>(result.row.size()));
  }
  return result;
}

}  // namespace

IterationMatrix::IterationMatrix(const Problem& problem)
    : problem_(problem), n_(problem.size()), has_mass_(problem.mass_pattern() != nullptr) {
  joint_ = joined(problem.pattern(), problem.mass_pattern());
  jacobian_place_ = places(problem.pattern(), joint_);
  if (has_mass_) {
    mass_place_ = places(*problem.mass_pattern(), joint_);
  } else {
    SparsePattern diagonal;
    diagonal.rows = diagonal.columns = n_;
    for (int j = 0; j <= n_; ++j) diagonal.column_start.push_back(j);
    for (int j = 0; j < n_; ++j) diagonal.row.push_back(j);
    mass_place_ = places(diagonal, joint_);
  }
  values_.resize(joint_.row.size());
  if (n_ > 16 && joint_.nonzeros() < 0.5 * n_ * n_) {
    sparse_.analyse(joint_);
    // A scattered multiplication costs about as much as eight dense ones.
    sparse_chosen_ =
        sparse_.sparse_work() * 8.0 + sparse_.dense_work() + 60.0 * n_ < static_cast<double>(n_) * n_ * n_ / 3.0;
  }
  if (!sparse_chosen_) dense_.resize(n_);
}

bool IterationMatrix::factor_dense(double a, const double* jacobian) {
  double* matrix = dense_.matrix();
  std::fill_n(matrix, static_cast<size_t>(n_) * n_, 0.0);
  const SparsePattern& pattern = problem_.pattern();
  for (int j = 0; j < n_; ++j)
    for (int e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e)
      matrix[pattern.row[e] + static_cast<size_t>(j) * n_] -= jacobian[e];
  if (has_mass_) {
    const SparsePattern& mass = *problem_.mass_pattern();
    for (int j = 0; j < n_; ++j)
      for (int e = mass.column_start[j]; e < mass.column_start[j + 1]; ++e)
        matrix[mass.row[e] + static_cast<size_t>(j) * n_] += a * problem_.mass_values()[e];
  } else {
    for (int j = 0; j < n_; ++j) matrix[j + static_cast<size_t>(j) * n_] += a;
  }
  return dense_.factor();
}

bool IterationMatrix::factor(double a, const double* jacobian) {
  if (!sparse_chosen_) return factor_dense(a, jacobian);
  std::fill(values_.begin(), values_.end(), 0.0);
  for (size_t e = 0; e < jacobian_place_.size(); ++e) values_[jacobian_place_[e]] = -jacobian[e];
  const double* mass = problem_.mass_values();
  for (size_t e = 0; e < mass_place_.size(); ++e) values_[mass_place_[e]] += has_mass_ ? a * mass[e] : a;
  return sparse_.factor(values_.data());
}

void IterationMatrix::multiply_mass(const double* x, double* y) const {
  if (!has_mass_) {
    std::copy_n(x, n_, y);
    return;
  }
  std::fill_n(y, n_, 0.0);
  const SparsePattern& mass = *problem_.mass_pattern();
  for (int j = 0; j < n_; ++j)
    for (int e = mass.column_start[j]; e < mass.column_start[j + 1]; ++e)
      y[mass.row[e]] += problem_.mass_values()[e] * x[j];
}

}  // namespace manyscale
