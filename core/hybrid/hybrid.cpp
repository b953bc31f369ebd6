#include "hybrid/hybrid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace manyscale {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kNegative = -1e-9;  // molecules
constexpr int kMostAttempts = 60;
constexpr int64_t kPollEvery = 1024;  // rounds of one step, or of jumps until the next look
constexpr int8_t kLangevin = 1;

}  // namespace

HybridPath::HybridPath(std::shared_ptr<const HybridModel> model, const HybridOptions& options, const double* p,
                       const double* scale, const double* counts, uint64_t seed, uint64_t stream)
    : model_(std::move(model)),
      options_(options),
      reactions_(model_->reactions),
      states_(model_->states),
      slots_(std::max(model_->formulas.slots, model_->compiled_slots), 0.0),
      scale_(scale, scale + states_),
      whole_(counts, counts + states_),
      extent_(reactions_, 0.0),
      x_(whole_),
      y_(states_),
      stage_(states_),
      a_(reactions_),
      k2_(reactions_),
      k3_(reactions_),
      k4_(reactions_),
      z_(reactions_),
      push_(reactions_),
      number_(reactions_),
      amplitude_(reactions_),
      drift_(states_),
      spread_(states_),
      treatment_(reactions_, 0),
      wanted_(reactions_, 0),
      random_(seed, stream) {
  const Formulas& f = model_->formulas;
  std::copy(f.constants.begin(), f.constants.end(), slots_.begin() + f.first_constant);
  std::copy_n(p, model_->parameters, slots_.begin() + states_ + 1);
  tally_.time.assign(3 * static_cast<size_t>(reactions_), 0.0);
  for (int j = 0; j < reactions_; ++j) jumping_.push_back(j);
  left_ = wait();
}

double HybridPath::wait() { return -std::log(random_.positive()); }

double HybridPath::normal() {
  if (has_spare_) return has_spare_ = false, spare_;
  double u, v, s;
  do {
    u = 2.0 * random_.uniform() - 1.0, v = 2.0 * random_.uniform() - 1.0;
    s = u * u + v * v;
  } while (s >= 1.0 || s == 0.0);
  const double r = std::sqrt(-2.0 * std::log(s) / s);
  spare_ = v * r, has_spare_ = true;
  return u * r;
}

// Propensities at y_.
void HybridPath::values(double t, std::vector<double>& a) {
  const Formulas& f = model_->formulas;
  if (model_->compiled) return model_->compiled(t, y_.data(), slots_.data(), a.data());
  std::copy(y_.begin(), y_.end(), slots_.begin());
  slots_[f.states] = t;
  run_scalar(f.program.code.data(), f.program.code.size(), slots_.data());
  for (int j = 0; j < reactions_; ++j) a[j] = slots_[f.program.slot[j]];
}

// Propensities at x. A negative one is blamed where all numbers are whole; between them, A (A - 1) can be below zero.
bool HybridPath::evaluate(double t, const std::vector<double>& x, std::vector<double>& a) {
  for (int i = 0; i < states_; ++i) y_[i] = x[i] * scale_[i];
  values(t, a);
  for (int j = 0; j < reactions_; ++j) {
    if (a[j] >= 0.0 && std::isfinite(a[j])) continue;
    if (std::isfinite(a[j]) && mixed_) {
      a[j] = 0.0;
      continue;
    }
    blame_ = j, why_ = std::isfinite(a[j]) ? HybridStatus::negative : HybridStatus::not_finite;
    return false;
  }
  return true;
}

bool HybridPath::feasible(int reaction) const {
  for (int e = model_->start[reaction]; e < model_->start[reaction + 1]; ++e)
    if (x_[model_->item[e]] + model_->change[e] < kNegative) return false;
  return true;
}

double HybridPath::hazard(const std::vector<double>& a) const {
  double sum = 0.0;
  for (int j : jumping_) sum += a[j];
  return sum;
}

void HybridPath::account() {
  for (int j = 0; j < reactions_; ++j) tally_.time[3 * j + treatment_[j]] += t_ - since_;
  since_ = t_;
}

void HybridPath::add_extents(const std::vector<double>& z, double factor, std::vector<double>& x) const {
  for (int j : flowing_)
    for (int e = model_->start[j]; e < model_->start[j + 1]; ++e) x[model_->item[e]] += factor * z[j] * model_->change[e];
}

void HybridPath::refresh() {
  x_ = whole_;
  add_extents(extent_, 1.0, x_);
  mixed_ = !flowing_.empty();
}

bool HybridPath::jump(double t) {
  if (!fresh_ && !evaluate(t, x_, a_)) return false;
  double total = 0.0;
  for (int j : jumping_)
    if (a_[j] > 0.0 && (!mixed_ || feasible(j))) total += a_[j];
  left_ = wait();
  if (total <= 0.0) return true;
  double u = random_.uniform() * total;
  int chosen = -1;
  for (int j : jumping_) {
    if (a_[j] <= 0.0 || (mixed_ && !feasible(j))) continue;
    chosen = j;
    if (u < a_[j]) break;
    u -= a_[j];
  }
  for (int e = model_->start[chosen]; e < model_->start[chosen + 1]; ++e) {
    const int i = model_->item[e];
    whole_[i] += model_->change[e], x_[i] += model_->change[e];
    if (x_[i] < kNegative && !mixed_) return blame_ = chosen, why_ = HybridStatus::negative, false;
  }
  ++tally_.jumps;
  fresh_ = false;
  return true;
}

// Noise of a step of this length as a constant rate over it (Wong & Zakai, Ann. Math. Stat. 36:1560, 1965), as large as
// the propensities halfway down the drift say: known before the noise, so that the result is Ito's.
bool HybridPath::forcing(double dt) {
  stage_ = x_;
  add_extents(a_, 0.5 * dt, stage_);
  if (!evaluate(t_ + 0.5 * dt, stage_, k2_)) return false;
  for (int j : flowing_)
    if (treatment_[j] == kLangevin) amplitude_[j] = std::sqrt(k2_[j]), push_[j] = amplitude_[j] * number_[j] / std::sqrt(dt);
  return true;
}

// One step of Bogacki & Shampine (Appl. Math. Lett. 2:321, 1989) in the extents of all reactions: those of the jumps are
// their hazards. Returns the error in units of the tolerance.
double HybridPath::trial(double dt, HybridEnd& failure) {
  const auto rate = [&](const std::vector<double>& a, int j) { return a[j] + push_[j]; };
  const auto stage = [&](const std::vector<double>& a, double step) {
    stage_ = x_;
    add_extents(a, step, stage_);
    add_extents(push_, step, stage_);
  };
  if (noisy_ && !forcing(dt)) return fail(failure), -1.0;
  stage(a_, 0.5 * dt);
  if (!evaluate(t_ + 0.5 * dt, stage_, k2_)) return fail(failure), -1.0;
  stage(k2_, 0.75 * dt);
  if (!evaluate(t_ + 0.75 * dt, stage_, k3_)) return fail(failure), -1.0;
  for (int j = 0; j < reactions_; ++j) z_[j] = dt * (2.0 * rate(a_, j) + 3.0 * rate(k2_, j) + 4.0 * rate(k3_, j)) / 9.0;
  stage_ = x_;
  add_extents(z_, 1.0, stage_);
  if (!evaluate(t_ + dt, stage_, k4_)) return fail(failure), -1.0;
  std::fill(drift_.begin(), drift_.end(), 0.0);
  double hazard_error = 0.0, worst = 0.0;
  for (int j = 0; j < reactions_; ++j) {
    const double error = dt * (-5.0 * a_[j] + 6.0 * k2_[j] + 8.0 * k3_[j] - 9.0 * k4_[j]) / 72.0;
    if (!treatment_[j]) {
      hazard_error += error;
    } else {
      for (int e = model_->start[j]; e < model_->start[j + 1]; ++e) drift_[model_->item[e]] += model_->change[e] * error;
    }
  }
  for (int i = 0; i < states_; ++i)
    worst = std::max(worst, std::abs(drift_[i]) / (options_.tolerance * std::max(std::abs(x_[i]), 10.0)));
  return std::max(worst, std::abs(hazard_error) / (10.0 * options_.tolerance));
}

// Where the cubic of this rise and these slopes reaches what is left of the hazard, as a share of the step.
double HybridPath::crossing(double dt, double before, double within, double after) const {
  const double s0 = dt * before, s1 = dt * after;
  const auto value = [&](double u) {
    return u * (s0 + u * (3.0 * within - 2.0 * s0 - s1 + u * (s0 + s1 - 2.0 * within)));
  };
  double low = 0.0, high = 1.0;
  for (int k = 0; k < 60 && high - low > 1e-12; ++k) {
    const double middle = 0.5 * (low + high);
    (value(middle) < left_ ? low : high) = middle;
  }
  return high;
}

// Moves by the extents of a share of the step just tried. False, and nothing moved: below zero molecules.
bool HybridPath::move(double dt, double share) {
  const double u = share;
  keep_ = extent_;
  for (int j : flowing_) {
    double z = z_[j];
    if (u < 1.0) {
      const double s0 = dt * (a_[j] + push_[j]), s1 = dt * (k4_[j] + push_[j]);
      z = u * (s0 + u * (3.0 * z_[j] - 2.0 * s0 - s1 + u * (s0 + s1 - 2.0 * z_[j])));
      if (treatment_[j] == kLangevin) z += amplitude_[j] * std::sqrt(u * (1.0 - u) * dt) * normal();  // of the bridge
    }
    extent_[j] += z;
  }
  refresh();
  fresh_ = u >= 1.0;
  for (double x : x_) {
    if (x >= kNegative) continue;
    extent_ = keep_;
    refresh();
    return false;
  }
  return true;
}

// A shorter step instead of the one tried: the noise up to there, given that of the whole.
void HybridPath::shorten(double from, double to) {
  const double share = to / from;
  h_ = to;
  for (int j : flowing_)
    if (treatment_[j] == kLangevin) number_[j] = std::sqrt(share) * number_[j] + std::sqrt(1.0 - share) * normal();
}

bool HybridPath::continuous_step(double end, HybridEnd& failure) {
  const double most = std::min(leap_time(treatment_, false), options_.max_step > 0.0 ? options_.max_step : kInfinite);
  if (!(h_ > 0.0)) h_ = std::min(most, 0.01 * (end - t_) + 1e-300);
  const double before = hazard(a_);
  double dt = std::min({h_, most, end - t_});
  for (int j : flowing_)
    if (treatment_[j] == kLangevin) number_[j] = normal();
  for (int attempt = 0;; ++attempt) {
    const bool last = dt >= end - t_;
    const double error = trial(dt, failure);
    if (error < 0.0) return false;
    double within = 0.0;
    for (int j : jumping_) within += z_[j];
    const bool fires = within >= left_, exact = error <= 1.0 || attempt >= kMostAttempts;
    const double share = fires && exact ? crossing(dt, before, within, hazard(k4_)) : 1.0;
    if (!exact || !move(dt, share)) {
      if (attempt > kMostAttempts) return blame_ = flowing_.empty() ? 0 : flowing_[0], why_ = HybridStatus::negative, fail(failure);
      const double shorter = dt * (exact ? 0.25 : std::max(0.2, 0.9 * std::cbrt(1.0 / error)));
      if (exact) ++tally_.held;
      shorten(dt, shorter);
      dt = shorter;
      continue;
    }
    t_ = !fires && last ? end : t_ + share * dt;
    const double grown = dt * std::min(5.0, 0.9 * std::cbrt(1.0 / std::max(error, 1e-6)));
    h_ = dt < h_ ? std::max(h_, grown) : grown;
    ++tally_.steps;
    if (fires) return jump(t_) || fail(failure);
    left_ -= within;
    std::swap(a_, k4_);
    return true;
  }
}

bool HybridPath::fail(HybridEnd& end) const {
  end = {why_, t_, blame_};
  return false;
}

// Jumps, at most so many, while no reaction flows and no rate depends on time.
bool HybridPath::jumps_alone(double end, int64_t most, HybridEnd& failure) {
  for (int i = 0; i < states_; ++i) y_[i] = x_[i] * scale_[i];
  for (int64_t k = 0; k < most; ++k) {
    if (!fresh_) values(t_, a_);
    double total = 0.0, least = 0.0;
    for (int j = 0; j < reactions_; ++j) total += a_[j], least = std::min(least, a_[j]);
    if (!(least >= 0.0) || !std::isfinite(total)) return evaluate(t_, x_, a_) || fail(failure);
    fresh_ = true;
    const double next = t_ + left_ / total;
    if (!(next < end)) {
      left_ -= total * (end - t_);
      t_ = end;
      return true;
    }
    t_ = next;
    left_ = wait();
    double u = random_.uniform() * total;
    int chosen = -1;
    for (int j = 0; j < reactions_; ++j) {
      if (a_[j] <= 0.0) continue;
      chosen = j;
      if (u < a_[j]) break;
      u -= a_[j];
    }
    for (int e = model_->start[chosen]; e < model_->start[chosen + 1]; ++e) {
      const int i = model_->item[e];
      x_[i] = whole_[i] += model_->change[e];
      y_[i] = x_[i] * scale_[i];
      if (x_[i] < 0.0) return blame_ = chosen, why_ = HybridStatus::negative, fail(failure);
    }
    ++tally_.jumps;
    fresh_ = false;
  }
  return true;
}

HybridEnd HybridPath::run(const double* times, int count, double* out, int64_t most_steps,
                          const std::function<bool()>& poll) {
  int64_t rounds = 0;
  HybridEnd failure;
  for (int row = 0; row < count; ++row) {
    const double end = times[row];
    while (t_ < end) {
      if (tally_.jumps + tally_.steps >= most_steps) return {HybridStatus::step_limit, t_, -1};
      if (++rounds % kPollEvery == 0 && poll()) return {HybridStatus::interrupted, t_, -1};
      if (!fresh_ && !evaluate(t_, x_, a_)) return fail(failure), failure;
      fresh_ = true;
      partition();
      if (!fresh_ && !evaluate(t_, x_, a_)) return fail(failure), failure;
      fresh_ = true;
      if (!flowing_.empty() || !options_.autonomous) {
        if (!continuous_step(end, failure)) return failure;
        continue;
      }
      if (!jumps_alone(end, patience_, failure)) return failure;
    }
    for (int i = 0; i < states_; ++i) out[static_cast<size_t>(row) * states_ + i] = std::max(x_[i], 0.0) * scale_[i];
  }
  account();
  return {HybridStatus::reached, t_, -1};
}

}  // namespace manyscale
