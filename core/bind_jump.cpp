// Jump processes: one path that Python stops at events, and many paths on threads.
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
#include "jump/jump.hpp"
#include "jump/lanes.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

namespace {

const char* word(JumpStatus status) {
  switch (status) {
    case JumpStatus::reached: return "reached";
    case JumpStatus::watch: return "watch";
    case JumpStatus::step_limit: return "step_limit";
    case JumpStatus::negative: return "negative";
    case JumpStatus::overdrawn: return "overdrawn";
    default: return "not_finite";
  }
}

std::shared_ptr<JumpModel> make_model(const Formulas& formulas, int reactions, Ints changed_start, Ints changed,
                                      Ints change, bool table, Ints reactant_start, Ints reactants, bool timed,
                                      Ints flowing, bool stops) {
  auto model = std::make_shared<JumpModel>();
  model->states = formulas.states, model->parameters = formulas.parameters, model->reactions = reactions;
  model->formulas = formulas;
  model->changed = ragged(changed_start, changed);
  model->change = ints(change);
  model->table = table;
  model->reactants = ragged(reactant_start, reactants);
  model->timed = timed, model->flowing = ints(flowing), model->stops = stops;
  if (model->changed.count() != reactions || (table && model->reactants.count() != reactions))
    throw std::invalid_argument("one list per reaction");
  return model;
}

void check(const JumpModel& model, const Reals& p, const Reals& scale, const Reals& constants) {
  if (static_cast<int>(p.size()) != model.parameters || static_cast<int>(scale.size()) != model.states ||
      (model.table && static_cast<int>(constants.size()) != model.reactions))
    throw std::invalid_argument("p, scale or constants do not fit the model");
}

}  // namespace

// Paths `first`, `first + 1`, ... from the same start; out: (paths, times, states). Returns the number of jumps and the
// first failure: (jumps, status, path, t, reaction).
static std::tuple<int64_t, std::string, int64_t, double, int> run_paths(
    std::shared_ptr<JumpModel> model, Reals p, Reals scale, Reals constants, Reals counts, Reals times, uint64_t seed,
    uint64_t first, Writable out, int threads, int64_t most_steps, double longest) {
  check(*model, p, scale, constants);
  const int64_t paths = static_cast<int64_t>(out.shape(0));
  const int rows = static_cast<int>(times.size());
  if (out.ndim() != 3 || static_cast<int>(out.shape(1)) != rows || static_cast<int>(out.shape(2)) != model->states ||
      static_cast<int>(counts.size()) != model->states || !rows)
    throw std::invalid_argument("out is (paths, times, states)");
  std::atomic<int64_t> next{0}, jumps{0}, failed{-1};
  std::vector<JumpAdvance> ends(paths);
  const auto work = [&] {
    for (int64_t k; failed.load() < 0 && (k = next.fetch_add(1)) < paths;) {
      JumpPath path(model, p.data(), scale.data(), constants.data(), seed, first + k, longest);
      path.start(0.0, counts.data());
      ends[k] = path.advance(times.data()[rows - 1], times.data(), rows,
                             out.data() + static_cast<size_t>(k) * rows * model->states, most_steps);
      jumps += path.steps();
      if (ends[k].status != JumpStatus::reached) failed = k;
    }
  };
  {
    nb::gil_scoped_release release;
    std::vector<std::thread> pool;
    for (int k = 1; k < threads; ++k) pool.emplace_back(work);
    work();
    for (std::thread& thread : pool) thread.join();
  }
  const int64_t bad = failed.load();
  if (bad < 0) return {jumps.load(), "reached", -1, 0.0, -1};
  return {jumps.load(), word(ends[bad].status), static_cast<int64_t>(first) + bad, ends[bad].t, ends[bad].blame};
}

// The same by lanes of generated code. done: one flag per path; progress is called now and then with the share done.
// Ctrl-C ends it with what is done.
static std::tuple<int64_t, std::string, int64_t, double, int> run_jump_lanes(
    std::shared_ptr<JumpModel> model, Reals p, Reals scale, Reals constants, Reals counts, Reals times, uint64_t seed,
    uint64_t first, Writable out, Bytes done, int threads, int64_t most_steps, nb::object progress) {
  LaneJob job;
  job.paths = static_cast<int64_t>(out.shape(0)), job.rows = static_cast<int>(times.size());
  if (!model->lane_code || static_cast<int>(constants.size()) != model->reactions ||
      static_cast<int>(p.size()) != model->parameters || static_cast<int>(scale.size()) != model->states ||
      out.ndim() != 3 || static_cast<int>(out.shape(1)) != job.rows || !job.rows ||
      static_cast<int>(out.shape(2)) != model->states || static_cast<int>(counts.size()) != model->states ||
      static_cast<int64_t>(done.size()) != job.paths)
    throw std::invalid_argument("arrays do not fit the model");
  job.model = model;
  job.p = p.data(), job.scale = scale.data(), job.constants = constants.data(), job.counts = counts.data();
  job.times = times.data(), job.seed = seed, job.first = first, job.most_steps = most_steps;
  job.out = out.data(), job.done = done.data();
  bool interrupted = false;
  {
    nb::gil_scoped_release release;
    auto last = std::chrono::steady_clock::now();
    job.look = [&] {
      const auto now = std::chrono::steady_clock::now();
      if (now - last < std::chrono::milliseconds(100)) return;
      last = now;
      nb::gil_scoped_acquire acquire;
      interrupted = interrupted || PyErr_CheckSignals() != 0;
      if (!interrupted && !progress.is_none()) {
        try {
          progress(static_cast<double>(job.finished.load()) / static_cast<double>(job.paths));
        } catch (nb::python_error& error) {
          error.restore();
          interrupted = true;
        }
      }
      if (interrupted) job.stop = true;
    };
    std::atomic<int> running{threads - 1};
    std::vector<std::thread> pool;
    for (int k = 1; k < threads; ++k) pool.emplace_back([&] { LaneWorker(job, false).run(), --running; });
    LaneWorker(job, true).run();
    for (; running.load() > 0; std::this_thread::sleep_for(std::chrono::microseconds(100))) job.look();
    for (std::thread& thread : pool) thread.join();
  }
  if (interrupted) throw nb::python_error();
  const int64_t bad = job.failed.load();
  if (bad < 0) return {job.jumps.load(), "reached", -1, 0.0, -1};
  return {job.jumps.load(), word(job.failure.status), static_cast<int64_t>(first) + bad, job.failure.t, job.failure.blame};
}

void bind_jump(nb::module_& m) {
  nb::class_<JumpModel>(m, "JumpModel")
      .def("set_compiled", [](JumpModel& model, uintptr_t address, int slots) {
        model.compiled = reinterpret_cast<CompiledFunction>(address);
        model.compiled_slots = slots;
      })
      .def("set_lanes", [](JumpModel& model, uintptr_t address, int lanes) {
        model.lane_code = reinterpret_cast<JumpLanes>(address);
        model.lanes = lanes;
      });
  m.def("run_lanes", &run_jump_lanes, "model"_a, "p"_a, "scale"_a, "constants"_a, "counts"_a, "times"_a, "seed"_a,
        "first"_a, "out"_a, "done"_a, "threads"_a, "most_steps"_a, "progress"_a.none());
  m.def("make_jump_model", &make_model, "formulas"_a, "reactions"_a, "changed_start"_a, "changed"_a, "change"_a,
        "table"_a, "reactant_start"_a, "reactants"_a, "timed"_a, "flowing"_a, "stops"_a);
  m.def("run_paths", &run_paths, "model"_a, "p"_a, "scale"_a, "constants"_a, "counts"_a, "times"_a, "seed"_a,
        "first"_a, "out"_a, "threads"_a, "most_steps"_a, "longest"_a);
  m.def("philox", [](uint64_t seed, uint64_t stream, int count) {
    Philox random(seed, stream);
    RealOut numbers = new_array({static_cast<size_t>(count)});
    for (int k = 0; k < count; ++k) numbers.data()[k] = random.uniform();
    return numbers;
  });
  nb::class_<JumpPath>(m, "JumpPath")
      .def("__init__",
           [](JumpPath* self, std::shared_ptr<JumpModel> model, Reals p, Reals scale, Reals constants, uint64_t seed,
              uint64_t stream, double longest) {
             check(*model, p, scale, constants);
             new (self) JumpPath(model, p.data(), scale.data(), constants.data(), seed, stream, longest);
           })
      .def("start",
           [](JumpPath& path, double t, Reals counts) {
             if (counts.size() != path.counts().size()) throw std::invalid_argument("one count per state");
             path.start(t, counts.data());
           })
      .def("set_parameters", [](JumpPath& path, Reals p, Reals scale, Reals constants) {
        check(path.model(), p, scale, constants);
        path.set_parameters(p.data(), scale.data(), constants.data());
      })
      .def("advance",
           [](JumpPath& path, double end, Reals times, Writable out, int64_t most_steps) {
             if (out.ndim() != 2 || out.shape(0) < times.size() || out.shape(1) != path.counts().size())
               throw std::invalid_argument("out is (times, states)");
             nb::gil_scoped_release release;
             const JumpAdvance now =
                 path.advance(end, times.data(), static_cast<int>(times.size()), out.data(), most_steps);
             return std::tuple<std::string, double, int, int>(word(now.status), now.t, now.written, now.blame);
           })
      .def_prop_ro("steps", [](JumpPath& path) { return path.steps(); })
      .def("counts", [](JumpPath& path) {
        return array_of(path.counts().data(), path.counts().size());
      });
}

}  // namespace manyscale
