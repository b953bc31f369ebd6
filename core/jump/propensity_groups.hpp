// Propensities in groups of equal binary exponent: choosing one and changing one take constant time.
#pragma once
#include <cmath>
#include <cstdint>
#include <vector>

#include "jump/philox.hpp"

namespace manyscale {

class PropensityGroups {
 public:
  void assign(const std::vector<double>& values) {
    values_.assign(values.size(), 0.0);
    group_.assign(values.size(), -1), place_.assign(values.size(), 0);
    groups_.clear(), of_exponent_.assign(kExponents, -1);
    for (size_t j = 0; j < values.size(); ++j) set(static_cast<int>(j), values[j]);
  }
  double value(int j) const { return values_[j]; }

  void set(int j, double value) {
    if (value == values_[j]) return;
    const int from = group_[j], to = value > 0.0 ? group_of(value) : -1;
    if (from == to) {
      groups_[to].sum += value - values_[j];
    } else {
      if (from >= 0) remove(j, from);
      if (to >= 0) insert(j, to, value);
    }
    values_[j] = value;
  }

  // Sums anew now and then, so that rounding cannot pile up.
  double total() {
    if (++looks_ % 4096 == 0)
      for (Group& group : groups_) {
        group.sum = 0.0;
        for (int j : group.members) group.sum += values_[j];
      }
    double sum = 0.0;
    for (const Group& group : groups_) sum += group.sum;
    return sum;
  }

  int choose(double total, Philox& random) const {
    double x = random.uniform() * total;
    const Group* chosen = nullptr;
    for (const Group& group : groups_) {
      if (group.members.empty()) continue;
      chosen = &group;
      if (x < group.sum) break;
      x -= group.sum;
    }
    while (true) {
      const double u = random.uniform() * static_cast<double>(chosen->members.size());
      const int j = chosen->members[static_cast<size_t>(u)];
      if ((u - std::floor(u)) * chosen->most < values_[j]) return j;
    }
  }

 private:
  static constexpr int kExponents = 2200, kOffset = 1100;
  struct Group {
    std::vector<int> members;
    double sum = 0.0, most = 0.0;
  };

  int group_of(double value) {
    int exponent;
    std::frexp(value, &exponent);
    int& index = of_exponent_[exponent + kOffset];
    if (index < 0) {
      index = static_cast<int>(groups_.size());
      groups_.emplace_back();
      groups_.back().most = std::ldexp(1.0, exponent);
    }
    return index;
  }
  void insert(int j, int to, double value) {
    Group& group = groups_[to];
    group_[j] = to, place_[j] = static_cast<int>(group.members.size());
    group.members.push_back(j);
    group.sum += value;
  }
  void remove(int j, int from) {
    Group& group = groups_[from];
    const int last = group.members.back();
    group.members[place_[j]] = last, place_[last] = place_[j];
    group.members.pop_back();
    group.sum = group.members.empty() ? 0.0 : group.sum - values_[j];
    group_[j] = -1;
  }
  std::vector<double> values_;
  std::vector<int> group_, place_, of_exponent_;
  std::vector<Group> groups_;
  int64_t looks_ = 0;
};

}  // namespace manyscale
