// Large networks of elementary steps: propensities are only bounded, and candidates accepted or rejected (rejection-based
// simulation with composition-rejection: Thanh, Zunino & Priami, J. Chem. Phys. 141:134116, 2014; 146:084107, 2017).
//
// Every species has an interval around its number of molecules. Each reaction stands in the group of the smallest power of
// two above its propensity at the upper ends; as long as no species leaves its interval, nothing has to be updated. The
// time to the accepted candidate is a sum of exponential times, so the law is exact.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "jump/xoshiro.hpp"
#include "ragged.hpp"

namespace manyscale {

class RejectionTable {
 public:
  struct Jump {
    double wait;
    int reaction;  // -1: none before the horizon
  };

  RejectionTable() = default;
  RejectionTable(const Ragged& reactants, int states) : reactants_(&reactants), states_(states) {
    const int reactions = reactants.count();
    readers_.start.assign(states + 1, 0);
    for (int pass = 0; pass < 2; ++pass) {
      std::vector<int32_t> last(states, -1), fill(readers_.start);
      for (int j = 0; j < reactions; ++j)
        for (int e = reactants.start[j]; e < reactants.start[j + 1]; ++e) {
          const int i = reactants.item[e];
          if (last[i] == j) continue;
          last[i] = j;
          if (pass) readers_.item[fill[i]++] = j;
          else ++readers_.start[i + 1];
        }
      if (pass) break;
      for (int i = 0; i < states; ++i) readers_.start[i + 1] += readers_.start[i];
      readers_.item.resize(readers_.start[states]);
    }
  }

  void start(const std::vector<double>& counts, const std::vector<double>& constants) {
    constants_ = constants.data();
    const int reactions = reactants_->count();
    group_.assign(reactions, -1), place_.assign(reactions, 0);
    low_.assign(states_, 0.0), high_.assign(states_, 0.0);
    groups_.clear(), weights_.clear(), order_.clear();
    of_exponent_.assign(kExponents, -1);
    for (int i = 0; i < states_; ++i) widen(i, counts[i]);
    for (int j = 0; j < reactions; ++j) place(j);
  }

  // k n (n - 1) ... m ... over the reactants, at these numbers of molecules.
  double propensity(int j, const double* counts) const {
    double product = constants_[j], drawn = 0.0;
    int previous = -1;
    for (int e = reactants_->start[j], end = reactants_->start[j + 1]; e < end; ++e) {
      const int i = reactants_->item[e];
      drawn = i == previous ? drawn + 1.0 : 0.0;
      product *= std::max(counts[i] - drawn, 0.0);
      previous = i;
    }
    return product;
  }

  // A bound on the sum of all propensities.
  double bound() {
    if (stale_) {
      bound_ = 0.0;
      for (int g : order_) bound_ += weights_[g];
      stale_ = false;
    }
    return bound_;
  }

  Jump next(const double* counts, Xoshiro& random, double horizon) {
    double wait = 0.0, product = 1.0;
    for (int tries = 1; bound() > 0.0; ++tries) {
      product *= random.inside();
      double x = random.uniform() * bound_;
      int chosen = order_.back();
      for (int g : order_) {
        if (x < weights_[g]) {
          chosen = g;
          break;
        }
        x -= weights_[g];
      }
      const Group& group = groups_[chosen];
      const size_t k = std::min(static_cast<size_t>(x * group.inverse), group.members.size() - 1);
      const int j = group.members[k];
      if (random.uniform() * group.most < propensity(j, counts)) return {wait - log_inside(product) / bound_, j};
      if (tries % kFlush) continue;
      wait -= log_inside(product) / bound_, product = 1.0;
      if (wait > horizon) break;
      if (tries % kHopeless == 0) tighten(counts);
    }
    return {std::numeric_limits<double>::infinity(), -1};
  }

  // After species i changed.
  void changed(int i, double count) {
    if (count >= low_[i] && count <= high_[i]) return;
    widen(i, count);
    for (int e = readers_.start[i]; e < readers_.start[i + 1]; ++e) place(readers_.item[e]);
  }

 private:
  static constexpr int kExponents = 2200, kOffset = 1100;
  static constexpr int kFlush = 32, kHopeless = 256;  // rejections in a row
  struct Group {
    std::vector<int32_t> members;
    double most, inverse;
  };

  void widen(int i, double count) {
    const double room = count < 8.0 ? 1.0 : std::max(3.0, std::floor(0.1 * count));
    low_[i] = count > 0.0 ? std::max(count - room, 1.0) : 0.0;
    high_[i] = count > 0.0 ? count + room : 0.0;
  }
  // Bounds without room, where nearly everything is rejected.
  void tighten(const double* counts) {
    for (int i = 0; i < states_; ++i) low_[i] = high_[i] = counts[i];
    for (int j = 0; j < reactants_->count(); ++j) place(j);
  }
  void place(int j) {
    const double most = propensity(j, high_.data());
    int to = -1;
    if (most > 0.0) {
      int exponent;
      std::frexp(most, &exponent);
      to = of_exponent_[exponent + kOffset];
      if (to < 0) to = add_group(exponent);
    }
    const int from = group_[j];
    if (from == to) return;
    if (from >= 0) {
      auto& members = groups_[from].members;
      const int last = members.back();
      members[place_[j]] = last, place_[last] = place_[j];
      members.pop_back();
      weigh(from);
    }
    group_[j] = to;
    if (to >= 0) {
      place_[j] = static_cast<int>(groups_[to].members.size());
      groups_[to].members.push_back(j);
      weigh(to);
    }
  }
  int add_group(int exponent) {
    const int g = of_exponent_[exponent + kOffset] = static_cast<int>(groups_.size());
    const double most = std::ldexp(1.0, exponent);
    groups_.push_back({{}, most, 1.0 / most});
    weights_.push_back(0.0);
    order_.push_back(g);
    std::sort(order_.begin(), order_.end(), [&](int a, int b) { return groups_[a].most > groups_[b].most; });
    return g;
  }
  void weigh(int g) {
    weights_[g] = groups_[g].most * static_cast<double>(groups_[g].members.size());
    stale_ = true;
  }
  const Ragged* reactants_ = nullptr;
  int states_ = 0;
  Ragged readers_;
  const double* constants_ = nullptr;
  std::vector<double> low_, high_, weights_;
  std::vector<int> group_, place_, of_exponent_, order_;
  std::vector<Group> groups_;
  double bound_ = 0.0;
  bool stale_ = true;
};

}  // namespace manyscale
