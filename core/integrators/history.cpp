#include "integrators/history.hpp"

#include <algorithm>

namespace manyscale {

void History::evaluate(double t, double* values) const {
  const double rounding = 4e-15 * std::fabs(t);  // t is a difference of times: on a jump means after it
  if (ends_.empty() || t + rounding < begin_) {
    std::copy(first_.begin(), first_.end(), values);
    return;
  }
  size_t k = std::upper_bound(starts_.begin(), starts_.end(), t + rounding) - starts_.begin();
  k = k > 0 ? k - 1 : 0;
  const double* known = values_.data() + k * kPoints * n_;
  const double s = std::max(0.0, (t - starts_[k]) / (ends_[k] - starts_[k]) * (kPoints - 1));
  double weight[kPoints];
  for (int i = 0; i < kPoints; ++i) {
    weight[i] = 1.0;
    for (int j = 0; j < kPoints; ++j)
      if (j != i) weight[i] *= (s - j) / (i - j);
  }
  for (int i = 0; i < n_; ++i) {
    values[i] = 0.0;
    for (int j = 0; j < kPoints; ++j) values[i] += weight[j] * known[static_cast<size_t>(j) * n_ + i];
  }
}

}  // namespace manyscale
