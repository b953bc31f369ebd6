#include "jump/lanes.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "jump/xoshiro.hpp"

namespace manyscale {

namespace {

constexpr int64_t kLook = 1 << 17;  // jumps between two looks at whether to stop
const double kOn = std::bit_cast<double>(~uint64_t{0});
constexpr double kInfinity = std::numeric_limits<double>::infinity();

bool is_on(double mask) { return std::bit_cast<uint64_t>(mask) != 0; }

}  // namespace

LaneWorker::LaneWorker(LaneJob& job, bool looks)
    : job_(job), looks_(looks), width_(job.model->lanes), states_(job.model->states) {
  const size_t w = width_;
  x_.assign(states_ * w, 0.0), random_.assign(4 * w, 0.0);
  for (auto* one : {&t_, &due_, &live_, &fire_, &bad_}) one->assign(w, 0.0);
  path_.assign(w, -1), steps_.assign(w, 0), row_.assign(w, 0);
}

void LaneWorker::begin(int lane) {
  const int64_t path = job_.stop.load() ? job_.paths : job_.next.fetch_add(1);
  fire_[lane] = 0.0, steps_[lane] = -1, row_[lane] = 0, t_[lane] = 0.0;
  for (int i = 0; i < states_; ++i) x_[i * width_ + lane] = job_.counts[i];
  if (path >= job_.paths) {
    path_[lane] = -1, live_[lane] = 0.0, due_[lane] = kInfinity;
    return;
  }
  path_[lane] = path, live_[lane] = kOn, due_[lane] = job_.times[0];
  const Xoshiro random(job_.seed, job_.first + path);
  for (int k = 0; k < 4; ++k) random_[k * width_ + lane] = std::bit_cast<double>(random.state[k]);
}

bool LaneWorker::write(int lane) {
  const double next = std::isnan(t_[lane]) ? kInfinity : t_[lane];  // no jump is possible any more
  double* out = job_.out + static_cast<size_t>(path_[lane]) * job_.rows * states_;
  int& row = row_[lane];
  for (; row < job_.rows && job_.times[row] < next; ++row)
    for (int i = 0; i < states_; ++i) out[row * states_ + i] = x_[i * width_ + lane] * job_.scale[i];
  if (row == job_.rows) return true;
  due_[lane] = job_.times[row];
  return false;
}

void LaneWorker::fail(int lane, JumpStatus status, int blame) {
  int64_t none = -1;
  if (job_.failed.compare_exchange_strong(none, path_[lane])) job_.failure = {status, t_[lane], row_[lane], blame};
  job_.stop = true;
}

// Which propensity went wrong, or which reaction used up more than there was.
void LaneWorker::diagnose(int lane) {
  const JumpModel& model = *job_.model;
  for (int i = 0; i < states_; ++i) {
    if (x_[i * width_ + lane] >= 0.0) continue;
    for (int j = 0; j < model.reactions; ++j)
      for (int e = model.changed.start[j]; e < model.changed.start[j + 1]; ++e)
        if (model.changed.item[e] == i && x_[i * width_ + lane] < 0 && model.change[e] < 0)
          return fail(lane, JumpStatus::overdrawn, j);
  }
  std::vector<double> y(states_), values(model.formulas.program.slot.size());
  for (int i = 0; i < states_; ++i) y[i] = x_[i * width_ + lane] * job_.scale[i];
  const double t = t_[lane];
  evaluate(model.formulas, 1, &t, y.data(), job_.p, false, values.data());
  for (int j = 0; j < model.reactions; ++j) {
    if (values[j] < 0.0) return fail(lane, JumpStatus::negative, j);
    if (!std::isfinite(values[j])) return fail(lane, JumpStatus::not_finite, j);
  }
  fail(lane, JumpStatus::not_finite, static_cast<int>(std::max_element(values.begin(), values.begin() + model.reactions) - values.begin()));
}

void LaneWorker::run() {
  for (int lane = 0; lane < width_; ++lane) begin(lane);
  int64_t since = 0;
  while (std::any_of(live_.begin(), live_.end(), is_on) && !job_.stop.load()) {
    int64_t limit = kLook;
    for (int lane = 0; lane < width_; ++lane)
      if (is_on(live_[lane])) limit = std::min(limit, job_.most_steps - std::max<int64_t>(steps_[lane], 0) + 1);
    const int64_t count = job_.model->lane_code(
        x_.data(), t_.data(), due_.data(), random_.data(), live_.data(), fire_.data(), job_.constants, job_.p,
        job_.scale, bad_.data(), std::max<int64_t>(limit, 1));
    if (looks_ && (since += count) > kLook) job_.look(), since = 0;
    for (int lane = 0; lane < width_; ++lane) {
      if (!is_on(live_[lane])) continue;
      steps_[lane] += count;
      fire_[lane] = kOn;
      if (is_on(bad_[lane])) {
        diagnose(lane);
        return;
      }
      if (!(t_[lane] <= due_[lane]) && write(lane)) {
        job_.jumps += steps_[lane];
        if (job_.done) job_.done[path_[lane]] = 1;
        ++job_.finished;
        begin(lane);
      } else if (steps_[lane] >= job_.most_steps) {
        return fail(lane, JumpStatus::step_limit, -1);
      }
    }
  }
}

}  // namespace manyscale
