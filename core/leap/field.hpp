// Propensities of a network as functions of molecule numbers, their slopes, and how far one may step.
#pragma once
#include <memory>
#include <vector>

#include "equations.hpp"
#include "jump/jump.hpp"
#include "linalg/dense_lu.hpp"

namespace manyscale {

// A tape, or machine code with the same meaning.
struct Outputs {
  Formulas formulas;
  CompiledFunction compiled = nullptr;
  int compiled_slots = 0;
  int count() const { return static_cast<int>(formulas.program.slot.size()); }
};

struct LeapModel {
  int states = 0, parameters = 0, reactions = 0;
  Outputs rates, slopes, condition;  // condition: truths; the path stops where one differs from its reference
  bool condition_timed = false;      // some truth depends on time itself
  Ragged changed;                    // states that a reaction changes
  std::vector<int32_t> change;       // by how many molecules
  std::vector<int32_t> reaction;     // of each place in `changed`
  Ragged changing;                   // places in `changed` of each state: the other way round
  Ragged reads;                      // states that a propensity depends on; `slopes` in this order
  std::vector<int32_t> partner;      // the same reaction backwards, or -1
};

class OutputValues {
 public:
  OutputValues(const Outputs& outputs, const double* p);
  void set_parameters(const double* p);
  const double* at(double t, const double* state);

 private:
  const Outputs* outputs_;
  std::vector<double> slots_, values_;
};

class LeapField {
 public:
  // scale: what one molecule is in the units of its state.
  LeapField(std::shared_ptr<const LeapModel> model, const double* p, const double* scale);
  const LeapModel& model() const { return *model_; }
  double scale(int state) const { return scale_[state]; }
  void rates(double t, const double* counts, double* rates);
  // Whether a truth differs from its reference (all false until told otherwise).
  bool condition(double t, const double* counts);
  void set_reference(const uint8_t* truths) { reference_.assign(truths, truths + reference_.size()); }
  void set_parameters(const double* p, const double* scale);
  // The first time after `from` at which the condition holds by the passage of time alone, where it does at `to`.
  double first_true(double from, double to, const double* counts);

  // Largest allowed change of each species: max(epsilon x / g, 1) molecules, so that each propensity changes by a share
  // `epsilon` at most (Cao, Gillespie & Petzold, J. Chem. Phys. 124:044109, 2006). g of a species is the largest sum of
  // elasticities among the propensities that read it, which for elementary steps is the g of the paper.
  // `spread`: the share for changes by noise, which for real-valued paths is part of the equation and may be larger.
  void find_bounds(double t, const double* counts, const double* rates, double epsilon, double spread);
  const std::vector<double>& bounds() const { return bounds_; }  // infinite: no propensity reads it
  // Step within which the changes by the chosen reactions stay within the bounds, in mean and spread.
  double step_limit(const double* rates, const std::vector<char>& chosen);
  // Largest rate at which a species returns by the chosen reactions, as its own slope tells, where the bounds were found.
  double relaxation(const std::vector<char>& chosen);
  // The same of the two directions of one reaction.
  double pair_relaxation(int reaction) const;
  // Reactions whose two directions cancel to a share `within` (Cao, Gillespie & Petzold, J. Chem. Phys. 126:224101, 2007).
  bool balanced(int reaction, const double* rates, double within) const;

  // Rates at the solution of x' = x + N (fixed + step rate(x')). False: Newton's method did not converge.
  bool solve(double t, const double* counts, const std::vector<double>& fixed, double step,
             const std::vector<char>& chosen, double* rates);
  // to += N extents.
  void add(const std::vector<double>& extents, double* to) const;

 private:
  std::shared_ptr<const LeapModel> model_;
  std::vector<double> scale_, state_, slopes_, bounds_, spread_bounds_, mean_, spread_, elasticity_, point_, residual_;
  OutputValues rate_values_, slope_values_, condition_values_;
  std::vector<uint8_t> reference_;
  DenseLu lu_;
  double own_return(int reaction) const;
  void find_slopes(double t, const double* counts);
  const double* to_state(const double* counts);
};

}  // namespace manyscale
