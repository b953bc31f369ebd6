// One initial value problem, advanced in pieces: chooses and switches methods, writes output, locates roots.
#pragma once
#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <memory>

#include "integrators/history.hpp"
#include "integrators/root_finder.hpp"
#include "integrators/stepper.hpp"

namespace manyscale {

enum class Method { automatic, bdf, rosenbrock, explicit_rk };

struct Options {
  Method method = Method::automatic;
  Tolerances tolerances;
  int64_t max_steps = 1'000'000;  // per call of advance()
  double first_step = 0.0;        // 0: chosen
  double max_step = std::numeric_limits<double>::infinity();
  int small_size = 24;            // up to here the stiff method is Rosenbrock's
  int small_with_mass = 10;       // the same with algebraic equations
  bool keep_history = false;
  std::function<bool()> poll;  // asked every 64 steps; true interrupts
  double tracking = 0.0;  // absolute tolerances grow to this share of rtol * (largest value so far)
};

enum class Status { reached, root, too_small, not_finite, step_limit, interrupted };

struct Advance {
  Status status = Status::reached;
  double t = 0.0;
  int written = 0;          // rows of output
  int component = -1;       // the state to blame for a failure
  double step = 0.0;        // step size at a failure
};

class Solver {
 public:
  Solver(Problem& problem, Options options);
  // Sets the state, and forgets everything else: start of a run, or after a jump of the state.
  void start(double t, const double* y, bool keep_step);
  // Integrates to `end`, writing y at each of `times` (ascending, not before t) into rows of `out` (count, n).
  // Stops early just after a root; times before the stop are written, `written` tells how many. Called again without
  // start(), it goes on within the same step, as if nothing had happened.
  Advance advance(double end, const double* times, int count, double* out);
  double t() const { return t_; }
  const std::vector<double>& y() const { return y_; }
  const std::vector<int>& fired() const { return roots_.fired(); }  // +1 rising, -1 falling, 0 not, at the last root
  Method method() const { return method_; }
  // Dense output between the start of the last step and t().
  void interpolate(double t, double* y) { now_ && started_ ? now_->interpolate(t, y) : void(std::copy(y_.begin(), y_.end(), y)); }
  const Statistics& statistics() const { return statistics_; }
  const History& history() const { return history_; }
  std::atomic<bool>& interrupt() { return interrupt_; }
  Options& options() { return options_; }

 private:
  bool begin(double end, Advance& result);
  Stepper& stepper(Method method);
  void use(Method method, double h);
  void consider_switch();
  void track();
  void start_history(double t);
  void add_history(double from, double to);
  bool take_step(double end, Advance& result);
  bool skip_switch(double end);
  bool jumps(double before, double& after);
  void repeat_until(double before, double after);
  bool move_on(double end, Advance& result);
  Problem& problem_;
  Options options_;
  Statistics statistics_;
  std::unique_ptr<Stepper> bdf_, rosenbrock_, explicit_;
  Stepper* now_ = nullptr;
  Method method_ = Method::automatic, stiff_;
  bool started_ = false, has_mass_;
  int counted_ = 0, patience_ = 25, skipped_ = 0;
  double t_ = 0.0, kept_step_ = 0.0;
  // Just before and after a jump of the equations, towards which the step that met it is repeated (infinite: none).
  double barrier_ = std::numeric_limits<double>::infinity(), beyond_ = 0.0;
  std::vector<double> y_, f_, probe_;
  RootFinder roots_;
  History history_;
  std::atomic<bool> interrupt_{false};
};

}  // namespace manyscale
