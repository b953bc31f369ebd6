// Paths of jump processes by leaps (level "tau") and of the chemical Langevin equation (level "langevin").
#pragma once
#include <atomic>
#include <functional>
#include <limits>
#include <vector>

#include "leap/clock.hpp"
#include "leap/step_choice.hpp"

namespace manyscale {

struct LeapTally {
  int64_t leaps = 0, jumps = 0, rejected = 0, implicit = 0, touched = 0;
};

enum class LeapStatus { reached, passed, step_limit, negative, not_finite, overdrawn, stuck, interrupted };

struct LeapEnd {
  LeapStatus status;
  double t;
  int blame;  // reaction
};

// The output of one path: rows of `out` at ascending times; what comes after a stop stays as it is.
struct LeapRows {
  const double* times;
  int count;
  double* out;
};

// Integer paths. Leaps with Poisson numbers of firings while that is worth it, else jumps one by one. Reactions that
// could use up a species within ten firings fire at most once per leap, at their exact time (Cao, Gillespie & Petzold,
// J. Chem. Phys. 123:054104, 2005). A leap that makes a number negative, or changes one by more than the step selection
// expects, is taken back and done in smaller ones under the same Poisson processes.
class LeapPath {
 public:
  LeapPath(std::shared_ptr<const LeapModel> model, const double* p, const double* scale, const LeapSettings& settings,
           uint64_t seed, uint64_t stream);
  void start(double t, const double* counts) { t_ = t, counts_.assign(counts, counts + field_.model().states); }
  // To `end` (the rows' times are not later), or to where the condition becomes true. `go_on` is asked now and then.
  LeapEnd advance(double end, const LeapRows& rows, const std::function<bool()>& go_on);
  int written() const { return written_; }  // rows, by the last call
  LeapField& field() { return field_; }
  const LeapTally& tally() const { return tally_; }
  const std::vector<double>& counts() const { return counts_; }

 private:
  bool sum_rates(double t, LeapEnd& failure);
  double hold_rates(double stop, LeapEnd& failure);
  bool jump(double stop);  // false: more molecules than there are would be used up
  bool leap(double stop);  // false: no progress is possible
  void classify();
  bool plan(double left);  // scheme and step of the next leap; false: jumps are better
  double next_critical(int& reaction);
  bool draw(double tau, int fired);
  bool draw_implicit(double tau, double weight);
  bool acceptable(int fired, bool checked);
  void remember(double tau, int fired);
  void accept(double tau, int fired);
  LeapField field_;
  LeapSettings settings_;
  Philox random_;
  LeapTally tally_;
  std::vector<double> counts_, rates_, later_, firings_, first_, moved_, extents_;
  std::vector<char> critical_, loose_;  // loose: neither critical nor impossible
  std::vector<Clock> clocks_;
  double t_ = 0.0, total_ = 0.0, step_ = 0.0, checked_at_ = 0.0;
  double steady_ = std::numeric_limits<double>::infinity();  // time over which rates changed little
  int written_ = 0, known_ = 0, jumps_left_ = 0, blame_ = -1;
  LeapScheme now_ = LeapScheme::explicit_step;
};

// Real paths: each reaction proceeds by a dt + sqrt(a dt) xi. Where a species would become negative, the reactions that
// draw from it proceed by less, so that it ends at zero: sums that reactions conserve stay conserved.
class LangevinPath {
 public:
  LangevinPath(std::shared_ptr<const LeapModel> model, const double* p, const double* scale,
               const LeapSettings& settings, uint64_t seed, uint64_t stream);
  void start(double t, const double* counts) { t_ = t, counts_.assign(counts, counts + field_.model().states); }
  LeapEnd advance(double end, const LeapRows& rows, const std::function<bool()>& go_on);
  int written() const { return written_; }
  LeapField& field() { return field_; }
  const LeapTally& tally() const { return tally_; }
  const std::vector<double>& counts() const { return counts_; }

 private:
  bool find_rates(double t, const double* counts, std::vector<double>& rates);
  LeapStatus whole_rates();
  bool draws_from_nothing();
  void draw_noise();
  bool advance(double tau);
  void keep_inside();
  void draw_less(int species);
  LeapField field_;
  LeapSettings settings_;
  Philox random_;
  Normals normals_;
  LeapTally tally_;
  std::vector<double> counts_, rates_, later_, extents_, point_, noise_;
  std::vector<char> every_;
  double t_ = 0.0, steady_ = std::numeric_limits<double>::infinity();
  int written_ = 0, blame_ = -1;
  LeapScheme now_ = LeapScheme::second_order;
  bool clipped_ = false, touched_ = false;  // a rate was negative; the boundary was met in the last step
};

}  // namespace manyscale
