#include "integrators/hurried.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace manyscale {

Hurried::Hurried(Problem& inner, std::vector<Entry> entries)
    : inner_(inner), entries_(std::move(entries)), inner_values_(inner.pattern().nonzeros()), rates_(inner.size()) {
  if (inner.mass_pattern()) throw std::invalid_argument("only equations without a mass matrix can be sped up");
  const SparsePattern& p = inner.pattern();
  const int n = inner.size();
  std::vector<std::vector<int>> of_variable(n);  // entries_ by variable
  for (size_t e = 0; e < entries_.size(); ++e) {
    if (entries_[e].row < 0 || entries_[e].row >= n || entries_[e].variable < 0 || entries_[e].variable >= n)
      throw std::invalid_argument("no such state");
    of_variable[entries_[e].variable].push_back(static_cast<int>(e));
  }
  pattern_.rows = pattern_.columns = n;
  pattern_.column_start.assign(1, 0);
  for (int c = 0; c < n; ++c) {
    const auto begin = p.row.begin() + p.column_start[c], end = p.row.begin() + p.column_start[c + 1];
    std::vector<int32_t> rows(begin, end);
    for (auto row = begin; row != end; ++row)
      for (int e : of_variable[*row]) rows.push_back(entries_[e].row);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    const int first = pattern_.nonzeros();
    const auto entry_of = [&](int row) {
      return first + static_cast<int>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin());
    };
    for (auto row = begin; row != end; ++row) {
      place_.push_back(entry_of(*row));
      const int from = static_cast<int>(row - p.row.begin());
      for (int e : of_variable[*row]) products_.push_back({entry_of(entries_[e].row), from, entries_[e].value});
    }
    pattern_.row.insert(pattern_.row.end(), rows.begin(), rows.end());
    pattern_.column_start.push_back(pattern_.nonzeros());
  }
}

void Hurried::spread(const double* rates, double* out) const {
  for (const Entry& e : entries_) out[e.row] += e.value * rates[e.variable];
}

void Hurried::rhs(double t, const double* y, double* dydt) {
  inner_.rhs(t, y, dydt);
  rates_.assign(dydt, dydt + size());
  spread(rates_.data(), dydt);
}

void Hurried::time_derivative(double t, const double* y, double* dfdt) {
  inner_.time_derivative(t, y, dfdt);
  rates_.assign(dfdt, dfdt + size());
  spread(rates_.data(), dfdt);
}

void Hurried::jacobian(double t, const double* y, double* values) {
  inner_.jacobian(t, y, inner_values_.data());
  std::fill_n(values, pattern_.nonzeros(), 0.0);
  for (size_t e = 0; e < place_.size(); ++e) values[place_[e]] = inner_values_[e];
  for (const Product& p : products_) values[p.to] += p.value * inner_values_[p.from];
}

}  // namespace manyscale
