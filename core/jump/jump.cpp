#include "jump/jump.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace manyscale {

namespace {

double sign(double x) { return x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : x); }

}  // namespace

JumpPath::JumpPath(std::shared_ptr<const JumpModel> model, const double* p, const double* scale,
                   const double* constants, uint64_t seed, uint64_t stream, double longest)
    : model_(std::move(model)),
      slots_(std::max(model_->formulas.slots, model_->compiled_slots), 0.0),
      values_(model_->formulas.program.slot.size(), 0.0),
      counts_(model_->states, 0.0),
      state_(model_->states, 0.0),
      random_(seed, stream),
      longest_(longest) {
  if (model_->table) table_ = RejectionTable(model_->reactants, model_->states);
  random_.uniform();  // as lanes do, which begin with a jump that nobody makes
  const Formulas& f = model_->formulas;
  std::copy(f.constants.begin(), f.constants.end(), slots_.begin() + f.first_constant);
  set_parameters(p, scale, constants);
}

void JumpPath::set_parameters(const double* p, const double* scale, const double* constants) {
  scale_.assign(scale, scale + model_->states);
  if (model_->table) constants_.assign(constants, constants + model_->reactions);
  std::copy_n(p, model_->parameters, slots_.begin() + model_->states + 1);
}

void JumpPath::start(double t, const double* counts) {
  t_ = t;
  std::copy_n(counts, counts_.size(), counts_.begin());
  for (size_t i = 0; i < counts_.size(); ++i) state_[i] = counts_[i] * scale_[i];
  if (model_->table) table_.start(counts_, constants_);
  due_ = h_ = 0.0;
}

void JumpPath::evaluate(double t) {
  const Formulas& f = model_->formulas;
  if (model_->compiled) {
    model_->compiled(t, state_.data(), slots_.data(), values_.data());
    return;
  }
  std::copy(state_.begin(), state_.end(), slots_.begin());
  slots_[f.states] = t;
  run_scalar(f.program.code.data(), f.program.code.size(), slots_.data());
  for (size_t k = 0; k < values_.size(); ++k) values_[k] = slots_[f.program.slot[k]];
}

// Sum of the propensities, or a bound on it; a negative or infinite one is blamed.
double JumpPath::waiting_rate(int& blame, JumpStatus& status) {
  const bool table = model_->table;
  double total = table ? table_.bound() : 0.0, least = 0.0;
  for (int j = 0; !table && j < model_->reactions; ++j) {
    total += values_[j];
    least = std::min(least, values_[j]);
  }
  if (least >= 0.0 && std::isfinite(total)) return std::max(total, 0.0);
  status = least < 0.0 ? JumpStatus::negative : JumpStatus::not_finite;
  const auto value = [&](int j) { return table ? table_.propensity(j, counts_.data()) : values_[j]; };
  for (int j = 0; j < model_->reactions; ++j) {
    if (least < 0.0 ? value(j) < 0.0 : !std::isfinite(value(j))) {
      blame = j;
      break;
    }
    if (blame < 0 || value(j) > value(blame)) blame = j;  // finite ones can have an infinite sum: the largest
  }
  return 0.0;
}

int JumpPath::choose(double total) {
  const double x = random_.uniform() * total;
  double sum = 0.0;
  for (int j = 0; j < model_->reactions - 1; ++j) {
    sum += values_[j];
    if (x < sum) return j;
  }
  return model_->reactions - 1;
}

bool JumpPath::fire(int reaction) {
  const Ragged& changed = model_->changed;
  bool possible = true;
  for (int e = changed.start[reaction]; e < changed.start[reaction + 1]; ++e) {
    const int i = changed.item[e];
    counts_[i] += model_->change[e];
    possible = possible && counts_[i] >= 0.0;
    state_[i] = counts_[i] * scale_[i];
  }
  for (int e = changed.start[reaction]; model_->table && possible && e < changed.start[reaction + 1]; ++e)
    table_.changed(changed.item[e], counts_[changed.item[e]]);
  return possible;
}

void JumpPath::look(std::vector<double>& signs) {
  const int first = model_->first_watch();
  signs.resize(model_->watches());
  for (size_t k = 0; k < signs.size(); ++k) signs[k] = sign(values_[first + k]);
}

// Whether a switching function changes its sign before `next` by the passage of time alone; then `next` is when.
bool JumpPath::flips_before(double& next, const std::vector<double>& signs) {
  std::vector<double> now;
  const auto flipped = [&](double t) {
    evaluate(t);
    look(now);
    return now != signs;
  };
  if (!flipped(next)) return false;
  double low = t_, high = next;
  while (true) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (flipped(middle) ? high : low) = middle;
  }
  next = high;
  evaluate(next);
  return true;
}

JumpAdvance JumpPath::advance(double end, const double* times, int count, double* out, int64_t most_steps) {
  if (model_->timed) return advance_timed(end, times, count, out, most_steps);
  const bool watching = model_->watches() > 0, evaluated = watching || !model_->table;
  const int n = model_->states;
  int written = 0;
  if (evaluated) evaluate(t_);
  if (watching) look(signs_);
  std::vector<double> now;
  for (int64_t step = 0;; ++step) {
    int blame = -1;
    JumpStatus status = JumpStatus::reached;
    const double total = waiting_rate(blame, status);
    if (blame >= 0) return {status, t_, written, blame};
    if (step >= most_steps) return {JumpStatus::step_limit, t_, written, -1};
    RejectionTable::Jump jump{std::numeric_limits<double>::infinity(), -1};
    if (model_->table) jump = table_.next(counts_.data(), random_, end - t_);
    else if (total > 0.0) jump.wait = -log_inside(random_.inside()) / total;
    double next = t_ + jump.wait, stop = std::min(next, end);
    const bool jumps = next < end;
    const bool flips = watching && flips_before(stop, signs_);
    for (; written < count && (times[written] < stop || (!jumps && !flips)); ++written)
      std::copy_n(state_.data(), n, out + static_cast<size_t>(written) * n);
    t_ = stop;
    if (flips) return {JumpStatus::watch, t_, written, -1};
    if (!jumps) return {JumpStatus::reached, t_, written, -1};
    if (watching && !model_->table) evaluate(t_);
    const int reaction = model_->table ? jump.reaction : choose(total);
    if (!fire(reaction)) return {JumpStatus::overdrawn, t_, written, reaction};
    ++steps_;
    if (evaluated) evaluate(t_);
    if (!watching) continue;
    look(now);
    if (now != signs_) return {JumpStatus::watch, t_, written, -1};
  }
}

}  // namespace manyscale
