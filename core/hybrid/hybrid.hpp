// Paths of which some reactions jump and others run continuously: integrated hazards of the jumps along the flow or
// diffusion of the rest (Haseltine & Rawlings, J. Chem. Phys. 117:6959, 2002; Salis & Kaznessis, J. Chem. Phys.
// 122:054103, 2005), with a partition that is looked at again all the way.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "equations.hpp"
#include "jump/philox.hpp"

namespace manyscale {

// Propensities, one formula each, and what reactions change: lists one after the other.
struct HybridModel {
  int states = 0, parameters = 0, reactions = 0;
  Formulas formulas;
  CompiledFunction compiled = nullptr;
  int compiled_slots = 0;
  std::vector<int32_t> start, item, change;  // (reactions + 1), state and molecules of each entry
};

struct HybridOptions {
  double langevin_above = 100.0;  // molecules of every changed species, per molecule changed
  double ode_above = 1e7;
  double leap = 0.03;        // change of a species by noise within one step, as a share of it
  double tolerance = 1e-4;   // of one step of the flow
  double max_step = 0.0;     // 0: none
  bool autonomous = true;
  std::vector<int8_t> fixed;  // per reaction: 0 jumps, 1 diffuses, 2 flows, -1 chosen along the way
};

enum class HybridStatus { reached, step_limit, negative, not_finite, interrupted };

struct HybridEnd {
  HybridStatus status = HybridStatus::reached;
  double t = 0.0;
  int blame = -1;  // reaction
};

struct HybridTally {
  int64_t jumps = 0, steps = 0, repartitions = 0, held = 0;  // held: steps made shorter because they led below zero
  std::vector<double> time;  // (reaction, treatment)
};

class HybridPath {
 public:
  HybridPath(std::shared_ptr<const HybridModel> model, const HybridOptions& options, const double* p, const double* scale,
             const double* counts, uint64_t seed, uint64_t stream);
  // To the last of `count` ascending times; rows of `out` hold the states in their own units. poll: asked now and then;
  // true interrupts.
  HybridEnd run(const double* times, int count, double* out, int64_t most_steps, const std::function<bool()>& poll);
  const HybridTally& tally() const { return tally_; }

 private:
  void values(double t, std::vector<double>& a);
  bool evaluate(double t, const std::vector<double>& x, std::vector<double>& a);
  double hazard(const std::vector<double>& a) const;
  double level(int reaction) const;
  double leap_time(const std::vector<int8_t>& treatment, bool drift);
  void partition();
  void adopt(const std::vector<int8_t>& wanted);
  void add_extents(const std::vector<double>& z, double factor, std::vector<double>& x) const;
  void refresh();
  double normal();
  double wait();
  bool jump(double t);
  bool feasible(int reaction) const;
  bool jumps_alone(double end, int64_t most, HybridEnd& failure);
  bool continuous_step(double end, HybridEnd& failure);
  double trial(double dt, HybridEnd& failure);
  double crossing(double dt, double before, double within, double after) const;
  bool forcing(double dt);
  bool move(double dt, double share);
  void shorten(double from, double to);
  void account();
  bool fail(HybridEnd& end) const;

  std::shared_ptr<const HybridModel> model_;
  HybridOptions options_;
  int reactions_, states_;
  std::vector<double> slots_, scale_, whole_, extent_, x_, y_, stage_, keep_;
  std::vector<double> a_, k2_, k3_, k4_, z_, push_, number_, amplitude_, drift_, spread_;
  std::vector<int8_t> treatment_, wanted_;
  std::vector<int> flowing_, jumping_;
  Philox random_;
  HybridTally tally_;
  double t_ = 0.0, left_ = 0.0, h_ = 0.0, spare_ = 0.0, since_ = 0.0;
  bool has_spare_ = false, fresh_ = false, mixed_ = false, noisy_ = false;
  int blame_ = -1, patience_ = 32;
  int64_t entered_ = 0;
  HybridStatus why_ = HybridStatus::reached;
};

}  // namespace manyscale
