// Many paths of a jump process at once, one per lane of generated code (kernels/jump_lanes.py).
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "jump/jump.hpp"

namespace manyscale {

struct LaneJob {
  std::shared_ptr<const JumpModel> model;
  const double *p, *scale, *constants, *counts, *times;
  int rows = 0;
  int64_t paths = 0;
  uint64_t seed = 0, first = 0;
  int64_t most_steps = 0;
  double* out = nullptr;   // (paths, rows, states)
  uint8_t* done = nullptr;  // (paths)
  std::atomic<int64_t> next{0}, finished{0}, jumps{0};
  std::atomic<bool> stop{false};
  std::atomic<int64_t> failed{-1};
  std::function<void()> look;  // called now and then by the worker that has it
  JumpAdvance failure{JumpStatus::reached, 0.0, 0, -1};
};

// Takes paths from the job until none is left; every thread has its own lanes.
class LaneWorker {
 public:
  LaneWorker(LaneJob& job, bool looks);
  void run();

 private:
  void begin(int lane);  // the next path, or rest
  bool write(int lane);  // outputs before the next jump; whether the path is over
  void fail(int lane, JumpStatus status, int blame);
  void diagnose(int lane);
  LaneJob& job_;
  bool looks_;
  int width_, states_;
  std::vector<double> x_, t_, due_, random_, live_, fire_, bad_;
  std::vector<int64_t> path_, steps_;
  std::vector<int> row_;
};

}  // namespace manyscale
