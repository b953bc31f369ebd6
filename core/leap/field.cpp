#include "leap/field.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace manyscale {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr int kNewtonSteps = 20;

}  // namespace

OutputValues::OutputValues(const Outputs& outputs, const double* p)
    : outputs_(&outputs),
      slots_(std::max(outputs.formulas.slots, outputs.compiled_slots), 0.0),
      values_(outputs.count(), 0.0) {
  const Formulas& f = outputs.formulas;
  if (slots_.empty()) return;
  std::copy(f.constants.begin(), f.constants.end(), slots_.begin() + f.first_constant);
  set_parameters(p);
}

void OutputValues::set_parameters(const double* p) {
  const Formulas& f = outputs_->formulas;
  if (!slots_.empty()) std::copy_n(p, f.parameters, slots_.begin() + f.states + 1);
}

const double* OutputValues::at(double t, const double* state) {
  const Formulas& f = outputs_->formulas;
  if (outputs_->compiled) {
    outputs_->compiled(t, state, slots_.data(), values_.data());
    return values_.data();
  }
  std::copy_n(state, f.states, slots_.begin());
  slots_[f.states] = t;
  run_scalar(f.program.code.data(), f.program.code.size(), slots_.data());
  for (size_t k = 0; k < values_.size(); ++k) values_[k] = slots_[f.program.slot[k]];
  return values_.data();
}

LeapField::LeapField(std::shared_ptr<const LeapModel> model, const double* p, const double* scale)
    : model_(std::move(model)),
      scale_(scale, scale + model_->states),
      state_(model_->states),
      slopes_(model_->slopes.count()),
      bounds_(model_->states),
      spread_bounds_(model_->states),
      mean_(model_->states),
      spread_(model_->states),
      elasticity_(model_->states),
      point_(model_->states),
      residual_(model_->states),
      rate_values_(model_->rates, p),
      slope_values_(model_->slopes, p),
      condition_values_(model_->condition, p),
      reference_(model_->condition.count(), 0) {}

void LeapField::set_parameters(const double* p, const double* scale) {
  std::copy_n(scale, scale_.size(), scale_.begin());
  rate_values_.set_parameters(p), slope_values_.set_parameters(p), condition_values_.set_parameters(p);
}

const double* LeapField::to_state(const double* counts) {
  for (size_t i = 0; i < state_.size(); ++i) state_[i] = counts[i] * scale_[i];
  return state_.data();
}

void LeapField::rates(double t, const double* counts, double* rates) {
  std::copy_n(rate_values_.at(t, to_state(counts)), model_->reactions, rates);
}

bool LeapField::condition(double t, const double* counts) {
  const double* truths = condition_values_.at(t, to_state(counts));
  for (size_t k = 0; k < reference_.size(); ++k)
    if ((truths[k] != 0.0) != (reference_[k] != 0)) return true;
  return false;
}

double LeapField::first_true(double from, double to, const double* counts) {
  while (true) {
    const double middle = 0.5 * (from + to);
    if (middle <= from || middle >= to || to - from < 1e-300) return to;
    (condition(middle, counts) ? to : from) = middle;
  }
}

void LeapField::find_slopes(double t, const double* counts) {
  const double* found = slope_values_.at(t, to_state(counts));
  for (size_t e = 0; e < slopes_.size(); ++e) slopes_[e] = found[e] * scale_[model_->reads.item[e]];
}

void LeapField::find_bounds(double t, const double* counts, const double* rates, double epsilon, double spread) {
  find_slopes(t, counts);
  const Ragged& reads = model_->reads;
  std::fill(elasticity_.begin(), elasticity_.end(), 0.0);
  for (int j = 0; j < model_->reactions; ++j) {
    double sum = 0.0;
    for (int e = reads.start[j]; e < reads.start[j + 1]; ++e)
      if (rates[j] > 0.0) sum += std::abs(slopes_[e]) * counts[reads.item[e]] / rates[j];
    if (!std::isfinite(sum)) sum = kInfinite;
    for (int e = reads.start[j]; e < reads.start[j + 1]; ++e) {
      double& most = elasticity_[reads.item[e]];
      most = std::max({most, sum, 1.0});
    }
  }
  for (int i = 0; i < model_->states; ++i) {
    const bool read = elasticity_[i] > 0.0;
    bounds_[i] = read ? std::max(epsilon * counts[i] / elasticity_[i], 1.0) : kInfinite;
    spread_bounds_[i] = read ? std::max(spread * counts[i] / elasticity_[i], 1.0) : kInfinite;
  }
}

double LeapField::step_limit(const double* rates, const std::vector<char>& chosen) {
  std::fill(mean_.begin(), mean_.end(), 0.0);
  std::fill(spread_.begin(), spread_.end(), 0.0);
  const Ragged& changed = model_->changed;
  for (int j = 0; j < model_->reactions; ++j) {
    if (!chosen[j] || !(rates[j] > 0.0)) continue;
    for (int e = changed.start[j]; e < changed.start[j + 1]; ++e) {
      const double n = model_->change[e];
      mean_[changed.item[e]] += n * rates[j];
      spread_[changed.item[e]] += n * n * rates[j];
    }
  }
  double step = kInfinite;
  for (int i = 0; i < model_->states; ++i) {
    const double bound = bounds_[i];
    if (!std::isfinite(bound)) continue;
    if (mean_[i] != 0.0) step = std::min(step, bound / std::abs(mean_[i]));
    if (spread_[i] > 0.0) step = std::min(step, spread_bounds_[i] * spread_bounds_[i] / spread_[i]);
  }
  return step;
}

double LeapField::relaxation(const std::vector<char>& chosen) {
  std::fill(mean_.begin(), mean_.end(), 0.0);
  const Ragged &changed = model_->changed, &reads = model_->reads;
  for (int j = 0; j < model_->reactions; ++j)
    for (int r = reads.start[j]; chosen[j] && r < reads.start[j + 1]; ++r)
      for (int e = changed.start[j]; e < changed.start[j + 1]; ++e)
        if (changed.item[e] == reads.item[r]) mean_[reads.item[r]] += model_->change[e] * slopes_[r];
  double most = 0.0;
  for (double rate : mean_) most = std::max(most, std::abs(rate));
  return most;
}

double LeapField::own_return(int reaction) const {
  const Ragged &changed = model_->changed, &reads = model_->reads;
  double sum = 0.0;
  for (int r = reads.start[reaction]; r < reads.start[reaction + 1]; ++r)
    for (int e = changed.start[reaction]; e < changed.start[reaction + 1]; ++e)
      if (changed.item[e] == reads.item[r]) sum -= model_->change[e] * slopes_[r];
  return sum;
}

double LeapField::pair_relaxation(int reaction) const {
  return own_return(reaction) + own_return(model_->partner[reaction]);
}

bool LeapField::balanced(int reaction, const double* rates, double within) const {
  const int other = model_->partner[reaction];
  return other >= 0 && std::abs(rates[reaction] - rates[other]) <= within * std::min(rates[reaction], rates[other]);
}

void LeapField::add(const std::vector<double>& extents, double* to) const {
  const Ragged& changed = model_->changed;
  for (int j = 0; j < model_->reactions; ++j) {
    if (extents[j] == 0.0) continue;
    for (int e = changed.start[j]; e < changed.start[j + 1]; ++e) to[changed.item[e]] += model_->change[e] * extents[j];
  }
}

bool LeapField::solve(double t, const double* counts, const std::vector<double>& fixed, double step,
                      const std::vector<char>& chosen, double* rates) {
  const int n = model_->states;
  const Ragged &changed = model_->changed, &reads = model_->reads;
  std::vector<double> known(counts, counts + n), extents(model_->reactions), held(n);
  add(fixed, known.data());
  std::copy_n(counts, n, point_.begin());
  for (int pass = 0; pass < kNewtonSteps; ++pass) {
    for (int i = 0; i < n; ++i) held[i] = std::max(point_[i], 0.0);
    this->rates(t, held.data(), rates);
    for (int j = 0; j < model_->reactions; ++j) extents[j] = chosen[j] ? step * std::max(rates[j], 0.0) : 0.0;
    residual_ = known;
    add(extents, residual_.data());
    for (int i = 0; i < n; ++i) residual_[i] -= point_[i];
    find_slopes(t, held.data());
    lu_.resize(n);
    double* matrix = lu_.matrix();
    for (int i = 0; i < n; ++i) matrix[i + static_cast<size_t>(i) * n] = 1.0;
    for (int j = 0; j < model_->reactions; ++j) {
      if (!chosen[j]) continue;
      for (int r = reads.start[j]; r < reads.start[j + 1]; ++r)
        for (int e = changed.start[j]; e < changed.start[j + 1]; ++e)
          matrix[changed.item[e] + static_cast<size_t>(reads.item[r]) * n] -= step * model_->change[e] * slopes_[r];
    }
    if (!lu_.factor()) return false;
    lu_.solve(residual_.data());
    double worst = 0.0;
    for (int i = 0; i < n; ++i) {
      point_[i] += residual_[i];
      worst = std::max(worst, std::abs(residual_[i]) / (1.0 + 1e-3 * std::abs(point_[i])));
    }
    if (!std::isfinite(worst)) return false;
    if (worst < 1e-6) {
      for (int i = 0; i < n; ++i) held[i] = std::max(point_[i], 0.0);
      this->rates(t, held.data(), rates);
      return true;
    }
  }
  return false;
}

}  // namespace manyscale
