#include "linalg/iteration_matrix.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

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

std::shared_ptr<const MatrixPlan> plan_of(const Problem& problem) {
  SharedPlan* shared = problem.shared_plan();
  if (!shared) return std::make_shared<const MatrixPlan>(problem);
  const std::lock_guard<std::mutex> guard(shared->lock);
  if (!shared->plan) shared->plan = std::make_shared<const MatrixPlan>(problem);
  return shared->plan;
}

}  // namespace

MatrixPlan::MatrixPlan(const Problem& problem) : joint(joined(problem.pattern(), problem.mass_pattern())) {
  jacobian_place = places(problem.pattern(), joint);
  const int n = problem.size();
  if (problem.mass_pattern()) {
    mass_place = places(*problem.mass_pattern(), joint);
  } else {
    SparsePattern diagonal;
    diagonal.rows = diagonal.columns = n;
    for (int j = 0; j <= n; ++j) diagonal.column_start.push_back(j);
    for (int j = 0; j < n; ++j) diagonal.row.push_back(j);
    mass_place = places(diagonal, joint);
  }
  if (n > 16 && joint.nonzeros() < 0.5 * n * n) {
    lu.analyse(joint);
    // A scattered multiplication costs about as much as eight dense ones.
    sparse = lu.sparse_work() * 8.0 + lu.dense_work() + 60.0 * n < static_cast<double>(n) * n * n / 3.0;
  }
}

IterationMatrix::IterationMatrix(const Problem& problem)
    : problem_(problem), n_(problem.size()), has_mass_(problem.mass_pattern() != nullptr), plan_(plan_of(problem)),
      scale_(problem.size(), 1.0) {
  if (plan_->sparse) {
    values_.resize(plan_->joint.row.size());
    sparse_ = plan_->lu;
  } else {
    dense_.resize(n_);
  }
}

bool IterationMatrix::factor_dense(double a, const double* jacobian) {
  double* matrix = dense_.matrix();
  std::fill_n(matrix, static_cast<size_t>(n_) * n_, 0.0);
  const SparsePattern& pattern = problem_.pattern();
  for (int j = 0; j < n_; ++j)
    for (int e = pattern.column_start[j]; e < pattern.column_start[j + 1]; ++e)
      matrix[pattern.row[e] + static_cast<size_t>(j) * n_] -= scale_[pattern.row[e]] * jacobian[e];
  if (has_mass_) {
    const SparsePattern& mass = *problem_.mass_pattern();
    for (int j = 0; j < n_; ++j)
      for (int e = mass.column_start[j]; e < mass.column_start[j + 1]; ++e)
        matrix[mass.row[e] + static_cast<size_t>(j) * n_] += scale_[mass.row[e]] * a * problem_.mass_values()[e];
  } else {
    for (int j = 0; j < n_; ++j) matrix[j + static_cast<size_t>(j) * n_] += scale_[j] * a;
  }
  return dense_.factor();
}

bool IterationMatrix::factor_sparse(double a, const double* jacobian) {
  std::fill(values_.begin(), values_.end(), 0.0);
  const std::vector<int>& place = plan_->jacobian_place;
  for (size_t e = 0; e < place.size(); ++e) values_[place[e]] = -jacobian[e];
  const double* mass = problem_.mass_values();
  const std::vector<int>& diagonal = plan_->mass_place;
  for (size_t e = 0; e < diagonal.size(); ++e) values_[diagonal[e]] += has_mass_ ? a * mass[e] : a;
  const std::vector<int32_t>& row = plan_->joint.row;
  for (size_t e = 0; e < row.size(); ++e) values_[e] *= scale_[row[e]];
  return sparse_.factor(values_.data());
}

// Powers of two, so that scaling rounds nothing: the exponents of `size` turned round.
void IterationMatrix::choose_scales(const double* size) {
  constexpr uint64_t kExponent = 0x7ff0000000000000, kLargest = 0x7fd0000000000000;
  for (int i = 0; i < n_; ++i) {
    const uint64_t exponent = std::min(std::bit_cast<uint64_t>(size[i]) & kExponent, kLargest);
    scale_[i] = std::bit_cast<double>(0x7fe0000000000000 - exponent);
  }
}

bool IterationMatrix::factor(double a, const double* jacobian, const double* size) {
  choose_scales(size);
  return plan_->sparse ? factor_sparse(a, jacobian) : factor_dense(a, jacobian);
}

void IterationMatrix::solve(double* b) const {
  for (int i = 0; i < n_; ++i) b[i] *= scale_[i];
  if (plan_->sparse) sparse_.solve(b);
  else dense_.solve(b);
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
