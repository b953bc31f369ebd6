// The solution so far, for equations with delays: each step kept as values at five points of its dense output.
#pragma once
#include <cmath>
#include <cstddef>
#include <vector>

namespace manyscale {

class History {
 public:
  // n numbers per time: the state and what is remembered beside it.
  void start(double t, const std::vector<double>& values) {
    n_ = static_cast<int>(values.size());
    begin_ = t;
    first_ = values;
    ends_.clear(), starts_.clear(), values_.clear();
  }
  template <class Values>
  void add(double from, double to, Values values) {
    if (!(to > from)) return;
    starts_.push_back(from), ends_.push_back(to);
    const size_t place = values_.size();
    values_.resize(place + static_cast<size_t>(kPoints) * n_);
    for (int k = 0; k < kPoints; ++k)
      values(from + (to - from) * k / (kPoints - 1), values_.data() + place + static_cast<size_t>(k) * n_);
  }
  // Values at t; where nothing is known yet, extrapolated from the last step. At a jump, those after it.
  void evaluate(double t, double* values) const;
  void start_value(double* values) const { std::copy(first_.begin(), first_.end(), values); }
  double begin() const { return begin_; }
  bool empty() const { return n_ == 0; }

 private:
  static constexpr int kPoints = 5;
  int n_ = 0;
  double begin_ = 0.0;
  std::vector<double> first_, starts_, ends_, values_;
};

}  // namespace manyscale
