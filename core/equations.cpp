#include "equations.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace manyscale {

Equations::Equations(std::shared_ptr<const EquationData> data) : data_(std::move(data)) {
  slots_.assign(data_->slots, 0.0);
  std::copy(data_->constants.begin(), data_->constants.end(), slots_.begin() + data_->first_constant);
  scratch_.resize(std::max(data_->table.terms, data_->table.partials));
  mass_.resize(data_->mass_slot.size());
}

void Equations::set_parameters(const double* p) {
  double* own = slots_.data() + data_->states + 1;
  const size_t bytes = sizeof(double) * data_->parameters;
  if (set_ && (bytes == 0 || std::memcmp(own, p, bytes) == 0)) return;
  if (bytes) std::memcpy(own, p, bytes);
  set_ = true;
  run_scalar(data_->still.data(), data_->still.size(), slots_.data());
  for (size_t k = 0; k < mass_.size(); ++k) mass_[k] = slots_[data_->mass_slot[k]];
}

void Equations::run(const Program& program, double t, const double* y, double* out) {
  double* slots = slots_.data();
  std::memcpy(slots, y, sizeof(double) * data_->states);
  slots[data_->states] = t;
  run_scalar(program.code.data(), program.code.size(), slots);
  run_.count += static_cast<int64_t>(program.code.size());
  copy(program, out);
}

void Equations::copy(const Program& program, double* out) const {
  for (size_t k = 0; k < program.slot.size(); ++k) out[program.place[k]] = slots_[program.slot[k]];
}

void Equations::rhs(double t, const double* y, double* dydt) {
  if (!data_->rhs_complete) std::fill_n(dydt, data_->states, 0.0);
  if (compiled_rhs_) {
    copy(data_->rhs_still, dydt);
    compiled_rhs_(t, y, slots_.data(), dydt);
    for (auto [from, to] : data_->rhs_equal) dydt[to] = dydt[from];
  } else {
    run(data_->rhs, t, y, dydt);
  }
  if (!data_->table.empty()) add_rhs<1>(data_->table, slots_.data(), y, scratch_.data(), dydt);
}

void Equations::jacobian(double t, const double* y, double* values) {
  if (!data_->jacobian_complete) std::fill_n(values, data_->pattern.nonzeros(), 0.0);
  if (compiled_jacobian_) {
    copy(data_->jacobian_still, values);
    compiled_jacobian_(t, y, slots_.data(), values);
    for (auto [from, to] : data_->jacobian_equal) values[to] = values[from];
  } else {
    run(data_->jacobian, t, y, values);
  }
  if (!data_->table.empty()) add_jacobian<1>(data_->table, slots_.data(), y, scratch_.data(), values);
}

void Equations::time_derivative(double t, const double* y, double* dfdt) {
  std::fill_n(dfdt, data_->states, 0.0);
  run(data_->time, t, y, dfdt);
}

void Equations::roots(double t, const double* y, double* g) { run(data_->roots, t, y, g); }

LaneEquations::LaneEquations(std::shared_ptr<const EquationData> data, LaneCode code)
    : data_(std::move(data)), code_(code) {
  slots_.assign(static_cast<size_t>(std::max(data_->slots, code_.slots)) * kLanes, 0.0);
  for (size_t k = 0; k < data_->constants.size(); ++k)
    std::fill_n(slots_.begin() + (data_->first_constant + k) * kLanes, kLanes, data_->constants[k]);
  scratch_.resize(static_cast<size_t>(std::max(data_->table.terms, data_->table.partials)) * kLanes);
  mass_.resize(data_->mass_slot.size() * kLanes);
}

void LaneEquations::set_parameters(const double* p) {
  std::copy_n(p, static_cast<size_t>(data_->parameters) * kLanes, slots_.begin() + (data_->states + 1) * kLanes);
  run_lanes(data_->still.data(), data_->still.size(), slots_.data());
  for (size_t k = 0; k < data_->mass_slot.size(); ++k)
    std::copy_n(slots_.begin() + static_cast<size_t>(data_->mass_slot[k]) * kLanes, kLanes, mass_.begin() + k * kLanes);
}

void LaneEquations::run(const Program& program, const double* t, const double* y, double* out) {
  double* slots = slots_.data();
  std::memcpy(slots, y, sizeof(double) * data_->states * kLanes);
  std::memcpy(slots + data_->states * kLanes, t, sizeof(double) * kLanes);
  run_lanes(program.code.data(), program.code.size(), slots);
  copy(program, out);
}

void LaneEquations::copy(const Program& program, double* out) const {
  for (size_t k = 0; k < program.slot.size(); ++k)
    std::memcpy(out + static_cast<size_t>(program.place[k]) * kLanes,
                slots_.data() + static_cast<size_t>(program.slot[k]) * kLanes, sizeof(double) * kLanes);
}

static void repeat(const std::vector<std::pair<int32_t, int32_t>>& equal, double* out) {
  for (auto [from, to] : equal) std::copy_n(out + static_cast<size_t>(from) * kLanes, kLanes, out + static_cast<size_t>(to) * kLanes);
}

void LaneEquations::rhs(const double* t, const double* y, double* dydt) {
  if (!data_->rhs_complete) std::fill_n(dydt, data_->states * kLanes, 0.0);
  if (code_.rhs) {
    copy(data_->rhs_still, dydt);
    code_.rhs(t, y, slots_.data(), dydt);
    repeat(data_->rhs_equal, dydt);
  } else {
    run(data_->rhs, t, y, dydt);
  }
  if (!data_->table.empty()) add_rhs<kLanes>(data_->table, slots_.data(), y, scratch_.data(), dydt);
}

void LaneEquations::jacobian(const double* t, const double* y, double* values) {
  if (!data_->jacobian_complete) std::fill_n(values, data_->pattern.nonzeros() * kLanes, 0.0);
  if (code_.jacobian) {
    copy(data_->jacobian_still, values);
    code_.jacobian(t, y, slots_.data(), values);
    repeat(data_->jacobian_equal, values);
  } else {
    run(data_->jacobian, t, y, values);
  }
  if (!data_->table.empty()) add_jacobian<kLanes>(data_->table, slots_.data(), y, scratch_.data(), values);
}

void LaneEquations::time_derivative(const double* t, const double* y, double* dfdt) {
  std::fill_n(dfdt, data_->states * kLanes, 0.0);
  run(data_->time, t, y, dfdt);
}

void LaneEquations::roots(const double* t, const double* y, double* g) { run(data_->roots, t, y, g); }

void evaluate(const Formulas& f, int64_t points, const double* times, const double* states, const double* p,
              bool moving, double* out) {
  std::vector<double> slots(static_cast<size_t>(f.slots) * kLanes, 0.0);
  for (size_t k = 0; k < f.constants.size(); ++k)
    std::fill_n(slots.begin() + (f.first_constant + k) * kLanes, kLanes, f.constants[k]);
  double* own = slots.data() + static_cast<size_t>(f.states + 1) * kLanes;
  for (int k = 0; !moving && k < f.parameters; ++k) std::fill_n(own + static_cast<size_t>(k) * kLanes, kLanes, p[k]);
  for (int64_t first = 0; first < points; first += kLanes) {
    const int used = static_cast<int>(std::min<int64_t>(kLanes, points - first));
    for (int l = 0; l < kLanes; ++l) {
      const int64_t point = first + std::min(l, used - 1);
      for (int i = 0; i < f.states; ++i) slots[i * kLanes + l] = states[point * f.states + i];
      slots[f.states * kLanes + l] = times[point];
      for (int k = 0; moving && k < f.parameters; ++k) own[k * kLanes + l] = p[point * f.parameters + k];
    }
    run_lanes(f.program.code.data(), f.program.code.size(), slots.data());
    for (size_t k = 0; k < f.program.slot.size(); ++k)
      std::copy_n(slots.data() + static_cast<size_t>(f.program.slot[k]) * kLanes, used,
                  out + f.program.place[k] * points + first);
  }
}

}  // namespace manyscale
