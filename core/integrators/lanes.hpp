// Ensembles: many members of one system of equations (other parameters, other initial values), kLanes at a time side
// by side in vector registers. Every lane has its own time, step size and error control; a lane whose member is done
// takes the next one. For y' = f(t, y) without mass matrix and without switching functions.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>

#include "integrators/solver.hpp"
#include "tape.hpp"

namespace manyscale {

// Arrays hold kLanes numbers per place: state i of lane l at [i * kLanes + l].
class LaneProblem {
 public:
  virtual ~LaneProblem() = default;
  virtual int size() const = 0;
  // The parameters of a member of the ensemble into one lane.
  virtual void load(int lane, int64_t member) = 0;
  virtual void rhs(const double* t, const double* y, double* dydt) = 0;
  virtual const SparsePattern& pattern() const = 0;  // contains the diagonal
  virtual void jacobian(const double* t, const double* y, double* values) = 0;
  virtual bool is_autonomous() const { return true; }
  virtual void time_derivative(const double*, const double*, double* dfdt) {
    for (int i = 0; i < size() * kLanes; ++i) dfdt[i] = 0.0;
  }
};

struct MemberResult {
  Status status = Status::interrupted;
  double t = 0.0;
  int written = 0, component = -1;
  int64_t steps = 0;
};

struct Ensemble {
  int64_t members = 0;
  const double* initial = nullptr;  // (members, n), or (n) where `shared_initial`
  bool shared_initial = false;
  double begin = 0.0;
  const double* times = nullptr;  // ascending, not before `begin`
  int count = 0;
  const int32_t* columns = nullptr;  // the states that are kept (none given: all)
  int kept = 0;                      // how many
  double* out = nullptr;             // (members, count, kept or n); rows never reached are NaN
  MemberResult* results = nullptr;  // (members)
  Tolerances tolerances;              // `tracking` as in Options
  const double* absolute = nullptr;   // (members, n): tolerances of each member, instead of those
  Method method = Method::automatic;  // rosenbrock, explicit_rk, or both in turn; bdf: one member at a time
  int64_t max_steps = 1'000'000;
  double max_step = std::numeric_limits<double>::infinity();
  double tracking = 0.0;
  const std::atomic<bool>* interrupt = nullptr;
  std::atomic<int64_t>* finished = nullptr;  // counts members, for those who watch
};

// Runs all members on so many threads, each with its own problem from `make`. Members that the lanes cannot carry (weak
// pivots) are finished one at a time. Total statistics.
Statistics run_ensemble(const Ensemble& ensemble, const std::function<std::unique_ptr<LaneProblem>()>& make,
                        int threads);

}  // namespace manyscale
