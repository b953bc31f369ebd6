// Paths by leaps and of the Langevin equation, many on threads.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <vector>

#include "bind_arrays.hpp"
#include "leap/leap.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

namespace {

const char* word(LeapStatus status) {
  switch (status) {
    case LeapStatus::reached: return "reached";
    case LeapStatus::passed: return "passed";
    case LeapStatus::step_limit: return "step_limit";
    case LeapStatus::negative: return "negative";
    case LeapStatus::overdrawn: return "overdrawn";
    case LeapStatus::stuck: return "stuck";
    case LeapStatus::interrupted: return "interrupted";
    default: return "not_finite";
  }
}

LeapScheme scheme_of(const std::string& name) {
  if (name == "auto") return LeapScheme::automatic;
  if (name == "explicit") return LeapScheme::explicit_step;
  if (name == "implicit") return LeapScheme::implicit_step;
  if (name == "trapezoidal") return LeapScheme::trapezoidal;
  if (name == "second_order") return LeapScheme::second_order;
  if (name == "exact") return LeapScheme::exact;
  throw std::invalid_argument("no such scheme: " + name);
}

// Where each of `count` values stands in a list.
Ragged places_of(const std::vector<int32_t>& list, int count) {
  Ragged found{std::vector<int32_t>(count + 1, 0), std::vector<int32_t>(list.size())};
  for (int32_t value : list) ++found.start[value + 1];
  for (int k = 0; k < count; ++k) found.start[k + 1] += found.start[k];
  std::vector<int32_t> next(found.start.begin(), found.start.end() - 1);
  for (size_t e = 0; e < list.size(); ++e) found.item[next[list[e]]++] = static_cast<int32_t>(e);
  return found;
}

std::shared_ptr<LeapModel> make_model(const Formulas& rates, const Formulas& slopes, const Formulas& condition,
                                      bool condition_timed, Ints changed_start, Ints changed, Ints change,
                                      Ints reads_start, Ints reads, Ints partner) {
  auto model = std::make_shared<LeapModel>();
  model->states = rates.states, model->parameters = rates.parameters;
  model->rates.formulas = rates, model->slopes.formulas = slopes, model->condition.formulas = condition;
  model->condition_timed = condition_timed;
  model->reactions = model->rates.count();
  model->changed = {ints(changed_start), ints(changed)};
  model->change = ints(change);
  model->changing = places_of(model->changed.item, model->states);
  model->reads = {ints(reads_start), ints(reads)};
  model->partner = ints(partner);
  model->reaction.resize(model->changed.item.size());
  for (int j = 0; j < model->reactions; ++j)
    for (int e = model->changed.start[j]; e < model->changed.start[j + 1]; ++e) model->reaction[e] = j;
  if (model->changed.count() != model->reactions || model->reads.count() != model->reactions ||
      static_cast<int>(model->partner.size()) != model->reactions ||
      static_cast<int>(model->reads.item.size()) != model->slopes.count())
    throw std::invalid_argument("one list per reaction, one slope per read state");
  return model;
}

// Whether to go on: every thread looks at a flag, the one that holds Python's signals also at those, now and then.
class Patience {
 public:
  bool go_on(bool first_thread) {
    if (first_thread && !stopped_) {
      const auto now = std::chrono::steady_clock::now();
      if (now - looked_ > std::chrono::milliseconds(100)) {
        looked_ = now;
        nb::gil_scoped_acquire acquire;
        if (PyErr_CheckSignals() != 0) stopped_ = true;
      }
    }
    return !stopped_;
  }
  void stop() { stopped_ = true; }
  bool stopped() const { return stopped_; }

 private:
  std::atomic<bool> stopped_{false};
  std::chrono::steady_clock::time_point looked_ = std::chrono::steady_clock::now();
};

struct Job {
  std::shared_ptr<LeapModel> model;
  const double *p, *scale, *counts;
  std::vector<double> times;
  LeapSettings settings;
  uint64_t seed, first;
  int64_t paths;
  double *out, *passed;
};

struct Outcome {
  std::atomic<int64_t> leaps{0}, jumps{0}, rejected{0}, implicit{0}, touched{0}, failed{-1};
  std::vector<LeapEnd> ends;
};

template <class Path>
void work(const Job& job, Outcome& outcome, std::atomic<int64_t>& next, Patience& patience, bool first_thread) {
  const int rows = static_cast<int>(job.times.size()), n = job.model->states;
  const std::function<bool()> go_on = [&] { return patience.go_on(first_thread) && outcome.failed.load() < 0; };
  for (int64_t k; outcome.failed.load() < 0 && (k = next.fetch_add(1)) < job.paths;) {
    double* out = job.out + static_cast<size_t>(k) * rows * n;
    Path path(job.model, job.p, job.scale, job.settings, job.seed, job.first + k);
    path.start(0.0, job.counts);
    outcome.ends[k] = path.advance(job.times.back(), {job.times.data(), rows, out}, go_on);
    const LeapTally& tally = path.tally();
    outcome.leaps += tally.leaps, outcome.jumps += tally.jumps, outcome.rejected += tally.rejected;
    outcome.implicit += tally.implicit, outcome.touched += tally.touched;
    const LeapStatus status = outcome.ends[k].status;
    if (status == LeapStatus::passed) {  // rows from there on: the state at the passage
      job.passed[k] = outcome.ends[k].t;
      for (int r = 0; r < rows; ++r)
        if (job.times[r] >= outcome.ends[k].t)
          for (int i = 0; i < n; ++i) out[static_cast<size_t>(r) * n + i] = path.counts()[i] * job.scale[i];
    } else if (status != LeapStatus::reached) {
      int64_t none = -1;
      outcome.failed.compare_exchange_strong(none, k);
    }
  }
}

template <class Path>
void run_all(const Job& job, Outcome& outcome, Patience& patience, int threads) {
  std::atomic<int64_t> next{0};
  std::vector<std::thread> pool;
  for (int k = 1; k < threads; ++k)
    pool.emplace_back([&] { work<Path>(job, outcome, next, patience, false); });
  work<Path>(job, outcome, next, patience, true);
  for (std::thread& thread : pool) thread.join();
}

}  // namespace

// Paths `first`, `first + 1`, ... from the same start; out: (paths, times, states); passed: (paths,) times at which the
// condition became true, left alone where it did not. Returns (tally, status, path, t, reaction) of the first failure.
static nb::tuple run_leaps(std::shared_ptr<LeapModel> model, bool gaussian, const std::string& scheme, double epsilon,
                           double step, int parts, double longest, double look, Reals p, Reals scale, Reals counts, Reals times,
                           uint64_t seed, uint64_t first, Writable out, Writable passed, int threads,
                           int64_t most_steps) {
  const size_t n = model->states;
  if (out.ndim() != 3 || out.shape(1) != times.size() || out.shape(2) != n || passed.size() != out.shape(0) ||
      counts.size() != n || scale.size() != n || p.size() != static_cast<size_t>(model->parameters) || !times.size())
    throw std::invalid_argument("out is (paths, times, states), passed (paths,)");
  Job job{model, p.data(), scale.data(), counts.data(), reals(times), {scheme_of(scheme), epsilon, step, parts, most_steps, gaussian, longest, look},
          seed, first, static_cast<int64_t>(out.shape(0)), out.data(), passed.data()};
  Outcome outcome;
  outcome.ends.resize(job.paths);
  Patience patience;
  {
    nb::gil_scoped_release release;
    if (gaussian) run_all<LangevinPath>(job, outcome, patience, threads);
    else run_all<LeapPath>(job, outcome, patience, threads);
  }
  if (patience.stopped()) throw nb::python_error();
  const nb::tuple tally = nb::make_tuple(outcome.leaps.load(), outcome.jumps.load(), outcome.rejected.load(),
                                         outcome.implicit.load(), outcome.touched.load());
  const int64_t bad = outcome.failed.load();
  if (bad < 0) return nb::make_tuple(tally, "reached", -1, 0.0, -1);
  const LeapEnd& end = outcome.ends[bad];
  return nb::make_tuple(tally, word(end.status), static_cast<int64_t>(first) + bad, end.t, end.blame);
}

// One path that is stopped at events: `advance` returns (status, t, rows written, reaction).
template <class Path>
static void bind_path(nb::module_& m, const char* name) {
  nb::class_<Path>(m, name)
      .def("__init__",
           [](Path* self, std::shared_ptr<LeapModel> model, const std::string& scheme, double epsilon, double step,
              double longest, double look, Reals p, Reals scale, uint64_t seed, uint64_t stream, int64_t most_steps) {
             if (p.size() != static_cast<size_t>(model->parameters) || scale.size() != static_cast<size_t>(model->states))
               throw std::invalid_argument("p or scale does not fit the model");
             const LeapSettings settings{scheme_of(scheme), epsilon, step, 1, most_steps,
                                         std::is_same_v<Path, LangevinPath>, longest, look};
             new (self) Path(model, p.data(), scale.data(), settings, seed, stream);
           })
      .def("set_parameters",
           [](Path& path, Reals p, Reals scale) {
             const LeapModel& model = path.field().model();
             if (p.size() != static_cast<size_t>(model.parameters) || scale.size() != static_cast<size_t>(model.states))
               throw std::invalid_argument("p or scale does not fit the model");
             path.field().set_parameters(p.data(), scale.data());
           })
      .def("start",
           [](Path& path, double t, Reals counts, Bytes truths) {
             const LeapModel& model = path.field().model();
             if (counts.size() != static_cast<size_t>(model.states) ||
                 truths.size() != static_cast<size_t>(model.condition.count()))
               throw std::invalid_argument("one count per state, one truth per condition");
             path.field().set_reference(truths.data());
             path.start(t, counts.data());
           })
      .def("advance",
           [](Path& path, double end, Reals times, Writable out) {
             if (out.ndim() != 2 || out.shape(0) < times.size() ||
                 out.shape(1) != static_cast<size_t>(path.field().model().states))
               throw std::invalid_argument("out is (times, states)");
             nb::gil_scoped_release release;
             Patience patience;
             const LeapEnd now = path.advance(end, {times.data(), static_cast<int>(times.size()), out.data()},
                                              [&] { return patience.go_on(true); });
             nb::gil_scoped_acquire acquire;
             if (patience.stopped()) throw nb::python_error();
             return nb::make_tuple(word(now.status), now.t, path.written(), now.blame);
           })
      .def("counts", [](Path& path) { return array_of(path.counts().data(), path.counts().size()); })
      .def("tally", [](Path& path) {
        const LeapTally& tally = path.tally();
        return nb::make_tuple(tally.leaps, tally.jumps, tally.rejected, tally.implicit, tally.touched);
      });
}

void bind_leap(nb::module_& m) {
  bind_path<LeapPath>(m, "LeapPath");
  bind_path<LangevinPath>(m, "LangevinPath");
  nb::class_<LeapModel>(m, "LeapModel").def("set_compiled", [](LeapModel& model, const std::string& what,
                                                              uintptr_t address, int slots) {
    Outputs& outputs = what == "rates" ? model.rates : what == "slopes" ? model.slopes : model.condition;
    outputs.compiled = reinterpret_cast<CompiledFunction>(address);
    outputs.compiled_slots = slots;
  });
  m.def("make_leap_model", &make_model, "rates"_a, "slopes"_a, "condition"_a, "condition_timed"_a, "changed_start"_a, "changed"_a,
        "change"_a, "reads_start"_a, "reads"_a, "partner"_a);
  m.def("run_leaps", &run_leaps, "model"_a, "gaussian"_a, "scheme"_a, "epsilon"_a, "step"_a, "parts"_a, "longest"_a, "look"_a, "p"_a,
        "scale"_a, "counts"_a, "times"_a, "seed"_a, "first"_a, "out"_a, "passed"_a, "threads"_a, "most_steps"_a);
  m.def("draws", [](const std::string& law, double mean, double chance, uint64_t seed, int count) {
    Philox random(seed, 0);
    Normals normals;
    RealOut numbers = new_array({static_cast<size_t>(count)});
    for (int k = 0; k < count; ++k)
      numbers.data()[k] = law == "poisson"    ? poisson(mean, random)
                          : law == "binomial" ? binomial(mean, chance, random)
                                              : normals.next(random);
    return numbers;
  });
}

}  // namespace manyscale
