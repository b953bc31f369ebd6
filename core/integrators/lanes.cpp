#include "integrators/lanes.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <thread>

#include "integrators/lane_stepper.hpp"
#include "integrators/single_lane.hpp"
#include "lane_math.hpp"
#include "linalg/clones.hpp"

namespace manyscale {

namespace {

constexpr int L = kLanes;
constexpr int kStiffSteps = 8, kWeakSteps = 6;

// Factors for the next steps, from the errors of the last two.
MANYSCALE_VECTORISED void grow(const double* MANYSCALE_RESTRICT error, const double* MANYSCALE_RESTRICT last,
                               double* MANYSCALE_RESTRICT growth) {
  for (int l = 0; l < L; ++l) {
    const double now = error[l] > 1e-10 ? error[l] : 1e-10, before = last[l] > 1e-4 ? last[l] : 1e-4;
    growth[l] = 0.9 * lane::exp(-0.17 * lane::log(now) + 0.04 * lane::log(before));
  }
}

// A member that is under way, or about to start (h = 0).
struct Start {
  int64_t member = -1;
  double t = 0.0, h = 0.0;
  std::vector<double> y, atol;
  int written = 0;
  int64_t steps = 0;
};

// One thread's share: lanes filled from the ensemble, or from members that another method put aside.
class Worker {
 public:
  Worker(const Ensemble& ensemble, LaneProblem& problem, std::atomic<int64_t>& next)
      : ensemble_(ensemble), problem_(problem), next_(next), n_(problem.size()),
        width_(ensemble.columns ? ensemble.kept : n_), y_(n_ * L), y_new_(n_ * L), out_(n_ * L) {}

  void run() {
    if (ensemble_.method == Method::bdf) {
      for (Start s; take_new(s);) finish_alone(std::move(s));
      return;
    }
    if (ensemble_.method != Method::rosenbrock) run_lanes(*make_explicit_lanes(problem_, ensemble_.tolerances), true);
    if (ensemble_.method != Method::explicit_rk)
      run_lanes(*make_rosenbrock_lanes(problem_, ensemble_.tolerances), false);
    for (Start& s : hard_) finish_alone(std::move(s));
  }
  Statistics statistics;

 private:
  struct Lane {
    int64_t member = -1, steps = 0;
    int written = 0, stiff = 0, weak = 0;
    bool rejected = false;
  };

  bool stopped() const { return ensemble_.interrupt && ensemble_.interrupt->load(std::memory_order_relaxed); }
  double end() const { return ensemble_.count ? ensemble_.times[ensemble_.count - 1] : ensemble_.begin; }
  double* row(int64_t member, int index) const {
    return ensemble_.out + (static_cast<size_t>(member) * ensemble_.count + index) * width_;
  }
  // One row of output from a state whose components lie `stride` apart.
  void write_row(int64_t member, int index, const double* y, int stride) const {
    double* to = row(member, index);
    for (int c = 0; c < width_; ++c)
      to[c] = y[static_cast<size_t>(ensemble_.columns ? ensemble_.columns[c] : c) * stride];
  }

  bool take_new(Start& s) {
    if (stopped()) return false;
    const int64_t member = next_.fetch_add(1);
    if (member >= ensemble_.members) return false;
    const double* y = ensemble_.initial + (ensemble_.shared_initial ? 0 : member * n_);
    s = Start{member, ensemble_.begin, 0.0, std::vector<double>(y, y + n_), ensemble_.tolerances.absolute, 0, 0};
    if (ensemble_.absolute) s.atol.assign(ensemble_.absolute + member * n_, ensemble_.absolute + (member + 1) * n_);
    return true;
  }

  bool take(Start& s, bool fresh) {
    if (!fresh && !aside_.empty() && !stopped()) {
      s = std::move(aside_.back());
      aside_.pop_back();
      return true;
    }
    return (fresh || ensemble_.method == Method::rosenbrock) && take_new(s);
  }

  void report(int64_t member, Status status, double t, int written, int component, int64_t steps) {
    ensemble_.results[member] = {status, t, written, component, steps};
    for (int k = written; k < ensemble_.count; ++k) std::fill_n(row(member, k), width_, NAN);
    if (ensemble_.finished) ++*ensemble_.finished;
  }

  // The next member into a lane; those that need no integration are answered at once.
  bool fill(int l, LaneStepper& stepper, bool fresh) {
    for (Start s; take(s, fresh);) {
      while (s.written < ensemble_.count && ensemble_.times[s.written] <= s.t)
        write_row(s.member, s.written++, s.y.data(), 1);
      if (s.written == ensemble_.count) {
        report(s.member, Status::reached, s.t, s.written, -1, s.steps);
        continue;
      }
      problem_.load(l, s.member);
      lane_[l] = Lane{s.member, s.steps, s.written, 0, 0, false};
      last_error_[l] = 1e-4;
      t_[l] = s.t;
      for (int i = 0; i < n_; ++i) y_[i * L + l] = s.y[i], stepper.absolute()[i * L + l] = s.atol[i];
      h_[l] = s.h > 0.0 ? s.h : first_step(l, s);
      return true;
    }
    lane_[l].member = -1;
    return false;
  }

  // Hairer, Norsett & Wanner, Solving ODEs I, section II.4, for one lane.
  double first_step(int l, const Start& s) {
    std::vector<double> f(n_ * L), probe(y_);
    problem_.rhs(t_, probe.data(), f.data());
    std::vector<double> f0(n_), f1(n_);
    for (int i = 0; i < n_; ++i) f0[i] = f[i * L + l];
    Tolerances tolerances{ensemble_.tolerances.relative, s.atol, {}, 0.0, 5};
    const double size_y = weighted_norm(n_, s.y.data(), s.y.data(), s.y.data(), tolerances);
    const double size_f = weighted_norm(n_, f0.data(), s.y.data(), s.y.data(), tolerances), span = end() - s.t;
    double h = size_y < 1e-5 || size_f < 1e-5 ? 1e-6 * span : 0.01 * size_y / size_f;
    h = std::min(h, span);
    for (int i = 0; i < n_; ++i) probe[i * L + l] += h * f0[i];
    double when[L];
    std::copy_n(t_, L, when);
    when[l] += h;
    problem_.rhs(when, probe.data(), f.data());
    statistics.rhs += 2;
    for (int i = 0; i < n_; ++i) f1[i] = f[i * L + l] - f0[i];
    const double most = std::max(size_f, weighted_norm(n_, f1.data(), s.y.data(), s.y.data(), tolerances) / h);
    if (!std::isfinite(most)) return 1e-6 * span;
    return std::min({100.0 * h, most <= 1e-15 ? std::max(1e-6 * span, 1e-3 * h) : std::pow(0.01 / most, 0.2), span});
  }

  Start put_aside(int l, const LaneStepper& stepper) const {
    Start s{lane_[l].member,  t_[l],         h_[l], std::vector<double>(n_), std::vector<double>(n_),
            lane_[l].written, lane_[l].steps};
    for (int i = 0; i < n_; ++i) s.y[i] = y_[i * L + l], s.atol[i] = stepper.absolute()[i * L + l];
    return s;
  }

  int blame(int l, const LaneStepper& stepper) const {
    int worst = 0;
    double most = -1.0;
    for (int i = 0; i < n_; ++i) {
      const double e = stepper.error_vector()[i * L + l];
      if (!std::isfinite(e)) return i;
      const double ratio =
          std::fabs(e) / (stepper.absolute()[i * L + l] + ensemble_.tolerances.relative * std::fabs(y_[i * L + l]));
      if (ratio > most) most = ratio, worst = i;
    }
    return worst;
  }

  // Rows of output within the steps just taken, for all lanes that have one, until none has.
  void write_rows(LaneStepper& stepper, const bool* taken, const double* t_new) {
    for (;;) {
      double theta[L];
      bool any = false, has[L];
      for (int l = 0; l < L; ++l) {
        const int k = lane_[l].written;
        has[l] = taken[l] && k < ensemble_.count && ensemble_.times[k] <= t_new[l];
        theta[l] = has[l] ? std::min(1.0, (ensemble_.times[k] - t_[l]) / (t_new[l] - t_[l])) : 1.0;
        any |= has[l];
      }
      if (!any) return;
      stepper.interpolate(theta, y_.data(), y_new_.data(), out_.data());
      for (int l = 0; l < L; ++l) {
        if (!has[l]) continue;
        write_row(lane_[l].member, lane_[l].written++, out_.data() + l, L);
      }
    }
  }

  bool forbidden(int l) const {
    const auto& rule = ensemble_.tolerances.nonnegative;
    for (size_t i = 0; i < rule.size(); ++i)
      if (rule[i] && y_new_[i * L + l] < -(ensemble_.absolute ? ensemble_.absolute[lane_[l].member * n_ + i]
                                                              : ensemble_.tolerances.absolute[i]))
        return true;
    return false;
  }

  // Verdict on one lane's attempt; the next step size. True when the step is taken.
  bool judge(int l, LaneStepper& stepper, const double* h, bool cut) {
    Lane& lane = lane_[l];
    const double error = stepper.error[l];
    const bool finite = std::isfinite(error) && !stepper.weak[l], good = finite && error <= 1.0 && !forbidden(l);
    ++(good ? statistics.steps : statistics.rejected);
    lane.weak = stepper.weak[l] ? lane.weak + 1 : 0;
    if (!good) {
      lane.rejected = true;
      h_[l] = h[l] * (!finite       ? (stepper.weak[l] ? 0.25 : 0.1)
                      : error > 1.0 ? std::clamp(0.9 * std::pow(error, -0.2), 0.1, 0.8)
                                    : 0.5);
      return false;
    }
    const double growth = std::clamp(growth_[l], 0.2, lane.rejected ? 1.0 : 7.0);
    if (!(cut && h[l] < 0.5 * h_[l])) h_[l] = h[l] * growth;
    last_error_[l] = std::max(error, 1e-4);
    lane.rejected = false;
    ++lane.steps;
    return true;
  }

  // After the attempt: a member that is done, failed or in the wrong method leaves its lane. True when it does.
  bool leaves(int l, LaneStepper& stepper, bool taken, bool is_explicit) {
    Lane& lane = lane_[l];
    if (lane.member < 0) return false;
    if (lane.written == ensemble_.count) {
      report(lane.member, Status::reached, t_[l], lane.written, -1, lane.steps);
      return true;
    }
    if (lane.steps >= ensemble_.max_steps) {
      report(lane.member, Status::step_limit, t_[l], lane.written, -1, lane.steps);
      return true;
    }
    if (lane.weak >= kWeakSteps) {
      hard_.push_back(put_aside(l, stepper));
      return true;
    }
    if (!taken && h_[l] < 1e-14 * std::max(std::fabs(t_[l]), 1e-290)) {
      const bool finite = std::isfinite(stepper.error[l]);
      report(lane.member, finite ? Status::too_small : Status::not_finite, t_[l], lane.written, blame(l, stepper),
             lane.steps);
      return true;
    }
    if (is_explicit && taken) {
      lane.stiff = stepper.stiffness[l] > 3.0 ? lane.stiff + 1 : std::max(0, lane.stiff - 1);
      if (lane.stiff >= kStiffSteps && ensemble_.method == Method::automatic) {
        aside_.push_back(put_aside(l, stepper));
        return true;
      }
    }
    return false;
  }

  void track(LaneStepper& stepper, const bool* taken) {
    const double share = ensemble_.tracking * ensemble_.tolerances.relative;
    double* atol = stepper.absolute().data();
    for (int i = 0; i < n_; ++i)
      for (int l = 0; l < L; ++l)
        if (taken[l]) atol[i * L + l] = std::max(atol[i * L + l], share * std::fabs(y_[i * L + l]));
  }

  void run_lanes(LaneStepper& stepper, bool is_explicit) {
    bool anew[L], none[L] = {}, any = false;
    for (int l = 0; l < L; ++l) t_[l] = ensemble_.begin, h_[l] = 1e-6;
    for (int i = 0; i < n_ && ensemble_.members; ++i) std::fill_n(y_.begin() + i * L, L, ensemble_.initial[i]);
    for (int l = 0; l < L; ++l) {
      anew[l] = fill(l, stepper, is_explicit);
      any |= anew[l];
      if (l == 0 && anew[0] && ensemble_.members)  // idle lanes repeat the first member
        for (int other = 1; other < L; ++other) problem_.load(other, lane_[0].member);
    }
    if (!any) return;
    stepper.settle(none, anew, t_, y_.data());
    for (int64_t round = 0; any; ++round) {
      if ((round & 63) == 63 && stopped()) return abandon();
      any = advance_lanes(stepper, is_explicit);
    }
  }

  void abandon() {
    for (int l = 0; l < L; ++l)
      if (lane_[l].member >= 0)
        report(lane_[l].member, Status::interrupted, t_[l], lane_[l].written, -1, lane_[l].steps);
    for (auto* list : {&aside_, &hard_}) {
      for (Start& s : *list) report(s.member, Status::interrupted, s.t, s.written, -1, s.steps);
      list->clear();
    }
  }

  // One attempt in all lanes. False when none has a member any more.
  bool advance_lanes(LaneStepper& stepper, bool is_explicit) {
    double h[L], t_new[L];
    bool taken[L], anew[L], cut[L], any = false;
    for (int l = 0; l < L; ++l) {
      h[l] = std::min(h_[l], ensemble_.max_step);
      cut[l] = t_[l] + h[l] * 1.0000001 >= end() && lane_[l].member >= 0;
      if (cut[l]) h[l] = end() - t_[l];
      t_new[l] = cut[l] ? end() : t_[l] + h[l];
    }
    stepper.attempt(t_, y_.data(), h, y_new_.data());
    statistics.rhs += is_explicit ? 6 : 8, statistics.factorisations += !is_explicit;
    grow(stepper.error, last_error_, growth_);
    for (int l = 0; l < L; ++l) taken[l] = lane_[l].member >= 0 && judge(l, stepper, h, cut[l]);
    write_rows(stepper, taken, t_new);
    for (int i = 0; i < n_; ++i)
      for (int l = 0; l < L; ++l) y_[i * L + l] = taken[l] ? y_new_[i * L + l] : y_[i * L + l];
    for (int l = 0; l < L; ++l) t_[l] = taken[l] ? t_new[l] : t_[l];
    if (ensemble_.tracking > 0.0) track(stepper, taken);
    for (int l = 0; l < L; ++l) {
      const bool out = leaves(l, stepper, taken[l], is_explicit);
      anew[l] = out && fill(l, stepper, is_explicit);
      any |= lane_[l].member >= 0;
    }
    stepper.settle(taken, anew, t_, y_.data());
    return any;
  }

  void finish_alone(Start s) {
    problem_.load(0, s.member);
    SingleLane single(problem_);
    Options options;
    options.method = ensemble_.method == Method::bdf ? Method::bdf : Method::automatic;
    options.tolerances = ensemble_.tolerances;
    options.tolerances.absolute = s.atol;
    options.max_steps = ensemble_.max_steps - s.steps;
    options.max_step = ensemble_.max_step;
    options.first_step = s.h;
    options.tracking = ensemble_.tracking;
    options.poll = [this] { return stopped(); };
    Solver solver(single, options);
    solver.start(s.t, s.y.data(), false);
    std::vector<double> rows(static_cast<size_t>(ensemble_.count - s.written) * n_);
    const Advance a = solver.advance(end(), ensemble_.times + s.written, ensemble_.count - s.written, rows.data());
    for (int k = 0; k < a.written; ++k)
      write_row(s.member, s.written + k, rows.data() + static_cast<size_t>(k) * n_, 1);
    const Statistics& own = solver.statistics();
    statistics.steps += own.steps, statistics.rejected += own.rejected, statistics.rhs += own.rhs;
    report(s.member, a.status, a.t, s.written + a.written, a.component, s.steps + own.steps);
  }

  const Ensemble& ensemble_;
  LaneProblem& problem_;
  std::atomic<int64_t>& next_;
  int n_, width_;
  Lane lane_[L];
  double t_[L] = {}, h_[L] = {}, last_error_[L] = {}, growth_[L] = {};
  std::vector<double> y_, y_new_, out_;
  std::vector<Start> aside_, hard_;  // for the stiff lanes, and for one at a time
};

}  // namespace

Statistics run_ensemble(const Ensemble& ensemble, const std::function<std::unique_ptr<LaneProblem>()>& make,
                        int threads) {
  std::atomic<int64_t> next{0};
  std::mutex lock;
  Statistics total;
  auto work = [&](LaneProblem& problem) {
    Worker worker(ensemble, problem, next);
    worker.run();
    const std::lock_guard<std::mutex> guard(lock);
    total.steps += worker.statistics.steps, total.rejected += worker.statistics.rejected;
    total.rhs += worker.statistics.rhs, total.factorisations += worker.statistics.factorisations;
  };
  const int64_t useful = (ensemble.members + L - 1) / L;
  const int count = static_cast<int>(std::clamp<int64_t>(threads, 1, std::max<int64_t>(1, useful)));
  std::vector<std::unique_ptr<LaneProblem>> problems;
  for (int k = 0; k < count; ++k) problems.push_back(make());
  std::vector<std::thread> pool;
  for (int k = 1; k < count; ++k) pool.emplace_back([&, k] { work(*problems[k]); });
  work(*problems[0]);
  for (auto& thread : pool) thread.join();
  for (int64_t m = next; m < ensemble.members; ++m) {  // never begun
    ensemble.results[m] = MemberResult{};
    const size_t size = static_cast<size_t>(ensemble.count) * (ensemble.columns ? ensemble.kept : problems[0]->size());
    std::fill_n(ensemble.out + static_cast<size_t>(m) * size, size, NAN);
  }
  return total;
}

}  // namespace manyscale
