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
      y_(problem.size()), f_(problem.size()), roots_(problem) {
  stiff_ = problem.size() <= options_.small_size ? Method::rosenbrock : Method::bdf;
  if (has_mass_ && problem.size() > options_.small_with_mass) stiff_ = Method::bdf;
  if (options_.method == Method::rosenbrock || options_.method == Method::bdf) stiff_ = options_.method;
}

void Solver::start(double t, const double* y, bool keep_step) {
  kept_step_ = keep_step && now_ ? now_->next_step() : 0.0;
  t_ = t;
  y_.assign(y, y + problem_.size());
  started_ = false;
  barrier_ = std::numeric_limits<double>::infinity();
  if (options_.keep_history && !keep_step) start_history(t);
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

// Chooses the first method and step. False when the equations have no finite value here.
bool Solver::begin(double end, Advance& result) {
  problem_.rhs(t_, y_.data(), f_.data());
  ++statistics_.rhs;
  for (int i = 0; i < problem_.size(); ++i)
    if (!std::isfinite(f_[i]) || !std::isfinite(y_[i])) {
      result.status = Status::not_finite;
      result.component = i;
      return false;
    }
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
  if (roots_.count()) roots_.look(t_, y_.data());
  started_ = true;
  return true;
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

void Solver::track() {
  const double share = options_.tracking * options_.tolerances.relative;
  double* atol = options_.tolerances.absolute.data();
  for (int i = 0; i < problem_.size(); ++i) atol[i] = std::max(atol[i], share * std::fabs(y_[i]));
}

// The history holds y and what the problem wants remembered beside it.
void Solver::start_history(double t) {
  std::vector<double> values(y_);
  values.resize(y_.size() + problem_.extra());
  problem_.remember(t, y_.data(), values.data() + y_.size());
  history_.start(t, values);
}

void Solver::add_history(double from, double to) {
  history_.add(from, to, [&](double s, double* values) {
    now_->interpolate(s, values);
    problem_.remember(s, values, values + y_.size());
  });
}

// One step of the method. False when it failed.
bool Solver::take_step(double end, Advance& result) {
  if (now_->step(std::min(end, barrier_), options_.max_step) == StepOutcome::accepted) {
    skipped_ = 0;
    return true;
  }
  if (skip_switch(end)) {
    result.status = Status::root;
    return false;
  }
  result.status = now_->not_finite ? Status::not_finite : Status::too_small;
  result.component = now_->blame;
  result.step = now_->h_failed;
  return false;
}

// Where no step can be made: if a formula switches right ahead, its two sides do not fit together (an algebraic
// equation that changes, say). Then time moves past the switch, and the caller finds consistent values there.
bool Solver::skip_switch(double end) {
  if (!roots_.count() || ++skipped_ > 10) return false;
  for (double distance = 1e-14; distance < 1e-10; distance *= 10.0) {
    const double when = std::min(end, t_ + distance * std::max(1.0, std::fabs(t_)));
    if (!roots_.changed(when, y_.data())) continue;
    t_ = when;
    started_ = false;
    kept_step_ = 0.0;
    return true;
  }
  return false;
}

// Whether the equations jump between two neighbouring times, by more than the tolerance over the last step. Where the
// jump comes within rounding after the switch (floor and the like), `after` is moved past it.
bool Solver::jumps(double before, double& after) {
  if (before <= now_->t_before) return false;
  const int n = problem_.size();
  std::vector<double> f_after(n);
  probe_.resize(n);
  now_->interpolate(before, probe_.data());
  problem_.rhs(before, probe_.data(), f_.data());
  const double h = now_->t - now_->t_before;
  for (const double when : {after, after + 8e-16 * std::fabs(after)}) {
    problem_.rhs(when, probe_.data(), f_after.data());
    ++statistics_.rhs;
    for (int i = 0; i < n; ++i) f_after[i] = h * (f_after[i] - f_[i]);
    if (weighted_norm(n, f_after.data(), probe_.data(), probe_.data(), options_.tolerances) > 0.1) {
      after = when;
      return true;
    }
  }
  return false;
}

// The step that ran into a jump mixes the equations of both sides. It is repeated by a one-step method, all of whose
// evaluations lie before the jump.
void Solver::repeat_until(double before, double after) {
  barrier_ = before, beyond_ = after;
  const std::vector<double> y(now_->y_before);
  t_ = now_->t_before;
  y_ = y;
  roots_.undo(t_, y_.data());
  problem_.rhs(t_, y_.data(), f_.data());
  ++statistics_.rhs;
  use(method_ == Method::explicit_rk ? Method::explicit_rk : Method::rosenbrock, before - t_);
}

// From t_ to the end of the step (or `end`, if that is earlier), or to the first root on the way: true.
bool Solver::move_on(double end, Advance& result) {
  const double from = t_, to = std::min(now_->t, end);
  double t_root = to, before = from;
  const bool barrier = now_->t >= barrier_;
  bool root = !barrier && roots_.count() && roots_.find(*now_, from, to, t_root, before);
  before -= 8e-16 * std::fabs(before);  // floor and the like jump within rounding of where they are found to
  if (root && jumps(before, t_root)) {
    repeat_until(before, t_root);
    return false;
  }
  if (barrier) t_root = beyond_, root = true;
  t_ = t_root;
  if (t_ == now_->t || barrier) y_ = now_->y;
  else now_->interpolate(t_, y_.data());
  if (barrier) {
    if (method_ == Method::rosenbrock) method_ = stiff_;
    roots_.changed(t_, y_.data());
  }
  if (options_.keep_history) add_history(from, t_);
  if (root) result.status = Status::root;
  else if (options_.tracking > 0.0) track();
  return root;
}

Advance Solver::advance(double end, const double* times, int count, double* out) {
  const size_t n = problem_.size();
  Advance result;
  auto write = [&](double limit, bool also_limit) {
    while (result.written < count && (times[result.written] < limit || (also_limit && times[result.written] == limit))) {
      const double when = times[result.written];
      double* row = out + n * static_cast<size_t>(result.written++);
      if (started_ && when < now_->t && when >= now_->t_before) now_->interpolate(when, row);
      else std::copy(y_.begin(), y_.end(), row);
    }
  };
  write(t_, true);
  if (!started_ && end > t_ && !begin(end, result)) end = t_;
  for (int64_t steps = 0; t_ < end; ++steps) {
    if (t_ >= now_->t) {
      if (steps >= options_.max_steps) result.status = Status::step_limit;
      else if ((steps & 63) == 63 && (interrupt_.load(std::memory_order_relaxed) || (options_.poll && options_.poll())))
        result.status = Status::interrupted;
      if (result.status != Status::reached || !take_step(end, result)) break;
    }
    const bool root = move_on(end, result);
    if (root) {
      // An output time that coincides with the root is left to the caller, who knows the state after the event.
      write(t_, false);
      if (t_ == beyond_ && barrier_ < t_) started_ = false;  // the equations are other ones from here
      barrier_ = std::numeric_limits<double>::infinity();
      break;
    }
    write(t_, true);
    if (t_ == now_->t) consider_switch();
  }
  result.t = t_;
  return result;
}

}  // namespace manyscale
