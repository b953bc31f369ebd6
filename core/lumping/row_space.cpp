#include "lumping/row_space.hpp"

#include <algorithm>

namespace manyscale {

uint64_t inverse_mod(uint64_t a) {
  uint64_t result = 1, base = a;
  for (uint64_t e = kPrime - 2; e; e >>= 1) {
    if (e & 1) result = multiply_mod(result, base);
    base = multiply_mod(base, base);
  }
  return result;
}

RowSpace::RowSpace(int columns) : columns_(columns), row_of_(columns, -1), dense_(columns, 0), touched_(columns, 0) {
  matrices_.start.assign(columns + 1, 0);
}

void RowSpace::set_matrices(FieldMatrices matrices) {
  matrices_ = std::move(matrices);
  multiplied_ = 0;
}

// What is left of a row without the space; one pass, because basis rows are zero at each other's leading columns.
FieldRow RowSpace::remainder(const FieldRow& row) {
  std::vector<int32_t> columns;
  const auto put = [&](int32_t column, uint64_t value) {
    if (!touched_[column]) touched_[column] = 1, columns.push_back(column);
    dense_[column] = add_mod(dense_[column], value);
  };
  for (const FieldEntry& e : row) put(e.column, e.value);
  const size_t own = columns.size();
  for (size_t k = 0; k < own; ++k) {
    const int32_t found = row_of_[columns[k]];
    const uint64_t factor = dense_[columns[k]];
    if (found < 0 || !factor) continue;
    for (const FieldEntry& e : basis_[found]) put(e.column, subtract_mod(0, multiply_mod(factor, e.value)));
  }
  std::sort(columns.begin(), columns.end());
  FieldRow left;
  for (int32_t column : columns) {
    if (dense_[column]) left.push_back({column, dense_[column]});
    dense_[column] = 0, touched_[column] = 0;
  }
  return left;
}

bool RowSpace::contains(const FieldRow& row) { return remainder(row).empty(); }

void RowSpace::clear_pivot(FieldRow& row, const FieldRow& pivot_row, int pivot) {
  const auto place = std::lower_bound(row.begin(), row.end(), pivot,
                                      [](const FieldEntry& e, int column) { return e.column < column; });
  if (place == row.end() || place->column != pivot) return;
  const uint64_t factor = place->value;
  FieldRow sum;
  sum.reserve(row.size() + pivot_row.size());
  auto a = row.begin();
  auto b = pivot_row.begin();
  while (a != row.end() || b != pivot_row.end()) {
    if (b == pivot_row.end() || (a != row.end() && a->column < b->column)) {
      sum.push_back(*a++);
      continue;
    }
    uint64_t value = subtract_mod(0, multiply_mod(factor, b->value));
    if (a != row.end() && a->column == b->column) value = add_mod(value, (a++)->value);
    if (value) sum.push_back({b->column, value});
    ++b;
  }
  row = std::move(sum);
}

bool RowSpace::add(const FieldRow& row) {
  FieldRow left = remainder(row);
  if (left.empty()) return false;
  const uint64_t factor = inverse_mod(left.front().value);
  for (FieldEntry& e : left) e.value = multiply_mod(e.value, factor);
  const int pivot = left.front().column;
  for (FieldRow& old : basis_) clear_pivot(old, left, pivot);
  row_of_[pivot] = static_cast<int32_t>(basis_.size());
  added_.push_back(left);
  origins_.push_back(row);
  basis_.push_back(std::move(left));
  return true;
}

void RowSpace::multiply(const FieldRow& row) {
  struct Term {
    int32_t matrix, column;
    uint64_t value;
  };
  std::vector<Term> terms;
  for (const FieldEntry& e : row)
    for (int64_t k = matrices_.start[e.column]; k < matrices_.start[e.column + 1]; ++k)
      terms.push_back({matrices_.matrix[k], matrices_.column[k], multiply_mod(e.value, matrices_.value[k])});
  std::sort(terms.begin(), terms.end(), [](const Term& a, const Term& b) {
    return a.matrix != b.matrix ? a.matrix < b.matrix : a.column < b.column;
  });
  FieldRow image;
  for (size_t k = 0; k < terms.size();) {
    const int32_t matrix = terms[k].matrix;
    image.clear();
    while (k < terms.size() && terms[k].matrix == matrix) {
      const int32_t column = terms[k].column;
      uint64_t sum = 0;
      for (; k < terms.size() && terms[k].matrix == matrix && terms[k].column == column; ++k)
        sum = add_mod(sum, terms[k].value);
      if (sum) image.push_back({column, sum});
    }
    if (!image.empty()) add(image);
  }
}

bool RowSpace::close(int64_t most) {
  for (int64_t k = 0; k < most && multiplied_ < added_.size(); ++k) {
    if (rank() == columns_) multiplied_ = added_.size();
    else multiply(FieldRow(added_[multiplied_++]));
  }
  return multiplied_ >= added_.size();
}

std::vector<FieldRow> RowSpace::rows() const {
  std::vector<FieldRow> sorted = basis_;
  std::sort(sorted.begin(), sorted.end(),
            [](const FieldRow& a, const FieldRow& b) { return a.front().column < b.front().column; });
  return sorted;
}

}  // namespace manyscale
