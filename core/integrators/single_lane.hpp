// A problem in lanes seen as an ordinary one.
#pragma once
#include <algorithm>

#include "integrators/lanes.hpp"

namespace manyscale {

// One member after another through lane 0, as an ordinary problem.
class SingleLane : public Problem {
 public:
  explicit SingleLane(LaneProblem& problem)
      : problem_(problem),
        n_(problem.size()),
        y_(n_ * kLanes),
        out_(static_cast<size_t>(std::max(n_, problem.pattern().nonzeros())) * kLanes) {}
  int size() const override { return n_; }
  const SparsePattern& pattern() const override { return problem_.pattern(); }
  bool is_autonomous() const override { return problem_.is_autonomous(); }
  void rhs(double t, const double* y, double* f) override {
    spread(t, y), problem_.rhs(t_, y_.data(), out_.data()), collect(n_, f);
  }
  void jacobian(double t, const double* y, double* values) override {
    spread(t, y), problem_.jacobian(t_, y_.data(), out_.data()), collect(pattern().nonzeros(), values);
  }
  void time_derivative(double t, const double* y, double* d) override {
    spread(t, y), problem_.time_derivative(t_, y_.data(), out_.data()), collect(n_, d);
  }

 private:
  void spread(double t, const double* y) {
    std::fill_n(t_, kLanes, t);
    for (int i = 0; i < n_; ++i) std::fill_n(y_.begin() + i * kLanes, kLanes, y[i]);
  }
  void collect(int count, double* to) const {
    for (int i = 0; i < count; ++i) to[i] = out_[static_cast<size_t>(i) * kLanes];
  }
  LaneProblem& problem_;
  int n_;
  double t_[kLanes] = {};
  std::vector<double> y_, out_;
};

}  // namespace manyscale
