#include "integrators/solver.hpp"

#include <algorithm>

#include "integrators/bdf.hpp"
#include "integrators/explicit_rk.hpp"
#include "integrators/rosenbrock.hpp"

namespace manyscale {

namespace {

// Beyond this value of h * eigenvalue the explicit method is limited by stability (its real interval is 3.3).
constexpr double kExplicitLimit = 3.0;

}  // namespace

Solver::Solver(Problem& problem, Options options)
    : problem_(problem), options_(std::move(options)), has_mass_(problem.mass_pattern() != nullptr),
      y_(problem.size()), f_(problem.size()), g_(problem.root_count()), probe_(problem.size()),
      sign_(problem.root_count()), sign_new_(problem.root_count()), fired_(problem.root_count()) {
  stiff_ = problem.size() <= options_.small_size ? Method::rosenbrock : Method::bdf;
  if (has_mass_) stiff_ = Method::rosenbrock;
  if (options_.method == Method::rosenbrock || options_.method == Method::bdf) stiff_ = options_.method;
}

void Solver::start(double t, const double* y, bool keep_step) {
  kept_step_ = keep_step && now_ ? now_->next_step() : 0.0;
  t_ = t;
  y_.assign(y, y + problem_.size());
  started_ = false;
  if (options_.keep_history && !keep_step) history_.start(t, y_);
}

Stepper& Solver::stepper(Method method) {
  auto make = [&](auto& place, auto* type) -> Stepper& {
    using S = std::remove_pointer_t<decltype(type)>;
    if (!place) place = std::make_unique<S>(problem_, options_.tolerances, statistics_);
    return *place;
  };
  if (method == Method::bdf) return make(bdf_, static_cast<Bdf*>(nullptr));
  if (method == Method::rosenbrock) return make(rosenbrock_, static_cast<Rosenbrock*>(nullptr));
  return make(explicit_, static_cast<ExplicitRk*>(nullptr));
}

void Solver::use(Method method, double h) {
  method_ = method;
  now_ = &stepper(method);
  now_->start(t_, y_.data(), f_.data(), h);
  counted_ = 0;
}

void Solver::begin(double end) {
  problem_.rhs(t_, y_.data(), f_.data());
  ++statistics_.rhs;
  double h = options_.first_step;
  const bool explicit_possible = !has_mass_ && options_.method != Method::bdf && options_.method != Method::rosenbrock;
  if (h <= 0.0)
    h = initial_step(problem_, t_, y_.data(), f_.data(), std::max(end - t_, 1e-300), explicit_possible ? 5 : 2,
                     options_.tolerances, statistics_);
  if (kept_step_ > 0.0) h = std::min(std::max(h, 1e-3 * kept_step_), kept_step_);
  if (options_.method == Method::explicit_rk || (explicit_possible && method_ == Method::automatic)) {
    use(Method::explicit_rk, h);
  } else {
    use(method_ == Method::automatic ? stiff_ : method_, h);
  }
  if (problem_.root_count()) signs(t_, y_.data(), sign_);
  started_ = true;
}

// Explicit while stability does not limit the step, else the stiff method; each return needs more evidence.
void Solver::consider_switch() {
  if (options_.method != Method::automatic || has_mass_) return;
  if (method_ == Method::explicit_rk) {
    counted_ = now_->stiffness() > kExplicitLimit ? counted_ + 1 : std::max(0, counted_ - 1);
    if (counted_ < 6) return;
    problem_.rhs(t_, y_.data(), f_.data());
    ++statistics_.rhs, ++statistics_.switches;
    use(stiff_, now_->next_step());
  } else {
    const double limit = method_ == Method::rosenbrock ? 4.0 : 1.0;
    counted_ = now_->stiffness() < limit ? counted_ + 1 : 0;
    if (counted_ < patience_) return;
    patience_ = std::min(patience_ * 2, 2000);
    problem_.rhs(t_, y_.data(), f_.data());
    ++statistics_.rhs, ++statistics_.switches;
    use(Method::explicit_rk, 0.5 * now_->next_step());
  }
}

void Solver::signs(double t, const double* y, std::vector<int>& out) {
  problem_.roots(t, y, g_.data());
  for (size_t k = 0; k < g_.size(); ++k) out[k] = g_[k] > 0.0 ? 1 : g_[k] < 0.0 ? -1 : 0;
}

void Solver::track() {
  const double share = options_.tracking * options_.tolerances.relative;
  double* atol = options_.tolerances.absolute.data();
  for (int i = 0; i < problem_.size(); ++i) atol[i] = std::max(atol[i], share * std::fabs(y_[i]));
}

// Looks for the first change of sign in (from, to] of the last step; on success t_, y_ are just after it.
bool Solver::find_root(double from, double to) {
  constexpr int kSamples = 3;
  double low = from;
  for (int s = 1; s <= kSamples; ++s) {
    const double high = s == kSamples ? to : from + (to - from) * s / kSamples;
    if (s == kSamples && to == now_->t) probe_ = now_->y;
    else now_->interpolate(high, probe_.data());
    signs(high, probe_.data(), sign_new_);
    if (sign_new_ == sign_) {
      low = high;
      continue;
    }
    double a = low, b = high;
    std::vector<int> at_b = sign_new_, middle(sign_.size());
    for (int k = 0; k < 200 && b > a; ++k) {
      const double m = a + 0.5 * (b - a);
      if (m <= a || m >= b) break;
      now_->interpolate(m, probe_.data());
      signs(m, probe_.data(), middle);
      if (middle == sign_) a = m;
      else b = m, at_b = middle;
    }
    if (b == now_->t) y_ = now_->y;
    else now_->interpolate(b, y_.data());
    t_ = b;
    for (size_t k = 0; k < sign_.size(); ++k) fired_[k] = at_b[k] - sign_[k] > 0 ? 1 : at_b[k] - sign_[k] < 0 ? -1 : 0;
    return true;
  }
  return false;
}

Advance Solver::advance(double end, const double* times, int count, double* out) {
  const int n = problem_.size();
  Advance result;
  auto write_until = [&](double limit, bool inside) {
    while (result.written < count && times[result.written] <= limit) {
      double* row = out + static_cast<size_t>(result.written) * n;
      const double when = times[result.written++];
      if (inside && when < now_->t) now_->interpolate(when, row);
      else std::copy(y_.begin(), y_.end(), row);
    }
  };
  write_until(t_, false);
  if (!started_ && end > t_) begin(end);
  for (int64_t steps = 0; t_ < end; ++steps) {
    if (steps >= options_.max_steps) result.status = Status::step_limit;
    else if ((steps & 63) == 63 && interrupt_.load(std::memory_order_relaxed)) result.status = Status::interrupted;
    if (result.status != Status::reached) break;
    const StepOutcome outcome = now_->step(end, options_.max_step);
    if (outcome != StepOutcome::accepted) {
      result.status = std::isfinite(now_->y[now_->blame]) ? Status::too_small : Status::not_finite;
      result.component = now_->blame;
      result.step = now_->h_failed;
      break;
    }
    const double from = t_;
    if (problem_.root_count() && find_root(from, now_->t)) {
      if (options_.keep_history) history_.add(from, t_, [&](double s, double* y) { now_->interpolate(s, y); });
      // An output time that coincides with the root is left to the caller, who knows the state after the event.
      while (result.written < count && times[result.written] < t_) {
        now_->interpolate(times[result.written], out + static_cast<size_t>(result.written) * n);
        ++result.written;
      }
      result.status = Status::root;
      started_ = false;
      kept_step_ = now_->next_step();
      break;
    }
    t_ = now_->t;
    y_ = now_->y;
    if (options_.tracking > 0.0) track();
    if (options_.keep_history) history_.add(from, t_, [&](double s, double* y) { now_->interpolate(s, y); });
    write_until(t_, true);
    consider_switch();
  }
  result.t = t_;
  return result;
}

}  // namespace manyscale
