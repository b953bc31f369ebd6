// Hybrid paths on threads.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <vector>

#include "bind_arrays.hpp"
#include "hybrid/hybrid.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

namespace {

const char* word(HybridStatus status) {
  switch (status) {
    case HybridStatus::reached: return "reached";
    case HybridStatus::step_limit: return "step_limit";
    case HybridStatus::negative: return "negative";
    default: return "not_finite";
  }
}

std::shared_ptr<HybridModel> make_model(const Formulas& formulas, Ints start, Ints changed, Ints change) {
  auto model = std::make_shared<HybridModel>();
  model->states = formulas.states, model->parameters = formulas.parameters;
  model->reactions = static_cast<int>(start.size()) - 1;
  model->formulas = formulas;
  model->start = ints(start), model->item = ints(changed), model->change = ints(change);
  if (model->item.size() != model->change.size() || model->start.back() != static_cast<int>(model->item.size()) ||
      static_cast<int>(formulas.program.slot.size()) != model->reactions)
    throw std::invalid_argument("one list of changes per reaction");
  return model;
}

}  // namespace

// Paths `first`, `first + 1`, ... from the same start; out: (paths, times, states). limits: molecules from which reactions
// diffuse and flow, share of a leap, tolerance, longest step. fixed: a treatment per reaction, or -1. Returns (status,
// path, t, reaction, (jumps, steps, repartitions, held), time per reaction and treatment).
static nb::tuple run_hybrid(std::shared_ptr<HybridModel> model, Reals p, Reals scale, Reals counts, Reals times, Reals limits,
                            Ints fixed, bool autonomous, uint64_t seed, uint64_t first, Writable out, int threads,
                            int64_t most_steps) {
  const int64_t paths = static_cast<int64_t>(out.shape(0));
  const int rows = static_cast<int>(times.size()), n = model->states;
  if (out.ndim() != 3 || static_cast<int>(out.shape(1)) != rows || static_cast<int>(out.shape(2)) != n || !rows ||
      static_cast<int>(counts.size()) != n || static_cast<int>(scale.size()) != n ||
      static_cast<int>(p.size()) != model->parameters || static_cast<int>(fixed.size()) != model->reactions ||
      limits.size() != 5)
    throw std::invalid_argument("arguments do not fit the model");
  HybridOptions options;
  options.langevin_above = limits.data()[0], options.ode_above = limits.data()[1], options.leap = limits.data()[2];
  options.tolerance = limits.data()[3], options.max_step = limits.data()[4], options.autonomous = autonomous;
  for (size_t j = 0; j < fixed.size(); ++j) options.fixed.push_back(static_cast<int8_t>(fixed.data()[j]));
  std::atomic<int64_t> next{0}, failed{-1};
  std::vector<HybridEnd> ends(paths);
  std::mutex lock;
  int64_t jumps = 0, steps = 0, repartitions = 0, held = 0;
  RealOut spent = new_array({static_cast<size_t>(model->reactions), 3});
  std::fill_n(spent.data(), 3 * model->reactions, 0.0);
  std::atomic<bool> stop{false};
  const auto stopped = [&] { return stop.load(); };
  const auto signalled = [&] {  // on the thread that Python runs on
    const nb::gil_scoped_acquire hold;
    if (PyErr_CheckSignals() != 0) stop = true;
    return stop.load();
  };
  const auto work = [&](const std::function<bool()>& poll) {
    for (int64_t k; failed.load() < 0 && (k = next.fetch_add(1)) < paths;) {
      HybridPath path(model, options, p.data(), scale.data(), counts.data(), seed, first + k);
      ends[k] = path.run(times.data(), rows, out.data() + static_cast<size_t>(k) * rows * n, most_steps, poll);
      if (ends[k].status != HybridStatus::reached) failed = k;
      const HybridTally& tally = path.tally();
      const std::lock_guard<std::mutex> guard(lock);
      jumps += tally.jumps, steps += tally.steps, repartitions += tally.repartitions, held += tally.held;
      for (size_t e = 0; e < tally.time.size(); ++e) spent.data()[e] += tally.time[e];
    }
  };
  {
    nb::gil_scoped_release release;
    std::vector<std::thread> pool;
    for (int k = 1; k < threads; ++k) pool.emplace_back(work, stopped);
    work(signalled);
    for (std::thread& thread : pool) thread.join();
  }
  if (stop.load()) throw nb::python_error();
  const int64_t bad = failed.load();
  const auto tallies = nb::make_tuple(jumps, steps, repartitions, held);
  if (bad < 0) return nb::make_tuple("reached", -1, 0.0, -1, tallies, spent);
  return nb::make_tuple(word(ends[bad].status), static_cast<int64_t>(first) + bad, ends[bad].t, ends[bad].blame, tallies,
                        spent);
}

void bind_hybrid(nb::module_& m) {
  nb::class_<HybridModel>(m, "HybridModel").def("set_compiled", [](HybridModel& model, uintptr_t address, int slots) {
    model.compiled = reinterpret_cast<CompiledFunction>(address);
    model.compiled_slots = slots;
  });
  m.def("make_hybrid_model", &make_model, "formulas"_a, "start"_a, "changed"_a, "change"_a);
  m.def("run_hybrid", &run_hybrid, "model"_a, "p"_a, "scale"_a, "counts"_a, "times"_a, "limits"_a, "fixed"_a,
        "autonomous"_a, "seed"_a, "first"_a, "out"_a, "threads"_a, "most_steps"_a);
}

}  // namespace manyscale
