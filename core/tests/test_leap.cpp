#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "leap/leap.hpp"
#include "tests/check.hpp"

namespace manyscale {
namespace {

// A + A <-> B, B -> C, and a source and a sink of A.
void rates(double, const double* y, double*, double* out) {
  out[0] = 0.002 * y[0] * (y[0] - 1.0);
  out[1] = 3.0 * y[1];
  out[2] = 0.5 * y[1];
  out[3] = 40.0;
  out[4] = 0.2 * y[0];
}
void slopes(double, const double* y, double*, double* out) {
  out[0] = 0.002 * (2.0 * y[0] - 1.0);
  out[1] = 3.0, out[2] = 0.5, out[3] = 0.2;
}
void many(double, const double* y, double*, double* out) { out[0] = y[2] >= 20.0 ? 1.0 : 0.0; }

Outputs outputs(CompiledFunction function, int count) {
  Outputs made;
  made.formulas.states = 3, made.formulas.slots = 4, made.formulas.first_constant = 4;
  made.formulas.program.slot.assign(count, 0);
  made.compiled = function;
  return made;
}

std::shared_ptr<LeapModel> network(bool watching) {
  auto model = std::make_shared<LeapModel>();
  model->states = 3, model->reactions = 5;
  model->rates = outputs(rates, 5), model->slopes = outputs(slopes, 4);
  if (watching) model->condition = outputs(many, 1);
  model->changed = {{0, 2, 4, 6, 7, 8}, {0, 1, 0, 1, 1, 2, 0, 0}};
  model->change = {-2, 1, 2, -1, -1, 1, 1, -1};
  model->reaction = {0, 0, 1, 1, 2, 2, 3, 4};
  model->changing = {{0, 4, 7, 8}, {0, 2, 6, 7, 1, 3, 4, 5}};
  model->reads = {{0, 1, 2, 3, 3, 4}, {0, 1, 1, 0}};
  model->partner = {1, 0, -1, -1, -1};
  return model;
}

constexpr double kTimes[] = {0.5, 2.0, 8.0};
const std::vector<double> kScale{1.0, 1.0, 1.0}, kParameters{0.0};

template <class Path>
LeapEnd run(const LeapSettings& settings, const std::vector<double>& start, uint64_t stream, std::vector<double>& out,
            bool watching = false) {
  out.assign(9, -1.0);
  Path path(network(watching), kParameters.data(), kScale.data(), settings, 3, stream);
  path.start(0.0, start.data());
  return path.advance(kTimes[2], {kTimes, 3, out.data()}, [] { return true; });
}

const std::vector<std::vector<double>> kStarts{{0, 0, 0}, {3, 1, 0}, {400, 0, 5}, {30000, 2000, 0}};
const LeapScheme kSchemes[] = {LeapScheme::automatic,   LeapScheme::explicit_step, LeapScheme::implicit_step,
                               LeapScheme::trapezoidal, LeapScheme::second_order,  LeapScheme::exact};

CLAIM("leaps of every scheme are whole, never negative, and the same again") {
  for (const auto& start : kStarts)
    for (const LeapScheme scheme : kSchemes)
      for (const double step : {0.0, 0.4})
        for (uint64_t stream = 0; stream < 20; ++stream) {
          LeapSettings settings;
          settings.scheme = scheme, settings.step = step, settings.epsilon = 0.1, settings.most_steps = 10'000'000;
          std::vector<double> first, second;
          EXPECT(run<LeapPath>(settings, start, stream, first).status == LeapStatus::reached);
          run<LeapPath>(settings, start, stream, second);
          EXPECT(first == second);
          for (const double count : first) EXPECT(count >= 0.0 && count == std::round(count));
        }
}

CLAIM("Langevin paths of every scheme are never negative, and the same again") {
  for (const auto& start : kStarts)
    for (const LeapScheme scheme : kSchemes)
      for (uint64_t stream = 0; stream < 20 && scheme != LeapScheme::exact; ++stream) {
        LeapSettings settings;
        settings.scheme = scheme, settings.epsilon = 0.1, settings.most_steps = 10'000'000, settings.real = true;
        std::vector<double> first, second;
        EXPECT(run<LangevinPath>(settings, start, stream, first).status == LeapStatus::reached);
        run<LangevinPath>(settings, start, stream, second);
        EXPECT(first == second);
        EXPECT(*std::min_element(first.begin(), first.end()) >= 0.0);
      }
}

CLAIM("means of leaps are those of jumps, and a path ends where its condition becomes true") {
  double sums[2] = {0.0, 0.0}, squares = 0.0;
  constexpr int paths = 400;
  for (int k = 0; k < 2; ++k)
    for (uint64_t stream = 0; stream < paths; ++stream) {
      LeapSettings settings;
      settings.scheme = k ? LeapScheme::exact : LeapScheme::automatic, settings.most_steps = 10'000'000;
      std::vector<double> out;
      run<LeapPath>(settings, {400, 0, 0}, stream + 1000 * k, out);
      sums[k] += out[8] / paths, squares += k ? out[8] * out[8] / paths : 0.0;
    }
  const double spread = std::sqrt(squares - sums[1] * sums[1]);
  EXPECT(std::abs(sums[0] - sums[1]) < 4.5 * spread * std::sqrt(2.0 / paths));
  LeapSettings settings;
  settings.most_steps = 10'000'000;
  std::vector<double> out;
  const LeapEnd end = run<LeapPath>(settings, {400, 0, 0}, 5, out, true);
  EXPECT(end.status == LeapStatus::passed && end.t > 0.0 && end.t < 8.0);
}

}  // namespace
}  // namespace manyscale
