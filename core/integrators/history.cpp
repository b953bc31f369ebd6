#include "integrators/history.hpp"

#include <algorithm>

namespace manyscale {

void History::evaluate(double t, double* y) const {
  if (ends_.empty() || t < begin_) {
    std::copy(first_.begin(), first_.end(), y);
    return;
  }
  size_t k = std::lower_bound(ends_.begin(), ends_.end(), t) - ends_.begin();
  if (k == ends_.size()) k = ends_.size() - 1;  // extrapolates the last step
  const double s = (t - starts_[k]) / (ends_[k] - starts_[k]) * (kPoints - 1);
  const double* values = values_.data() + k * kPoints * n_;
  double weight[kPoints];
  for (int i = 0; i < kPoints; ++i) {
    weight[i] = 1.0;
    for (int j = 0; j < kPoints; ++j)
      if (j != i) weight[i] *= (s - j) / (i - j);
  }
  for (int i = 0; i < n_; ++i) {
    y[i] = 0.0;
    for (int j = 0; j < kPoints; ++j) y[i] += weight[j] * values[static_cast<size_t>(j) * n_ + i];
  }
}

}  // namespace manyscale
