#include <algorithm>
#include <cmath>

#include "leap/leap.hpp"

namespace manyscale {

namespace {

constexpr int kLook = 256, kSweeps = 40;
constexpr double kRounding = 1e-12, kEmpty = 1e-9;  // molecules

}  // namespace

LangevinPath::LangevinPath(std::shared_ptr<const LeapModel> model, const double* p, const double* scale,
                           const LeapSettings& settings, uint64_t seed, uint64_t stream)
    : field_(std::move(model), p, scale), settings_(settings), random_(seed, stream) {
  const int m = field_.model().reactions;
  rates_.resize(m), later_.resize(m), extents_.resize(m);
  noise_.resize(m), every_.assign(m, 1);
}

LeapEnd LangevinPath::advance(double end, const LeapRows& rows, const std::function<bool()>& go_on) {
  const LeapModel& model = field_.model();
  const int n = model.states;
  const bool watching = model.condition.count() > 0;
  point_.resize(n);
  written_ = 0;
  if (watching && field_.condition(t_, counts_.data())) return {LeapStatus::passed, t_, -1};
  for (int64_t step = 0;; ++step) {
    for (; written_ < rows.count && rows.times[written_] <= t_; ++written_)
      for (int i = 0; i < n; ++i) rows.out[static_cast<size_t>(written_) * n + i] = counts_[i] * field_.scale(i);
    if (t_ >= end) return {LeapStatus::reached, t_, -1};
    if (step >= settings_.most_steps) return {LeapStatus::step_limit, t_, -1};
    if (step % kLook == kLook - 1 && !go_on()) return {LeapStatus::interrupted, t_, -1};
    if (!find_rates(t_, counts_.data(), rates_)) return {LeapStatus::not_finite, t_, blame_};
    const LeapStatus law = clipped_ ? whole_rates() : LeapStatus::reached;
    if (law != LeapStatus::reached) return {law, t_, blame_};
    double stop = written_ < rows.count ? rows.times[written_] : end, left = stop - t_;
    const StepChoice choice =
        choose_step(field_, t_, counts_.data(), rates_.data(), every_, settings_, left, watching);
    now_ = choice.scheme;
    double length = choice.step;
    if (settings_.longest > 0.0 && settings_.step == 0.0) {
      steady_ = steady_time(field_, t_, counts_.data(), rates_.data(), now_, settings_, 2.0 * steady_, later_);
      length = std::min(length, steady_);
    }
    if (watching && settings_.look > 0.0) length = std::min(length, settings_.look);
    if (model.condition_timed) {  // to where time alone makes the condition true
      const double next = t_ + std::min(length, left);
      if (field_.condition(next, counts_.data())) stop = field_.first_true(t_, next, counts_.data()), left = stop - t_;
    }
    const double tau = std::min(length, left);
    double done = tau;
    while (!advance(done)) {  // Newton's method did not converge
      done *= 0.5;
      if (done < 1e-9 * tau) return {LeapStatus::stuck, t_, -1};
    }
    t_ = done == left ? stop : std::min(t_ + done, stop);
    ++tally_.leaps;
    if (touched_ && draws_from_nothing()) return {LeapStatus::overdrawn, t_, blame_};
    if (watching && field_.condition(t_, counts_.data())) return {LeapStatus::passed, t_, -1};
  }
}

// Rates must not be negative at whole numbers of molecules.
LeapStatus LangevinPath::whole_rates() {
  for (size_t i = 0; i < counts_.size(); ++i) point_[i] = std::ceil(counts_[i] - kRounding);
  field_.rates(t_, point_.data(), later_.data());
  for (size_t j = 0; j < later_.size(); ++j) {
    blame_ = static_cast<int>(j);
    if (!std::isfinite(later_[j])) return LeapStatus::not_finite;
    if (later_[j] < 0.0) return LeapStatus::negative;
  }
  return LeapStatus::reached;
}

// Whether a reaction goes on although one of its reactants is used up.
bool LangevinPath::draws_from_nothing() {
  const LeapModel& model = field_.model();
  for (size_t i = 0; i < counts_.size(); ++i) point_[i] = counts_[i] < kEmpty ? 0.0 : counts_[i];
  field_.rates(t_, point_.data(), later_.data());
  for (size_t i = 0; i < counts_.size(); ++i)
    for (int k = model.changing.start[i]; counts_[i] < kEmpty && k < model.changing.start[i + 1]; ++k) {
      const int e = model.changing.item[k];
      blame_ = model.reaction[e];
      if (model.change[e] < 0 && later_[blame_] > 0.0) return true;
    }
  return false;
}

// Negative ones, which formulas such as A (A - 1) have below one molecule, count as zero.
bool LangevinPath::find_rates(double t, const double* counts, std::vector<double>& rates) {
  field_.rates(t, counts, rates.data());
  clipped_ = !rates.empty() && *std::min_element(rates.begin(), rates.end()) < 0.0;
  for (size_t j = 0; j < rates.size(); ++j) {
    if (!std::isfinite(rates[j])) {
      blame_ = static_cast<int>(j);
      return false;
    }
    rates[j] = std::max(rates[j], 0.0);
  }
  return true;
}

// One standard normal number per reaction; of several parts the sum, so that steps of twice the length see the same noise.
void LangevinPath::draw_noise() {
  std::fill(noise_.begin(), noise_.end(), 0.0);
  for (int k = 0; k < settings_.parts; ++k)
    for (double& number : noise_) number += normals_.next(random_);
  if (settings_.parts == 1) return;
  for (double& number : noise_) number /= std::sqrt(static_cast<double>(settings_.parts));
}

bool LangevinPath::advance(double tau) {
  const size_t m = rates_.size();
  draw_noise();
  if (now_ == LeapScheme::second_order) {
    // the weak trapezoidal method (Anderson & Mattingly, Commun. Math. Sci. 9:301, 2011), with theta = 1/2
    const double half = 0.5 * tau;
    for (size_t j = 0; j < m; ++j) extents_[j] = rates_[j] * half + std::sqrt(rates_[j] * half) * noise_[j];
    point_ = counts_;
    field_.add(extents_, point_.data());
    for (double& count : point_) count = std::max(count, 0.0);
    if (!find_rates(t_ + half, point_.data(), later_)) return false;
    draw_noise();
    for (size_t j = 0; j < m; ++j) {
      const double rate = std::max(2.0 * later_[j] - rates_[j], 0.0);
      extents_[j] += rate * half + std::sqrt(rate * half) * noise_[j];
    }
  } else {
    const double weight =
        now_ == LeapScheme::implicit_step ? 1.0 : (now_ == LeapScheme::trapezoidal ? 0.5 : 0.0);
    for (size_t j = 0; j < m; ++j)
      extents_[j] = (1.0 - weight) * rates_[j] * tau + std::sqrt(rates_[j] * tau) * noise_[j];
    if (weight > 0.0) {
      if (!field_.solve(t_ + tau, counts_.data(), extents_, weight * tau, every_, later_.data())) return false;
      for (size_t j = 0; j < m; ++j) extents_[j] += weight * tau * std::max(later_[j], 0.0);
      ++tally_.implicit;
    }
  }
  keep_inside();
  counts_ = point_;
  return true;
}

// Where the extents lead, made smaller where a species would become negative.
void LangevinPath::keep_inside() {
  const int n = field_.model().states;
  const auto outside = [&](int i) { return point_[i] < -kRounding * (1.0 + counts_[i]); };
  bool touched = false;
  for (int sweep = 0;; ++sweep) {
    point_ = counts_;
    field_.add(extents_, point_.data());
    bool inside = true;
    for (int i = 0; i < n; ++i) inside = inside && !outside(i);
    if (inside) break;
    touched = true;
    if (sweep < kSweeps) {
      for (int i = 0; i < n; ++i)
        if (outside(i)) draw_less(i);
      continue;
    }
    double factor = 1.0;  // all together, which always ends
    for (int i = 0; i < n; ++i)
      if (point_[i] < 0.0) factor = std::min(factor, counts_[i] / (counts_[i] - point_[i]));
    for (double& extent : extents_) extent *= factor;
  }
  for (double& count : point_) count = std::max(count, 0.0);  // rounding
  touched_ = touched;
  tally_.touched += touched;
}

// The reactions that draw from a species proceed by less, so that it ends at zero.
void LangevinPath::draw_less(int species) {
  const LeapModel& model = field_.model();
  const Ragged &changing = model.changing, &changed = model.changed;
  double drawn = 0.0;
  for (int k = changing.start[species]; k < changing.start[species + 1]; ++k) {
    const int e = changing.item[k];
    drawn += std::max(-model.change[e] * extents_[model.reaction[e]], 0.0);
  }
  const double share = std::min(-point_[species] / drawn, 1.0);
  for (int k = changing.start[species]; k < changing.start[species + 1]; ++k) {
    const int e = changing.item[k], j = model.reaction[e];
    if (model.change[e] * extents_[j] >= 0.0) continue;
    const double less = share * extents_[j];
    extents_[j] -= less;
    for (int f = changed.start[j]; f < changed.start[j + 1]; ++f) point_[changed.item[f]] -= model.change[f] * less;
  }
}

}  // namespace manyscale
