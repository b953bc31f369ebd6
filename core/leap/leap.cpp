#include "leap/leap.hpp"

#include <algorithm>
#include <cmath>

namespace manyscale {

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kCritical = 10.0;      // firings that would use up a species
constexpr double kWorth = 10.0;         // jumps that a leap has to replace
constexpr int kJumps = 100, kJumpsStiff = 10;  // one by one before the next attempt to leap
constexpr double kTooFar = 2.0;         // change of a species, in units of its bound, at which a leap is taken back
constexpr int kLook = 1024;             // steps between two questions whether to go on

}  // namespace

LeapPath::LeapPath(std::shared_ptr<const LeapModel> model, const double* p, const double* scale,
                   const LeapSettings& settings, uint64_t seed, uint64_t stream)
    : field_(std::move(model), p, scale), settings_(settings), random_(seed, stream) {
  const int m = field_.model().reactions;
  rates_.resize(m), later_.resize(m), firings_.resize(m), first_.resize(m), extents_.resize(m);
  critical_.resize(m), loose_.resize(m), clocks_.resize(m);
}

LeapEnd LeapPath::advance(double end, const LeapRows& rows, const std::function<bool()>& go_on) {
  const LeapModel& model = field_.model();
  const int n = model.states;
  const bool watching = model.condition.count() > 0, timed = settings_.longest > 0.0;
  moved_.resize(n);
  written_ = 0;
  const auto write = [&](bool all) {
    for (; written_ < rows.count && (all || rows.times[written_] <= t_); ++written_)
      for (int i = 0; i < n; ++i) rows.out[static_cast<size_t>(written_) * n + i] = counts_[i] * field_.scale(i);
  };
  if (watching && field_.condition(t_, counts_.data())) return {LeapStatus::passed, t_, -1};
  for (int64_t step = 0;; ++step) {
    write(false);
    if (t_ >= end) return {LeapStatus::reached, t_, -1};
    if (step >= settings_.most_steps) return {LeapStatus::step_limit, t_, -1};
    if (step % kLook == kLook - 1 && !go_on()) return {LeapStatus::interrupted, t_, -1};
    LeapEnd failure{LeapStatus::reached, t_, -1};
    if (!sum_rates(t_, failure)) return failure;
    if (total_ == 0.0 && !watching && !timed) {
      t_ = end;
      write(true);
      return {LeapStatus::reached, t_, -1};
    }
    const double stop = written_ < rows.count ? rows.times[written_] : end;
    const bool exact = settings_.scheme == LeapScheme::exact || jumps_left_ > 0;
    const double held = exact && timed ? hold_rates(stop, failure) : stop;
    if (failure.status != LeapStatus::reached) return failure;
    if (exact && !jump(held)) return {LeapStatus::overdrawn, t_, blame_};
    if (!exact && !leap(stop)) return {LeapStatus::stuck, t_, -1};
    if (watching && field_.condition(t_, counts_.data())) return {LeapStatus::passed, t_, -1};
  }
}

// Rates and their sum; a negative or infinite one is blamed.
bool LeapPath::sum_rates(double t, LeapEnd& failure) {
  field_.rates(t, counts_.data(), rates_.data());
  double total = 0.0, least = 0.0;
  for (double rate : rates_) total += rate, least = std::min(least, rate);
  total_ = total;
  if (least >= 0.0 && std::isfinite(total)) return true;
  failure = {least < 0.0 ? LeapStatus::negative : LeapStatus::not_finite, t_, 0};
  for (size_t j = 0; j < rates_.size(); ++j)
    if (least < 0.0 ? rates_[j] < 0.0 : !std::isfinite(rates_[j])) {
      failure.blame = static_cast<int>(j);
      break;
    }
  return false;
}

// The time until which rates are held while jumps are made one by one; they are those at half of that time.
double LeapPath::hold_rates(double stop, LeapEnd& failure) {
  steady_ = steady_time(field_, t_, counts_.data(), rates_.data(), now_, settings_, 2.0 * steady_, later_);
  double held = std::min(steady_, stop - t_);
  if (total_ > 0.0) held = std::min(held, 1.0 / total_);
  sum_rates(t_ + 0.5 * held, failure);
  return held < stop - t_ ? t_ + held : stop;
}

bool LeapPath::jump(double stop) {
  const int m = static_cast<int>(rates_.size());
  double fresh = 0.0, wait = kInfinite;
  int reaction = -1;
  for (int j = 0; j < m; ++j) {
    if (known_ == 0 || !clocks_[j].knows()) {
      fresh += rates_[j];
    } else if (rates_[j] > 0.0) {
      const double due = clocks_[j].next(random_) / rates_[j];
      if (due < wait) wait = due, reaction = j;
    }
  }
  const double own = fresh > 0.0 ? exponential(random_) / fresh : kInfinite;
  if (own < wait) {
    wait = own;
    double x = random_.uniform() * fresh;
    for (int j = 0; j < m; ++j) {
      if ((known_ > 0 && clocks_[j].knows()) || rates_[j] <= 0.0) continue;
      reaction = j;
      if (x < rates_[j]) break;
      x -= rates_[j];
    }
  }
  if (field_.model().condition_timed) {
    const double horizon = std::min(t_ + wait, stop);
    if (field_.condition(horizon, counts_.data())) stop = field_.first_true(t_, horizon, counts_.data());
  }
  const bool fires = t_ + wait < stop;
  const double passed = fires ? wait : stop - t_;
  if (known_ > 0) {
    known_ = 0;
    for (int j = 0; j < m; ++j) {
      if (!clocks_[j].knows()) continue;
      // the one that fires: exactly its distance, which rounding must not miss
      const double distance = fires && j == reaction ? clocks_[j].next(random_) : rates_[j] * passed;
      clocks_[j].pass(distance, fires && j == reaction ? 1.0 : 0.0);
      known_ += clocks_[j].knows();
    }
  }
  t_ = fires ? t_ + wait : stop;
  if (!fires) return true;
  const LeapModel& model = field_.model();
  for (int e = model.changed.start[reaction]; e < model.changed.start[reaction + 1]; ++e) {
    double& count = counts_[model.changed.item[e]];
    count += model.change[e];
    if (count < 0.0) blame_ = reaction;
  }
  ++tally_.jumps;
  if (jumps_left_ > 0) --jumps_left_;
  return blame_ < 0;
}

void LeapPath::classify() {
  const LeapModel& model = field_.model();
  for (int j = 0; j < model.reactions; ++j) {
    critical_[j] = 0;
    for (int e = model.changed.start[j]; e < model.changed.start[j + 1] && rates_[j] > 0.0; ++e) {
      const double n = model.change[e];
      if (n < 0.0 && counts_[model.changed.item[e]] < -n * kCritical) critical_[j] = 1;
    }
    loose_[j] = !critical_[j] && rates_[j] > 0.0;
  }
}

bool LeapPath::plan(double left) {
  classify();
  if (std::none_of(loose_.begin(), loose_.end(), [](char c) { return c; })) {
    jumps_left_ = kJumps;
    return false;
  }
  const bool watching = field_.model().condition.count() > 0;
  const StepChoice choice =
      choose_step(field_, t_, counts_.data(), rates_.data(), loose_, settings_, left, watching);
  now_ = choice.scheme, step_ = choice.step;
  if (settings_.longest > 0.0 && settings_.step == 0.0) {
    steady_ = steady_time(field_, t_, counts_.data(), rates_.data(), now_, settings_, 2.0 * steady_, later_);
    step_ = std::min(step_, steady_);
  }
  if (settings_.step > 0.0 || step_ >= kWorth / total_) return true;
  jumps_left_ = now_ == LeapScheme::implicit_step ? kJumpsStiff : kJumps;
  return false;
}

// Time to the next firing of a critical reaction, and which.
double LeapPath::next_critical(int& reaction) {
  double fresh = 0.0, wait = kInfinite;
  reaction = -1;
  const int m = static_cast<int>(rates_.size());
  for (int j = 0; j < m; ++j) {
    if (!critical_[j]) continue;
    if (!clocks_[j].knows()) {
      fresh += rates_[j];
      continue;
    }
    const double due = clocks_[j].next(random_) / rates_[j];
    if (due < wait) wait = due, reaction = j;
  }
  if (!(fresh > 0.0)) return wait;
  const double own = exponential(random_) / fresh;
  if (own >= wait) return wait;
  double x = random_.uniform() * fresh;
  for (int j = 0; j < m; ++j) {
    if (!critical_[j] || clocks_[j].knows()) continue;
    reaction = j;
    if (x < rates_[j]) break;
    x -= rates_[j];
  }
  return own;
}

bool LeapPath::leap(double stop) {
  if (!plan(stop - t_)) return true;
  double longest = step_;
  const double next = t_ + std::min(longest, stop - t_);
  const bool by_time = field_.model().condition_timed && field_.condition(next, counts_.data());
  if (by_time) stop = field_.first_true(t_, next, counts_.data());  // it ends where time alone makes the condition true
  for (int attempt = 0; attempt < 200; ++attempt) {
    const bool halved = attempt > 0;
    if (halved && longest < kWorth / total_) {
      jumps_left_ = kJumps;
      return true;
    }
    int reaction = -1;
    const double due = next_critical(reaction);
    const double tau = std::min({longest, due, stop - t_});
    const int fired = tau == due ? reaction : -1;
    checked_at_ = by_time && tau == stop - t_ ? t_ : t_ + tau;
    if (draw(tau, fired)) {
      accept(tau, fired);
      if (tau == stop - t_ || t_ + tau > stop) t_ = stop;
      else t_ += tau;
      ++tally_.leaps;
      tally_.implicit += now_ == LeapScheme::implicit_step || now_ == LeapScheme::trapezoidal;
      return true;
    }
    remember(tau, fired);
    ++tally_.rejected;
    longest = 0.5 * tau;
  }
  return false;
}

// Numbers of firings within tau, and where they lead; false: take it back.
bool LeapPath::draw(double tau, int fired) {
  const int m = static_cast<int>(rates_.size());
  const bool twice = now_ == LeapScheme::second_order;
  const double first = twice ? 0.5 * tau : tau;
  for (int j = 0; j < m; ++j) firings_[j] = first_[j] = loose_[j] ? clocks_[j].draw(rates_[j] * first, random_) : 0.0;
  std::copy(rates_.begin(), rates_.end(), later_.begin());
  moved_ = counts_;
  if (now_ == LeapScheme::implicit_step) return draw_implicit(tau, 1.0) && acceptable(fired, false);
  if (now_ == LeapScheme::trapezoidal) return draw_implicit(tau, 0.5) && acceptable(fired, false);
  if (!twice) return field_.add(firings_, moved_.data()), acceptable(fired, settings_.step == 0.0);
  // the weak trapezoidal method (Anderson & Koyama, Multiscale Model. Simul. 10:1493, 2012), with theta = 1/2
  field_.add(firings_, moved_.data());
  if (*std::min_element(moved_.begin(), moved_.end()) < 0.0) return std::fill(later_.begin(), later_.end(), -1.0), false;
  field_.rates(t_ + first, moved_.data(), later_.data());
  for (int j = 0; j < m; ++j) {
    if (!loose_[j]) continue;
    const double from = rates_[j] * first;
    later_[j] = std::max(2.0 * later_[j] - rates_[j], 0.0);
    firings_[j] = clocks_[j].draw(from + later_[j] * first, random_, from, first_[j]);
  }
  moved_ = counts_;
  field_.add(firings_, moved_.data());
  return acceptable(fired, settings_.step == 0.0);
}

// x' = x + N (P - weight a tau + weight a(x') tau) (Rathinam, Petzold, Cao & Gillespie, J. Chem. Phys. 119:12784, 2003;
// weight 1/2: Cao & Petzold, Proc. FOSBE 2005), rounded at random so that means stay.
bool LeapPath::draw_implicit(double tau, double weight) {
  const int m = static_cast<int>(rates_.size());
  for (int j = 0; j < m; ++j) extents_[j] = loose_[j] ? first_[j] - weight * rates_[j] * tau : 0.0;
  if (!field_.solve(t_ + tau, counts_.data(), extents_, weight * tau, loose_, later_.data())) return false;
  for (int j = 0; j < m; ++j) {
    if (!loose_[j]) continue;
    const double exact = extents_[j] + weight * tau * std::max(later_[j], 0.0), whole = std::floor(exact);
    firings_[j] = whole + (random_.uniform() < exact - whole ? 1.0 : 0.0);
  }
  field_.add(firings_, moved_.data());
  return true;
}

// Whether the numbers in moved_ may be; `checked`: they must not have changed much more than expected. Adds the critical
// firing.
bool LeapPath::acceptable(int fired, bool checked) {
  const std::vector<double>& bounds = field_.bounds();
  for (size_t i = 0; checked && i < counts_.size(); ++i)
    if (std::abs(moved_[i] - counts_[i]) > kTooFar * bounds[i]) return false;
  const LeapModel& model = field_.model();
  if (fired >= 0)
    for (int e = model.changed.start[fired]; e < model.changed.start[fired + 1]; ++e)
      moved_[model.changed.item[e]] += model.change[e];
  if (*std::min_element(moved_.begin(), moved_.end()) < 0.0) return false;
  // where a condition becomes true is found by smaller leaps, at last by jumps
  return model.condition.count() == 0 || !field_.condition(checked_at_, moved_.data());
}

// What a leap that is taken back has told about the future.
void LeapPath::remember(double tau, int fired) {
  const bool twice = now_ == LeapScheme::second_order;
  for (size_t j = 0; j < rates_.size(); ++j) {
    if (!(rates_[j] > 0.0)) continue;
    const bool knew = clocks_[j].knows();
    if (critical_[j]) {
      if (!knew) clocks_[j].learn(rates_[j] * tau, 0.0, static_cast<int>(j) == fired ? 1.0 : 0.0);
    } else {
      const double half = rates_[j] * (twice ? 0.5 * tau : tau);
      clocks_[j].learn(half, first_[j], first_[j]);
      if (twice && later_[j] > 0.0) clocks_[j].learn(half + later_[j] * 0.5 * tau, firings_[j], firings_[j]);
    }
    known_ += !knew && clocks_[j].knows();
  }
}

void LeapPath::accept(double tau, int fired) {
  counts_ = moved_;
  if (known_ == 0) return;
  known_ = 0;
  const bool twice = now_ == LeapScheme::second_order;
  const bool implicit = now_ == LeapScheme::implicit_step || now_ == LeapScheme::trapezoidal;
  for (size_t j = 0; j < rates_.size(); ++j) {
    if (!clocks_[j].knows() || !(rates_[j] > 0.0)) continue;
    const bool here = static_cast<int>(j) == fired;
    double distance = rates_[j] * tau, count = implicit ? first_[j] : firings_[j];
    if (critical_[j]) {
      count = here ? 1.0 : 0.0;
      if (here) distance = clocks_[j].next(random_);
    } else if (twice) {
      distance = (rates_[j] + later_[j]) * 0.5 * tau;
    }
    clocks_[j].pass(distance, count);
    known_ += clocks_[j].knows();
  }
}

}  // namespace manyscale
