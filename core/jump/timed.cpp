// Jumps whose propensities change between them, by time itself or with what rate rules change: the integral of their sum
// is an exponential number when the next one comes. Steps of tsit5.hpp integrate it together with the flow.
#include <algorithm>
#include <cmath>
#include <limits>

#include "integrators/tsit5.hpp"
#include "jump/jump.hpp"

namespace manyscale {

using tsit5::stages;

namespace {

constexpr double kHazard = 1e-9;  // error of the integral in one step: N steps change the law by N times that, in l1
constexpr double kFlow = 1e-8;    // error of what flows in one step, as a share of its largest value so far
constexpr double kBeyond = 1.1;   // how far beyond the expected jump a step reaches
constexpr int kSolves = 60;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

}  // namespace

// A step from (t_, from_), whose first stage is there already; flow_, gained_ and values_ are those at its end. Returns
// its error in units of what is allowed.
double JumpPath::attempt(double h) {
  const int flows = model_->flows(), width = flows + 1, m = model_->reactions;
  for (int s = 1; s < stages; ++s) {
    for (int i = 0; i < flows; ++i) {
      double sum = 0.0;
      for (int j = 0; j < s; ++j) sum += tsit5::a[s][j] * stages_[j * width + i];
      state_[model_->flowing[i]] = flow_[i] = from_[i] + h * sum;
    }
    evaluate(t_ + tsit5::c[s] * h);
    double* stage = stages_.data() + s * width;
    std::copy_n(values_.begin() + m, flows, stage);
    stage[flows] = 0.0;
    for (int j = 0; j < m; ++j) stage[flows] += values_[j];
  }
  double worst = 0.0;
  for (int i = 0; i < width; ++i) {
    double sum = 0.0, error = 0.0;
    for (int s = 0; s < stages; ++s) error += tsit5::error[s] * stages_[s * width + i];
    for (int s = 0; s + 1 < stages; ++s) sum += tsit5::a[stages - 1][s] * stages_[s * width + i];
    if (i == flows) gained_ = h * sum;
    const double allowed = i == flows ? kHazard * (1.0 + gained_) : kFlow * std::max(size_[i], std::abs(flow_[i]));
    if (error != 0.0) worst = std::max(worst, std::abs(h * error) / std::max(allowed, 1e-300));
    if (!std::isfinite(sum) || !std::isfinite(error)) return kInfinite;
  }
  return worst;
}

// Where a switching function changes its sign within a step of h: the last length before it; `after_` is right after it.
double JumpPath::until_flip(double h) {
  double low = 0.0, high = h;
  while (true) {
    const double middle = 0.5 * (low + high);
    after_ = t_ + high;
    if (t_ + middle <= t_ + low || t_ + middle >= t_ + high || high - low < 1e-16 * longest_) return low;
    attempt(middle);
    look(looked_);
    (looked_ != signs_ ? high : low) = middle;
  }
}

// Length of the step after which the hazard that is due has been gained, where h gains more; the step has been made.
double JumpPath::until_due(double h) {
  const int flows = model_->flows(), width = flows + 1;
  double coefficient[4], theta = due_ / gained_, low = 0.0, high = h;
  for (int r = 0; r < 4; ++r) {
    coefficient[r] = 0.0;
    for (int s = 0; s < stages; ++s) coefficient[r] += h * tsit5::dense[r][s] * stages_[s * width + flows];
  }
  for (int k = 0; k < 4; ++k) {  // Newton's method on the dense output
    double value = 0.0, slope = 0.0;
    for (int r = 3; r >= 0; --r) value = (value + coefficient[r]) * theta, slope = slope * theta + (r + 1) * coefficient[r];
    if (slope > 0.0) theta = std::clamp(theta - (value - due_) / slope, 0.0, 1.0);
  }
  double length = theta * h;
  for (int k = 0;; ++k) {
    attempt(length);
    const double beyond = gained_ - due_, slope = stages_[(stages - 1) * width + flows];
    if (std::abs(beyond) <= kHazard || k == kSolves) return length;
    (beyond > 0.0 ? high : low) = length;
    length = slope > 0.0 ? length - beyond / slope : low;
    if (!(length > low && length < high)) length = 0.5 * (low + high);
  }
}

// The end of the step that was attempted last.
void JumpPath::take(double t) {
  t_ = t, due_ -= gained_;
  for (int i = 0; i < model_->flows(); ++i) {
    counts_[model_->flowing[i]] = state_[model_->flowing[i]] = flow_[i];
    size_[i] = std::max(size_[i], std::abs(flow_[i]));
  }
}

// The first stage of a step; the sum of the propensities, or what is wrong with one of them.
double JumpPath::begin_step(int& blame, JumpStatus& status) {
  const int flows = model_->flows();
  stages_.resize(static_cast<size_t>(stages) * (flows + 1));
  from_.resize(flows), flow_.resize(flows), size_.resize(flows, 0.0);
  for (int i = 0; i < flows; ++i) {
    from_[i] = counts_[model_->flowing[i]];
    size_[i] = std::max(size_[i], std::abs(from_[i]));
  }
  evaluate(t_);
  look(signs_);
  std::copy_n(values_.begin() + model_->reactions, flows, stages_.begin());
  return stages_[flows] = waiting_rate(blame, status);
}

// A step of at most h that is accurate, and shorter where a function switches within it (`flips`: the switch comes right
// after it). Zero where no step is small enough.
double JumpPath::accurate_step(double h, bool& flips) {
  const double smallest = 1e-15 * std::max(std::abs(t_), longest_);
  for (flips = false;;) {
    double error = attempt(h);
    if (model_->watches() > 0 && std::isfinite(error)) {
      look(looked_);
      if (looked_ != signs_) {
        flips = true;
        h = until_flip(h);
        error = attempt(h);
      }
    }
    const double growth = std::clamp(0.9 * std::pow(std::max(error, 1e-10), -0.2), 0.1, error > 1.0 ? 0.8 : 5.0);
    if (error <= 1.0) {
      if (!flips) h_ = h < h_ ? std::max(h_, h * growth) : h * growth;
      return h;
    }
    h_ = h = h * (std::isfinite(error) ? growth : 0.1);
    flips = false;
    if (!(h > smallest)) return 0.0;
  }
}

JumpAdvance JumpPath::advance_timed(double end, const double* times, int count, double* out, int64_t most_steps) {
  int written = 0;
  for (int64_t step = 0;; ++step) {
    for (; written < count && times[written] <= t_; ++written)
      std::copy_n(state_.data(), model_->states, out + static_cast<size_t>(written) * model_->states);
    if (t_ >= end) return {JumpStatus::reached, t_, written, -1};
    if (step >= most_steps) return {JumpStatus::step_limit, t_, written, -1};
    if (due_ <= 0.0) due_ = -log_inside(random_.inside());
    int blame = -1;
    JumpStatus status = JumpStatus::reached;
    double total = begin_step(blame, status);
    if (blame >= 0) return {status, t_, written, blame};
    const double stop = written < count ? std::min(times[written], end) : end, left = stop - t_;
    double h = std::min(left, longest_);
    if (h_ > 0.0) h = std::min(h, h_);
    if (total > 0.0) h = std::min(h, kBeyond * due_ / total);
    bool flips = false;
    h = accurate_step(h, flips);
    if (h == 0.0 && !flips) return {JumpStatus::not_finite, t_, written, -1};
    if (gained_ < due_) {
      take(h == left ? stop : t_ + h);
      if (!flips) continue;
      for (int i = 0; i < model_->flows(); ++i) {
        double& x = counts_[model_->flowing[i]];
        x = state_[model_->flowing[i]] = flow_[i] + (after_ - t_) * stages_[(stages - 1) * (model_->flows() + 1) + i];
      }
      t_ = after_;
      if (model_->stops) return {JumpStatus::watch, t_, written, -1};
      continue;
    }
    h = until_due(h);
    take(t_ + h);
    due_ = 0.0;
    total = waiting_rate(blame, status);
    if (blame >= 0) return {status, t_, written, blame};
    if (!(total > 0.0)) {  // it ends at a switch to zero: as soon as there is a rate again
      due_ = std::numeric_limits<double>::min();
      continue;
    }
    const int reaction = choose(total);
    if (!fire(reaction)) return {JumpStatus::overdrawn, t_, written, reaction};
    ++steps_;
    if (!model_->stops) continue;
    evaluate(t_);
    look(looked_);
    if (looked_ != signs_) return {JumpStatus::watch, t_, written, -1};
  }
}

}  // namespace manyscale
