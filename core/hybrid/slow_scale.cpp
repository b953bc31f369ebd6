#include "hybrid/slow_scale.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace manyscale {

SlowScale::SlowScale(SlowNetwork network)
    : network_(std::move(network)),
      nodes_(network_.members.count()),
      here_(network_.members.count()),
      x_(network_.states),
      start_(network_.states),
      a_(network_.reactions),
      disturbed_(network_.members.count()),
      at_(network_.members.count()) {}

int SlowScale::add(int block, SlowNode node) {
  for (int j = 0; j < network_.reactions; ++j)
    if (node.variation[j] > 0.0 && std::isfinite(node.relaxation)) node.noisy.push_back(j);
  nodes_[block].push_back(std::move(node));
  return static_cast<int>(nodes_[block].size()) - 1;
}

void SlowScale::start(const double* counts, const int32_t* nodes, uint64_t seed, uint64_t first) {
  start_.assign(counts, counts + network_.states);
  start_at_.assign(nodes, nodes + at_.size());
  std::fill(disturbed_.begin(), disturbed_.end(), 0.0);
  seed_ = seed, first_ = first, path_ = 0, jumps_ = 0, elapsed_ = 0.0;
  start_path();
}

void SlowScale::start_path() {
  x_ = start_, at_ = start_at_;
  for (size_t b = 0; b < at_.size(); ++b) here_[b] = &nodes_[b][at_[b]];
  random_ = Philox(seed_, first_ + static_cast<uint64_t>(path_));
  t_ = next_ = 0.0, row_ = 0, pending_ = -1, own_jumps_ = 0;
}

SlowEnd SlowScale::run(const double* times, int count, double* out, int64_t paths, int64_t budget, int64_t most_steps) {
  const size_t size = static_cast<size_t>(count) * network_.states;
  while (path_ < paths) {
    const SlowEnd end = advance(times, count, out + static_cast<size_t>(path_) * size, budget, most_steps);
    if (end.status != SlowStatus::reached) return end;
    elapsed_ += t_, t_ = 0.0;
    if (++path_ < paths) start_path();
  }
  return {};
}

double SlowScale::propensities() {
  double total = 0.0;
  for (int j = 0; j < network_.reactions; ++j) {
    double product = network_.constant[j], drawn = 0.0;
    int previous = -1;
    for (int e = network_.reactants.start[j]; e < network_.reactants.start[j + 1]; ++e) {
      const int i = network_.reactants.item[e];
      drawn = i == previous ? drawn + 1.0 : 0.0;
      product *= std::max(x_[i] - drawn, 0.0);
      previous = i;
    }
    for (int e = network_.reads.start[j]; e < network_.reads.start[j + 1]; ++e) {
      product *= here_[network_.reads.item[e]]->factor[j];
    }
    a_[j] = product;
    total += product;
  }
  return total;
}

// Propensities that fluctuate with a block make counts vary more: by twice their variance per relaxation.
void SlowScale::disturb(double dt) {
  for (size_t b = 0; b < at_.size(); ++b) {
    const SlowNode& node = *here_[b];
    double noise = 0.0;
    for (int j : node.noisy) noise = std::max(noise, 2.0 * node.variation[j] * a_[j]);
    if (noise > 0.0) disturbed_[b] += noise / node.relaxation * dt;
  }
}

void SlowScale::observe(double* row) {
  std::copy(x_.begin(), x_.end(), row);
  for (size_t b = 0; b < at_.size(); ++b) {
    const SlowNode& node = *here_[b];
    const int first = network_.members.start[b], count = network_.members.start[b + 1] - first;
    if (!count) continue;
    const double u = random_.uniform() * node.cumulative.back();
    size_t k = std::upper_bound(node.cumulative.begin(), node.cumulative.end(), u) - node.cumulative.begin();
    k = std::min(k, node.cumulative.size() - 1);
    for (int m = 0; m < count; ++m) row[network_.members.item[first + m]] = node.values[k * count + m];
  }
}

SlowEnd SlowScale::advance(const double* times, int count, double* out, int64_t& budget, int64_t most_steps) {
  const double end = times[count - 1];
  while (true) {
    if (pending_ < 0) {
      const double total = propensities();
      if (!std::isfinite(total) || total < 0.0) {
        const auto bad = std::find_if(a_.begin(), a_.end(), [](double a) { return !(a >= 0.0) || !std::isfinite(a); });
        return {SlowStatus::not_finite, -1, -1, bad == a_.end() ? 0 : static_cast<int>(bad - a_.begin())};
      }
      next_ = total > 0.0 ? t_ - std::log(random_.positive()) / total : std::numeric_limits<double>::infinity();
      double u = random_.uniform() * total;
      disturb(std::min(next_, end) - t_);
      for (; row_ < count && times[row_] < next_; ++row_) {
        double* row = out + static_cast<size_t>(row_) * network_.states;
        if (times[row_] == 0.0) std::copy(start_.begin(), start_.end(), row);
        else observe(row);
      }
      if (row_ >= count) return t_ = end, SlowEnd{};
      for (int j = 0; j < network_.reactions; ++j) {
        if (a_[j] <= 0.0) continue;
        pending_ = j;
        if (u < a_[j]) break;
        u -= a_[j];
      }
    }
    const int j = pending_;
    for (int e = network_.touches.start[j]; e < network_.touches.start[j + 1]; ++e) {
      const int b = network_.touches.item[e];
      if (here_[b]->successor[j] < 0) return {SlowStatus::unknown, b, at_[b], j};
    }
    for (int e = network_.changed.start[j]; e < network_.changed.start[j + 1]; ++e)
      x_[network_.changed.item[e]] += network_.change[e];
    for (int e = network_.touches.start[j]; e < network_.touches.start[j + 1]; ++e) {
      const int b = network_.touches.item[e];
      const SlowNode& before = *here_[b];
      at_[b] = before.successor[j], here_[b] = &nodes_[b][at_[b]];
      if (before.deviation[j] > 0.0 && std::isfinite(here_[b]->relaxation))
        disturbed_[b] += before.deviation[j] / here_[b]->relaxation;  // as long as it lasts
    }
    t_ = next_, pending_ = -1;
    ++jumps_;
    if (++own_jumps_ >= most_steps) return {SlowStatus::step_limit, -1, -1, j};
    if (--budget <= 0) return {SlowStatus::paused, -1, -1, -1};
  }
}

}  // namespace manyscale
