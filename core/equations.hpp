// A model's equations: tapes or machine code for general formulas, a table for mass action.
#pragma once
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "mass_action.hpp"
#include "problem.hpp"
#include "tape.hpp"

namespace manyscale {

// Machine code with the meaning of a tape and its outputs: out from t, y and the constant slots; slots behind those
// are for its own use.
using CompiledFunction = void (*)(double t, const double* y, double* slots, double* out);

// A tape with the slots that hold its results and the places where they go.
struct Program {
  Code code;
  std::vector<int32_t> slot, place;
};

// What never changes about the equations of one model; shared by the workspaces of all threads.
// Slots: y (n), t (1), p (np), then constants, then what depends on p alone, then temporaries.
struct EquationData {
  int states = 0, parameters = 0, slots = 0;
  int first_constant = 0;
  std::vector<double> constants;
  Code still;  // what depends on p alone
  Program rhs, jacobian, time, roots;  // places: row, entry of the pattern, row, root
  Program rhs_still, jacobian_still;  // no code: the results that depend on p alone, which machine code leaves out
  // (from, to): places with equal results, of which machine code writes the first only.
  std::vector<std::pair<int32_t, int32_t>> rhs_equal, jacobian_equal;
  bool autonomous = true;
  SparsePattern pattern;
  std::vector<int32_t> diagonal;  // entry of (i, i)
  bool has_mass = false;
  SparsePattern mass_pattern;
  std::vector<int32_t> mass_slot;
  MassAction table;
  int root_count = 0;
  bool rhs_complete = true, jacobian_complete = true;  // every place is written by the program
  // Operations that tapes have run so far: what machine code would have saved.
  mutable std::atomic<int64_t> operations_run{0};
  mutable SharedPlan plan;
};

// The same over kLanes points.
using CompiledLanes = void (*)(const double* t, const double* y, const double* slots, double* out);
struct LaneCode {
  CompiledLanes rhs = nullptr, jacobian = nullptr;
  int slots = 0;
};

class Equations : public Problem {
 public:
  explicit Equations(std::shared_ptr<const EquationData> data);
  Equations(const Equations&) = default;
  ~Equations() override { data_->operations_run += run_.count; }
  int size() const override { return data_->states; }
  int parameter_count() const { return data_->parameters; }
  // Sets p and everything that depends on it alone. Nothing is done when p is what it was.
  void set_parameters(const double* p);
  const double* parameters() const { return slots_.data() + data_->states + 1; }
  void rhs(double t, const double* y, double* dydt) override;
  const SparsePattern& pattern() const override { return data_->pattern; }
  void jacobian(double t, const double* y, double* values) override;
  bool is_autonomous() const override { return data_->autonomous; }
  void time_derivative(double t, const double* y, double* dfdt) override;
  const SparsePattern* mass_pattern() const override { return data_->has_mass ? &data_->mass_pattern : nullptr; }
  const double* mass_values() const override { return data_->has_mass ? mass_.data() : nullptr; }
  SharedPlan* shared_plan() const override { return &data_->plan; }
  int root_count() const override { return data_->root_count; }
  void roots(double t, const double* y, double* g) override;
  // Machine code for the right-hand side and the Jacobian (nullptr: the tape), which needs so many slots.
  void set_compiled(CompiledFunction rhs, CompiledFunction jacobian, int slots) {
    if (slots > static_cast<int>(slots_.size())) slots_.resize(slots, 0.0);
    compiled_rhs_ = rhs;
    compiled_jacobian_ = jacobian;
  }
  const std::shared_ptr<const EquationData>& data() const { return data_; }

 private:
  void run(const Program& program, double t, const double* y, double* out);
  void copy(const Program& program, double* out) const;
  std::shared_ptr<const EquationData> data_;
  std::vector<double> slots_, scratch_, mass_;
  bool set_ = false;
  struct Tally {  // a copy starts from zero
    int64_t count = 0;
    Tally() = default;
    Tally(const Tally&) {}
  } run_;
  CompiledFunction compiled_rhs_ = nullptr, compiled_jacobian_ = nullptr;
};

// The same for kLanes points at once; every array holds kLanes numbers per place.
class LaneEquations {
 public:
  explicit LaneEquations(std::shared_ptr<const EquationData> data, LaneCode code = {});
  int size() const { return data_->states; }
  void set_parameters(const double* p);
  void rhs(const double* t, const double* y, double* dydt);
  const SparsePattern& pattern() const { return data_->pattern; }
  void jacobian(const double* t, const double* y, double* values);
  bool is_autonomous() const { return data_->autonomous; }
  void time_derivative(const double* t, const double* y, double* dfdt);
  int root_count() const { return data_->root_count; }
  void roots(const double* t, const double* y, double* g);
  const SparsePattern* mass_pattern() const { return data_->has_mass ? &data_->mass_pattern : nullptr; }
  const double* mass_values() const { return data_->has_mass ? mass_.data() : nullptr; }

 private:
  void run(const Program& program, const double* t, const double* y, double* out);
  void copy(const Program& program, double* out) const;
  std::shared_ptr<const EquationData> data_;
  LaneCode code_;
  std::vector<double> slots_, scratch_, mass_;
};

// Formulas over many points: out (outputs, points) from times (points), states (points, n) and p (np), or
// (points, np) if `moving`. Inputs of the program lie in slots as in EquationData, without separate `still` part.
struct Formulas {
  int states = 0, parameters = 0, slots = 0, first_constant = 0;
  std::vector<double> constants;
  Program program;
};
void evaluate(const Formulas& formulas, int64_t points, const double* times, const double* states, const double* p,
              bool moving, double* out);

}  // namespace manyscale
