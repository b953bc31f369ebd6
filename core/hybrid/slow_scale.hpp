// Slow-scale simulation (Cao, Gillespie & Petzold, J. Chem. Phys. 122:014116, 2005; E, Liu & Vanden-Eijnden, J. Chem.
// Phys. 123:194107, 2005): only slow reactions jump, at the mean of their propensities over the stationary law of the
// fast ones, which are kept in blocks. What a block can be conserved at is a node of a graph: laws are made by the
// caller where a path comes for the first time.
#pragma once
#include <cstdint>
#include <deque>
#include <vector>

#include "jump/philox.hpp"
#include "ragged.hpp"

namespace manyscale {

struct SlowNetwork {
  int states = 0, reactions = 0;
  std::vector<double> constant;  // propensity = constant * n (n - 1) ... over slow reactants * factors of blocks
  Ragged reactants;              // slow states, repeated by their order
  Ragged changed;                // slow states
  std::vector<int32_t> change;
  Ragged reads;                  // blocks whose law enters the propensity of a reaction
  Ragged touches;                // blocks that a reaction changes
  Ragged members;                // per block: states that only it knows
};

// A block with all its conserved sums given.
struct SlowNode {
  std::vector<double> factor;       // per reaction: mean of what the block brings to its propensity
  std::vector<double> variation;    // per reaction: variance of that over its mean squared
  std::vector<int32_t> noisy;       // reactions whose propensity varies with the law
  double relaxation = 0.0;          // slowest rate at which the law is reached (infinite: it has one state)
  std::vector<int32_t> successor;   // per reaction: node after it; -1: not known yet
  std::vector<double> deviation;    // per reaction: share by which it leaves means away from those of the node after it
  std::vector<double> cumulative;   // of the law
  std::vector<double> values;       // (states of the law, members)
};

enum class SlowStatus { reached, unknown, paused, step_limit, not_finite };

struct SlowEnd {
  SlowStatus status = SlowStatus::reached;
  int block = -1, node = -1, reaction = -1;
};

struct SlowTables {
  SlowNetwork network;
  std::vector<std::deque<SlowNode>> nodes;  // stay where they are when others come
  std::vector<double> start;
  std::vector<int32_t> start_at;
  uint64_t seed = 0, first = 0;
};

// One path at a time, which stops where a law is needed and goes on from there.
class alignas(128) SlowWalker {
 public:
  explicit SlowWalker(const SlowTables& tables);
  void start(int64_t path);
  // To the last of `count` times; out: (times, states). `budget` counts jumps down.
  SlowEnd advance(const double* times, int count, double* out, int64_t& budget, int64_t most_steps);
  void finish() { path_ = -1, elapsed_ += t_, t_ = 0.0; }
  int64_t path() const { return path_; }  // -1: none
  int64_t jumps() const { return jumps_; }
  double t() const { return t_; }
  double elapsed() const { return elapsed_ + t_; }  // of all its paths
  const std::vector<double>& disturbed() const { return disturbed_; }

 private:
  double propensities();
  void observe(double* row);
  void disturb(double dt);
  const SlowTables& tables_;
  const SlowNetwork& network_;
  std::vector<const SlowNode*> here_;
  std::vector<double> x_, a_, disturbed_;
  std::vector<int32_t> at_;
  Philox random_{0, 0};
  double t_ = 0.0, next_ = 0.0, elapsed_ = 0.0;
  int row_ = 0, pending_ = -1;
  int64_t jumps_ = 0, own_jumps_ = 0, path_ = -1;
};

class SlowScale {
 public:
  explicit SlowScale(SlowNetwork network);
  int add(int block, SlowNode node);
  void connect(int block, int node, int reaction, int successor, double deviation);
  // Paths `first`, `first + 1`, ... from these molecules and nodes, by so many walkers.
  void start(const double* counts, const int32_t* nodes, uint64_t seed, uint64_t first, int walkers);
  // `paths` of them to the last of `count` times, from where it stopped; `budget` jumps at most per walker and call. out:
  // (paths, times, states). Each walker has a thread.
  SlowEnd run(const double* times, int count, double* out, int64_t paths, int64_t budget, int64_t most_steps);
  const SlowNetwork& network() const { return tables_.network; }
  int64_t jumps() const;
  int64_t done() const;  // paths of which none before is missing
  double t() const;      // of the first path that is not done
  double elapsed() const;
  // Per block: integral over time of all paths of the relative error of what is read from it.
  std::vector<double> disturbed() const;

 private:
  SlowTables tables_;
  std::deque<SlowWalker> walkers_;
  int64_t next_path_ = 0;
};

}  // namespace manyscale
