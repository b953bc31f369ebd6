// Exact paths of jump processes (Gillespie, J. Phys. Chem. 81:2340, 1977): the direct method on compiled propensities,
// or, for large networks of elementary steps, rejection from bounds (rejection.hpp). Where propensities change between the
// jumps, a jump comes when the integral of their sum reaches an exponential number (timed.cpp).
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "equations.hpp"
#include "jump/rejection.hpp"
#include "jump/xoshiro.hpp"

namespace manyscale {

// Generated code for many paths at once: see kernels/jump_lanes.py.
using JumpLanes = int64_t (*)(double* x, double* t, double* due, double* random, double* live, double* fire,
                             const double* constants, const double* p, const double* scale, double* bad,
                             int64_t limit);

struct JumpModel {
  int states = 0, parameters = 0, reactions = 0;
  Formulas formulas;  // propensities (unless `table`), derivatives of what flows, switching functions
  CompiledFunction compiled = nullptr;
  int compiled_slots = 0;
  JumpLanes lane_code = nullptr;
  int lanes = 0;
  Ragged changed;             // states that a reaction changes
  std::vector<int32_t> change;  // by how many molecules
  bool table = false;         // propensity = constant * product of n (n - 1) ... over the reactants
  Ragged reactants;           // states, repeated by their order
  bool timed = false;         // propensities change between the jumps
  std::vector<int32_t> flowing;  // states that flow, in the order of their derivatives among the formulas
  bool stops = true;          // at changes of sign of switching functions
  int flows() const { return static_cast<int>(flowing.size()); }
  int first_watch() const { return (table ? 0 : reactions) + flows(); }
  int watches() const { return static_cast<int>(formulas.program.slot.size()) - first_watch(); }
};

enum class JumpStatus { reached, watch, step_limit, negative, not_finite, overdrawn };

struct JumpAdvance {
  JumpStatus status;
  double t;
  int written;
  int blame;  // reaction
};

class JumpPath {
 public:
  // scale: what one molecule is in the units of its state. constants: of the table. longest: time after which changing
  // propensities are looked at again.
  JumpPath(std::shared_ptr<const JumpModel> model, const double* p, const double* scale, const double* constants,
           uint64_t seed, uint64_t stream, double longest);
  void set_parameters(const double* p, const double* scale, const double* constants);
  // counts: molecules, whole numbers.
  void start(double t, const double* counts);
  // To `end`; writes the state at each of the `count` times on the way (all <= end) to rows of `out`, in the states'
  // units. Stops at the first time at which a switching function changes its sign.
  JumpAdvance advance(double end, const double* times, int count, double* out, int64_t most_steps);
  const JumpModel& model() const { return *model_; }
  const std::vector<double>& counts() const { return counts_; }
  double t() const { return t_; }
  int64_t steps() const { return steps_; }

 private:
  void evaluate(double t);
  double waiting_rate(int& blame, JumpStatus& status);
  int choose(double total);
  bool fire(int reaction);  // false: more molecules than there are would be used up
  void look(std::vector<double>& signs);
  bool flips_before(double& next, const std::vector<double>& signs);
  // where propensities change between the jumps
  JumpAdvance advance_timed(double end, const double* times, int count, double* out, int64_t most_steps);
  double begin_step(int& blame, JumpStatus& status);
  double accurate_step(double h, bool& flips);
  double attempt(double h);
  double until_flip(double h);
  double until_due(double h);
  void take(double t);
  std::shared_ptr<const JumpModel> model_;
  std::vector<double> slots_, values_, scale_, constants_, counts_, state_, signs_;
  RejectionTable table_;
  Xoshiro random_;
  double t_ = 0.0;
  int64_t steps_ = 0;
  // steps of the flow: stages of (what flows, hazard), values at the start and end of a step, largest values so far
  std::vector<double> stages_, from_, flow_, size_, looked_;
  double longest_ = 0.0, h_ = 0.0, after_ = 0.0;
  double due_ = 0.0, gained_ = 0.0;  // hazard left before the next jump (none: not drawn), and gained within a step
};

}  // namespace manyscale
