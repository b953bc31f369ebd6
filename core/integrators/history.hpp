// The solution so far, for equations with delays: each step kept as values at five points of its dense output.
#pragma once
#include <cstddef>
#include <vector>

namespace manyscale {

class History {
 public:
  void start(double t, const std::vector<double>& y) {
    n_ = static_cast<int>(y.size());
    begin_ = t;
    first_ = y;
    ends_.clear(), starts_.clear(), values_.clear();
  }
  template <class Interpolate>
  void add(double from, double to, Interpolate interpolate) {
    if (!(to > from)) return;
    starts_.push_back(from), ends_.push_back(to);
    const size_t place = values_.size();
    values_.resize(place + static_cast<size_t>(kPoints) * n_);
    for (int k = 0; k < kPoints; ++k)
      interpolate(from + (to - from) * k / (kPoints - 1), values_.data() + place + static_cast<size_t>(k) * n_);
  }
  // y(t); before the start, and where nothing is known yet, the nearest known value.
  void evaluate(double t, double* y) const;
  double end() const { return ends_.empty() ? begin_ : ends_.back(); }

 private:
  static constexpr int kPoints = 5;
  int n_ = 0;
  double begin_ = 0.0;
  std::vector<double> first_, starts_, ends_, values_;
};

}  // namespace manyscale
