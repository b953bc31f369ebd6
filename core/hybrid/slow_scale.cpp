#include "hybrid/slow_scale.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <thread>

namespace manyscale {

namespace {

constexpr int kApart = 16;  // numbers between those of different walkers, which so share no line of the cache

}  // namespace

SlowScale::SlowScale(SlowNetwork network) {
  tables_.network = std::move(network);
  tables_.nodes.resize(tables_.network.members.count());
}

int SlowScale::add(int block, SlowNode node) {
  for (int j = 0; j < tables_.network.reactions; ++j)
    if (node.variation[j] > 0.0 && std::isfinite(node.relaxation)) node.noisy.push_back(j);
  tables_.nodes[block].push_back(std::move(node));
  return static_cast<int>(tables_.nodes[block].size()) - 1;
}

void SlowScale::connect(int block, int node, int reaction, int successor, double deviation) {
  SlowNode& one = tables_.nodes[block][node];
  one.successor[reaction] = successor, one.deviation[reaction] = deviation;
}

void SlowScale::start(const double* counts, const int32_t* nodes, uint64_t seed, uint64_t first, int walkers) {
  tables_.start.assign(counts, counts + tables_.network.states);
  tables_.start_at.assign(nodes, nodes + tables_.nodes.size());
  tables_.seed = seed, tables_.first = first;
  next_path_ = 0;
  walkers_.clear();
  for (int k = 0; k < std::max(walkers, 1); ++k) walkers_.emplace_back(tables_);
}

SlowEnd SlowScale::run(const double* times, int count, double* out, int64_t paths, int64_t budget, int64_t most_steps) {
  const size_t size = static_cast<size_t>(count) * tables_.network.states;
  std::vector<SlowEnd> ends(walkers_.size());
  std::atomic<int64_t> next{next_path_};
  const auto work = [&](size_t k) {
    SlowWalker& walker = walkers_[k];
    int64_t left = budget;
    while (true) {
      if (walker.path() < 0) {
        const int64_t path = next.fetch_add(1);
        if (path >= paths) return;
        walker.start(path);
      }
      ends[k] = walker.advance(times, count, out + static_cast<size_t>(walker.path()) * size, left, most_steps);
      if (ends[k].status != SlowStatus::reached) return;
      walker.finish();
    }
  };
  std::vector<std::thread> pool;
  const bool many = paths - next_path_ > 1;
  for (size_t k = 1; many && k < walkers_.size(); ++k) pool.emplace_back(work, k);
  work(0);
  for (std::thread& thread : pool) thread.join();
  if (!many)  // what other walkers have begun
    for (size_t k = 1; k < walkers_.size(); ++k)
      if (walkers_[k].path() >= 0) work(k);
  next_path_ = std::min(next.load(), paths);
  SlowEnd worst;  // what fails comes first, then what is unknown
  for (const SlowEnd& end : ends)
    if (static_cast<int>(end.status) > static_cast<int>(worst.status)) worst = end;
  return worst;
}

int64_t SlowScale::jumps() const {
  int64_t sum = 0;
  for (const SlowWalker& walker : walkers_) sum += walker.jumps();
  return sum;
}

int64_t SlowScale::done() const {
  int64_t least = next_path_;
  for (const SlowWalker& walker : walkers_)
    if (walker.path() >= 0) least = std::min(least, walker.path());
  return least;
}

double SlowScale::t() const {
  const int64_t first = done();
  for (const SlowWalker& walker : walkers_)
    if (walker.path() == first) return walker.t();
  return 0.0;
}

double SlowScale::elapsed() const {
  double sum = 0.0;
  for (const SlowWalker& walker : walkers_) sum += walker.elapsed();
  return sum;
}

std::vector<double> SlowScale::disturbed() const {
  std::vector<double> sum(tables_.nodes.size(), 0.0);
  for (const SlowWalker& walker : walkers_)
    for (size_t b = 0; b < sum.size(); ++b) sum[b] += walker.disturbed()[b];
  return sum;
}

SlowWalker::SlowWalker(const SlowTables& tables)
    : tables_(tables),
      network_(tables.network),
      here_(tables.nodes.size() + kApart),
      x_(tables.network.states + kApart),
      a_(tables.network.reactions + kApart),
      disturbed_(tables.nodes.size() + kApart, 0.0),
      at_(tables.nodes.size() + 2 * kApart) {}

void SlowWalker::start(int64_t path) {
  path_ = path;
  std::copy(tables_.start.begin(), tables_.start.end(), x_.begin());
  std::copy(tables_.start_at.begin(), tables_.start_at.end(), at_.begin());
  for (size_t b = 0; b < tables_.nodes.size(); ++b) here_[b] = &tables_.nodes[b][at_[b]];
  random_ = Philox(tables_.seed, tables_.first + static_cast<uint64_t>(path));
  t_ = next_ = 0.0, row_ = 0, pending_ = -1, own_jumps_ = 0;
}

double SlowWalker::propensities() {
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
void SlowWalker::disturb(double dt) {
  for (size_t b = 0; b < tables_.nodes.size(); ++b) {
    const SlowNode& node = *here_[b];
    double noise = 0.0;
    for (int j : node.noisy) noise = std::max(noise, 2.0 * node.variation[j] * a_[j]);
    if (noise > 0.0) disturbed_[b] += noise / node.relaxation * dt;
  }
}

void SlowWalker::observe(double* row) {
  std::copy_n(x_.begin(), network_.states, row);
  for (size_t b = 0; b < tables_.nodes.size(); ++b) {
    const SlowNode& node = *here_[b];
    const int first = network_.members.start[b], count = network_.members.start[b + 1] - first;
    if (!count) continue;
    const double u = random_.uniform() * node.cumulative.back();
    size_t k = std::upper_bound(node.cumulative.begin(), node.cumulative.end(), u) - node.cumulative.begin();
    k = std::min(k, node.cumulative.size() - 1);
    for (int m = 0; m < count; ++m) row[network_.members.item[first + m]] = node.values[k * count + m];
  }
}

SlowEnd SlowWalker::advance(const double* times, int count, double* out, int64_t& budget, int64_t most_steps) {
  const double end = times[count - 1];
  while (true) {
    if (pending_ < 0) {
      const double total = propensities();
      if (!std::isfinite(total) || total < 0.0) {
        const auto end = a_.begin() + network_.reactions;
        const auto bad = std::find_if(a_.begin(), end, [](double a) { return !(a >= 0.0) || !std::isfinite(a); });
        return {SlowStatus::not_finite, -1, -1, bad == end ? 0 : static_cast<int>(bad - a_.begin())};
      }
      next_ = total > 0.0 ? t_ - std::log(random_.positive()) / total : std::numeric_limits<double>::infinity();
      double u = random_.uniform() * total;
      disturb(std::min(next_, end) - t_);
      for (; row_ < count && times[row_] < next_; ++row_) {
        double* row = out + static_cast<size_t>(row_) * network_.states;
        if (times[row_] == 0.0) std::copy(tables_.start.begin(), tables_.start.end(), row);
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
      at_[b] = before.successor[j], here_[b] = &tables_.nodes[b][at_[b]];
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
