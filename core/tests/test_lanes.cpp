#include <algorithm>
#include <cmath>
#include <random>

#include "integrators/lanes.hpp"
#include "linalg/lane_lu.hpp"
#include "tests/check.hpp"
#include "tests/lane_models.hpp"

namespace manyscale {
namespace {

using models::LaneMapk;

struct Outcome {
  std::vector<double> out;
  std::vector<MemberResult> results;
};

Outcome run(Ensemble e, const std::function<std::unique_ptr<LaneProblem>()>& make, int n, int threads) {
  Outcome outcome;
  outcome.out.assign(static_cast<size_t>(e.members) * e.count * n, -1.0);
  outcome.results.resize(e.members);
  e.out = outcome.out.data(), e.results = outcome.results.data();
  run_ensemble(e, make, threads);
  return outcome;
}

std::vector<double> grid(double end, int count) {
  std::vector<double> times(count);
  for (int k = 0; k < count; ++k) times[k] = end * k / (count - 1);
  return times;
}

}  // namespace

CLAIM("eight matrices at once factor as one by one, and weak pivots are seen") {
  std::mt19937 dice(3);
  std::uniform_real_distribution<double> uniform(-1, 1);
  for (int n : {1, 2, 7, 20, 45}) {
    std::vector<std::pair<int, int>> entries;
    for (int k = 0; k < 3 * n; ++k) entries.push_back({static_cast<int>(dice() % n), static_cast<int>(dice() % n)});
    const SparsePattern p = models::pattern_of(n, entries);
    std::vector<double> j(p.nonzeros() * kLanes), b(n * kLanes), a(kLanes);
    for (double& x : j) x = uniform(dice);
    for (double& x : b) x = uniform(dice);
    for (int l = 0; l < kLanes; ++l) a[l] = 6.0 + l;
    LaneLu lu;
    lu.analyse(p);
    double weakest[kLanes];
    lu.factor(a.data(), j.data(), weakest);
    std::vector<double> x = b;
    lu.solve(x.data());
    for (int l = 0; l < kLanes; ++l) {
      EXPECT_LESS(0.01, weakest[l]);
      for (int i = 0; i < n; ++i) {
        double r = b[i * kLanes + l] - a[l] * x[i * kLanes + l];
        for (int c = 0; c < n; ++c)
          for (int e = p.column_start[c]; e < p.column_start[c + 1]; ++e)
            if (p.row[e] == i) r += j[e * kLanes + l] * x[c * kLanes + l];
        EXPECT_LESS(std::fabs(r), 1e-12);
      }
    }
  }
  const SparsePattern p = models::full_pattern(2);
  std::vector<double> j(4 * kLanes, -1.0), a(kLanes, 1.0);  // [2 1; 1 2]
  j[0 * kLanes + 3] = 1.0;                                 // lane 3: first pivot 0
  j[2 * kLanes + 5] = std::nan("");
  LaneLu lu;
  lu.analyse(p);
  double weakest[kLanes];
  lu.factor(a.data(), j.data(), weakest);
  for (int l = 0; l < kLanes; ++l) EXPECT((weakest[l] > 1e-8) == (l != 3 && l != 5));
}

CLAIM("members in lanes agree with runs one by one, for every method and number of threads") {
  const auto times = grid(1200, 41);
  const auto y0 = models::Mapk::start();
  Ensemble e;
  e.members = 37, e.initial = y0.data(), e.shared_initial = true, e.times = times.data(), e.count = 41;
  e.tolerances.relative = 1e-8;
  e.tolerances.absolute.assign(8, 1e-8);
  std::vector<double> scale(37);
  for (int m = 0; m < 37; ++m) scale[m] = 0.7 + 0.02 * m;
  auto make = [&] { return std::make_unique<LaneMapk>(scale); };
  const Outcome reference = [&] {
    Ensemble tight = e;
    tight.tolerances.relative = 1e-11;
    tight.method = Method::bdf;
    return run(tight, make, 8, 1);
  }();
  Outcome first;
  for (Method method : {Method::automatic, Method::rosenbrock, Method::explicit_rk})
    for (int threads : {1, 3}) {
      e.method = method;
      const Outcome o = run(e, make, 8, threads);
      for (int64_t m = 0; m < e.members; ++m)
        EXPECT(o.results[m].status == Status::reached && o.results[m].written == 41);
      double worst = 0.0;
      for (size_t k = 0; k < o.out.size(); ++k) worst = std::max(worst, std::fabs(o.out[k] - reference.out[k]));
      EXPECT_LESS(worst, 2e-3);
      if (threads == 1) first = o;
      else EXPECT(o.out == first.out);  // neighbours in other lanes do not matter
    }
}

CLAIM("stiff members move from the explicit to the stiff lanes on their own") {
  // Robertson's problem with the fast constant scaled from 1e-6 to 1.
  std::vector<double> scale;
  for (int m = 0; m < 20; ++m) scale.push_back(std::pow(10.0, -6.0 + 6.0 * m / 19));
  const std::vector<double> y0{1, 0, 0}, times{0.0, 0.4, 40.0, 4000.0};
  Ensemble e;
  e.members = 20, e.initial = y0.data(), e.shared_initial = true, e.times = times.data(), e.count = 4;
  e.tolerances.relative = 1e-8;
  e.tolerances.absolute.assign(3, 1e-12);
  auto make = [&] { return std::make_unique<models::LaneRobertson>(scale); };
  const Outcome o = run(e, make, 3, 1);
  e.method = Method::bdf;
  e.tolerances.relative = 1e-10;
  const Outcome reference = run(e, make, 3, 1);
  for (int m = 0; m < 20; ++m) {
    EXPECT(o.results[m].status == Status::reached);
    EXPECT_LESS(o.results[m].steps, 5000.0);
  }
  for (size_t k = 0; k < o.out.size(); ++k) EXPECT_LESS(std::fabs(o.out[k] - reference.out[k]), 1e-6);
  EXPECT_LESS(std::fabs(o.out[19 * 12 + 3] - 0.985172114), 1e-7);
  EXPECT_LESS(std::fabs(o.out[19 * 12 + 6] - 0.715827069), 1e-7);
}

CLAIM("a member that blows up is reported, its neighbours finish") {
  std::vector<double> scale{0.1, 0.2, 2.3, 0.3, 0.4, 1.01, 0.5, 0.9, 0.8, 4.7, 0.05};
  const std::vector<double> y0{1.0}, times{0.25, 0.5, 1.0};
  Ensemble e;
  e.members = 11, e.initial = y0.data(), e.shared_initial = true, e.times = times.data(), e.count = 3;
  e.tolerances.relative = 1e-8;
  e.tolerances.absolute.assign(1, 1e-10);
  auto make = [&] { return std::make_unique<models::LaneSquare>(scale); };  // blows up at 1 / s
  for (Method method : {Method::automatic, Method::rosenbrock, Method::explicit_rk}) {
    e.method = method;
    const Outcome o = run(e, make, 1, 2);
    for (int m = 0; m < 11; ++m) {
      const bool fails = scale[m] >= 1.0;
      EXPECT((o.results[m].status == Status::reached) == !fails);
      if (fails) EXPECT(o.results[m].component == 0);
      if (fails) EXPECT_LESS(std::fabs(o.results[m].t * scale[m] - 1), 1e-3);
      for (int k = 0; k < 3; ++k) {
        const double exact = 1 / (1 - scale[m] * times[k]), y = o.out[3 * m + k];
        if (k < o.results[m].written) EXPECT_LESS(std::fabs(y / exact - 1), 1e-5);
        else EXPECT(std::isnan(y));
      }
    }
  }
}

CLAIM("an ensemble can be interrupted; what was not done says so") {
  const auto times = grid(9000, 5);
  const auto y0 = models::Mapk::start();
  std::vector<double> scale(200, 1.0);
  std::atomic<bool> interrupt{true};
  Ensemble e;
  e.members = 200, e.initial = y0.data(), e.shared_initial = true, e.times = times.data(), e.count = 5;
  e.tolerances.absolute.assign(8, 1e-6);
  e.interrupt = &interrupt;
  const Outcome o = run(e, [&] { return std::make_unique<LaneMapk>(scale); }, 8, 2);
  for (auto& r : o.results) EXPECT(r.status == Status::interrupted);
  interrupt = false;
  std::atomic<int64_t> finished{0};
  e.finished = &finished;
  const Outcome done = run(e, [&] { return std::make_unique<LaneMapk>(scale); }, 8, 2);
  for (auto& r : done.results) EXPECT(r.status == Status::reached);
  EXPECT(finished == 200);
  for (int m = 1; m < 200; ++m) EXPECT(std::equal(done.out.begin(), done.out.begin() + 40, done.out.begin() + 40 * m));
}

CLAIM("an empty ensemble and single times are answered") {
  Ensemble e;
  const double y0[1] = {1.0}, times[1] = {0.0};
  e.tolerances.absolute.assign(1, 1e-8);
  e.initial = y0, e.shared_initial = true, e.times = times, e.count = 1;
  auto make = [&] { return std::make_unique<models::LaneSquare>(std::vector<double>(3, 0.1)); };
  EXPECT(run(e, make, 1, 4).out.empty());
  e.members = 3;
  EXPECT(run(e, make, 1, 4).out == std::vector<double>(3, 1.0));
}

}  // namespace manyscale
