// A model's equations as the members of an ensemble: one row of parameters per member.
#pragma once

#include "equations.hpp"
#include "integrators/lanes.hpp"

namespace manyscale {

class EquationLanes : public LaneProblem {
 public:
  // p: (members, parameters); for models without mass matrix and switching functions.
  EquationLanes(std::shared_ptr<const EquationData> data, const double* p, LaneCode code = {})
      : equations_(data, code), count_(data->parameters), p_(p), lanes_(static_cast<size_t>(count_) * kLanes) {}
  int size() const override { return equations_.size(); }
  void load(int lane, int64_t member) override {
    for (int k = 0; k < count_; ++k) lanes_[static_cast<size_t>(k) * kLanes + lane] = p_[member * count_ + k];
    equations_.set_parameters(lanes_.data());
  }
  void rhs(const double* t, const double* y, double* dydt) override { equations_.rhs(t, y, dydt); }
  const SparsePattern& pattern() const override { return equations_.pattern(); }
  void jacobian(const double* t, const double* y, double* values) override { equations_.jacobian(t, y, values); }
  bool is_autonomous() const override { return equations_.is_autonomous(); }
  void time_derivative(const double* t, const double* y, double* dfdt) override {
    equations_.time_derivative(t, y, dfdt);
  }

 private:
  LaneEquations equations_;
  int count_;
  const double* p_;
  std::vector<double> lanes_;
};

}  // namespace manyscale
