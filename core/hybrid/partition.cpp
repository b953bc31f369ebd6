// Which reactions of a hybrid jump, diffuse or flow.
#include <algorithm>
#include <cmath>
#include <limits>

#include "hybrid/hybrid.hpp"

namespace manyscale {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kStepCost = 6.0;    // of one step, in jumps
constexpr double kFirings = 10.0;    // of a reaction in one leap, for it to run continuously
constexpr double kStay = 0.5;        // share of a threshold at which a reaction that is above leaves
constexpr int kLookEvery = 32;       // jumps between two looks at the partition where everything jumps, at least
constexpr int kLookLatest = 2048;    // and at most, after continuous parts that were left again at once
constexpr int kWorthwhile = 16;      // steps of a continuous part that was not left at once
constexpr double kRange = 0.2;       // by which the flow changes a species in one step, about
constexpr double kTurnover = 0.3;    // of a species within one step with noise
constexpr int8_t kJump = 0, kLangevin = 1;

}  // namespace

// The smallest number of molecules that a reaction changes, per molecule changed.
double HybridPath::level(int reaction) const {
  double least = kInfinite;
  for (int e = model_->start[reaction]; e < model_->start[reaction + 1]; ++e)
    least = std::min(least, x_[model_->item[e]] / std::abs(model_->change[e]));
  return least;
}

// How long noise changes every species by no more than a share of it, and is forgotten only in part (noise that is held
// for a time dt makes variances too small by a share (dt / relaxation time)^2 / 12); with `drift` also how long the flow keeps them
// within some range, a guess of the step that its own error control will find.
double HybridPath::leap_time(const std::vector<int8_t>& treatment, bool drift) {
  std::fill(drift_.begin(), drift_.end(), 0.0);
  std::fill(spread_.begin(), spread_.end(), 0.0);
  std::fill(stage_.begin(), stage_.end(), 0.0);
  for (int j = 0; j < reactions_; ++j) {
    if (treatment[j] == kJump) continue;
    for (int e = model_->start[j]; e < model_->start[j + 1]; ++e) {
      const double v = model_->change[e];
      drift_[model_->item[e]] += v * a_[j];
      if (v < 0.0) stage_[model_->item[e]] -= v * a_[j];
      if (treatment[j] == kLangevin) spread_[model_->item[e]] += v * v * a_[j];
    }
  }
  double tau = kInfinite;
  for (int i = 0; i < states_; ++i) {
    const double room = std::max(options_.leap * x_[i], 1.0);
    if (spread_[i] > 0.0) tau = std::min(tau, room * room / spread_[i]);
    if (spread_[i] > 0.0 && stage_[i] > 0.0) tau = std::min(tau, std::max(kTurnover * x_[i], 1.0) / stage_[i]);
    if (drift && drift_[i] != 0.0) tau = std::min(tau, std::max(kRange * x_[i], 1.0) / std::abs(drift_[i]));
  }
  return tau;
}

void HybridPath::partition() {
  bool free = false;
  double jumps = 0.0, flows = 0.0;
  for (int j = 0; j < reactions_; ++j) {
    const int8_t now = treatment_[j], fixed = options_.fixed[j];
    if (fixed >= 0) {
      wanted_[j] = fixed;
    } else {
      const double least = level(j);
      const double ode = options_.ode_above * (now == 2 ? kStay : 1.0);
      const double langevin = options_.langevin_above * (now ? kStay : 1.0);
      wanted_[j] = least >= ode ? 2 : least >= langevin ? 1 : 0;
      if (least == kInfinite) wanted_[j] = 0;
      free = free || wanted_[j];
    }
  }
  if (free) {
    const double tau = leap_time(wanted_, true);
    bool needed = false;
    for (int j = 0; j < reactions_; ++j) {
      if (options_.fixed[j] >= 0) {
        needed = needed || options_.fixed[j] > 0;
      } else if (wanted_[j] && a_[j] * tau < kFirings * (treatment_[j] ? kStay : 1.0)) {
        wanted_[j] = 0;
      }
      (wanted_[j] ? flows : jumps) += a_[j];
    }
    const double cost = kStepCost * (jumps + 1.0 / tau) * (flowing_.empty() ? 1.0 : kStay);
    if (!needed && flows < cost)
      for (int j = 0; j < reactions_; ++j) wanted_[j] = 0;
  }
  if (wanted_ != treatment_) adopt(wanted_);
}

// Reactions that come back to jumping bring whole numbers with them: the extent is rounded by chance, so that the mean
// stays and conserved sums stay exactly.
void HybridPath::adopt(const std::vector<int8_t>& wanted) {
  for (int j = 0; j < reactions_; ++j) {
    if (wanted[j] || !treatment_[j]) continue;
    const double below = std::floor(extent_[j]);
    const double whole = below + (random_.uniform() < extent_[j] - below ? 1.0 : 0.0);
    for (int e = model_->start[j]; e < model_->start[j + 1]; ++e) whole_[model_->item[e]] += model_->change[e] * whole;
    extent_[j] = 0.0;
  }
  account();
  const bool flowed = !flowing_.empty();
  treatment_ = wanted;
  push_.assign(reactions_, 0.0);
  noisy_ = std::find(treatment_.begin(), treatment_.end(), kLangevin) != treatment_.end();
  flowing_.clear(), jumping_.clear();
  for (int j = 0; j < reactions_; ++j) (treatment_[j] ? flowing_ : jumping_).push_back(j);
  if (!flowed) {
    entered_ = tally_.steps;
  } else if (flowing_.empty()) {
    patience_ = tally_.steps - entered_ < kWorthwhile ? std::min(2 * patience_, kLookLatest) : kLookEvery;
  }
  ++tally_.repartitions;
  refresh();
  fresh_ = false;
}

}  // namespace manyscale
