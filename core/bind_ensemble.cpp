// Many parameter sets of one model at once, on threads.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "bind_arrays.hpp"
#include "equations.hpp"
#include "integrators/equation_lanes.hpp"
#include "integrators/solver.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

namespace {

using Flags = nb::ndarray<int32_t, nb::c_contig, nb::device::cpu>;

struct Job {
  const double *p, *y, *atol, *times;
  const int32_t* columns;
  double* out;
  int32_t* status;
  int64_t members;
  int states, parameters, count, kept;
  Options options;
  LaneCode code;
};

// One member from start to end; the rows of `out` that are not reached stay as they are.
Status run_member(Equations& equations, const Job& job, int64_t k, std::vector<double>& rows) {
  const int n = job.states;
  equations.set_parameters(job.p + k * job.parameters);
  Options options = job.options;
  options.tolerances.absolute.assign(job.atol + k * n, job.atol + (k + 1) * n);
  Solver solver(equations, std::move(options));
  solver.start(0.0, job.y + k * n, false);
  const double end = job.times[job.count - 1];
  int written = 0;
  Status status = Status::root;
  for (int switches = 0; status == Status::root && switches < 100000; ++switches) {
    if (switches) solver.start(solver.t(), std::vector<double>(solver.y()).data(), true);
    const Advance now = solver.advance(end, job.times + written, job.count - written, rows.data() + written * n);
    written += now.written;
    status = now.status;
  }
  double* out = job.out + k * job.count * job.kept;
  for (int i = 0; i < written; ++i)
    for (int c = 0; c < job.kept; ++c) out[i * job.kept + c] = rows[static_cast<size_t>(i) * n + job.columns[c]];
  return status;
}

void work(Equations& equations, const Job& job, std::atomic<int64_t>& next, std::atomic<bool>& stop) {
  std::vector<double> rows(static_cast<size_t>(job.count) * job.states + 1);
  for (int64_t k; !stop.load() && (k = next.fetch_add(1)) < job.members;)
    job.status[k] = static_cast<int32_t>(run_member(equations, job, k, rows));
}

// Models of this size gain from lanes; the matrices of larger ones are better kept sparse, one member at a time.
constexpr int kLargestInLanes = 48;

// Eight members at a time in vector registers.
void work_in_lanes(const Job& job, const std::shared_ptr<const EquationData>& data, int threads, const std::atomic<bool>& stop) {
  std::vector<MemberResult> results(job.members);
  Ensemble ensemble;
  ensemble.members = job.members, ensemble.initial = job.y, ensemble.absolute = job.atol;
  ensemble.times = job.times, ensemble.count = job.count;
  ensemble.columns = job.columns, ensemble.kept = job.kept, ensemble.out = job.out, ensemble.results = results.data();
  ensemble.tolerances.relative = job.options.tolerances.relative;
  ensemble.tracking = job.options.tracking, ensemble.max_steps = job.options.max_steps;
  ensemble.interrupt = &stop;
  run_ensemble(ensemble, [&] { return std::make_unique<EquationLanes>(data, job.p, job.code); }, threads);
  for (int64_t k = 0; k < job.members; ++k) job.status[k] = static_cast<int32_t>(results[k].status);
}

}  // namespace

// Rows that are not reached stay as they are or become NaN; `status` (filled with -1 by the caller) tells: 0 done.
static void run_many(const std::vector<Equations*>& workers, Reals p, Reals y, Reals atol, Reals times, Ints columns,
                     double rtol, double tracking, int64_t max_steps, Writable out, Flags status, uintptr_t lane_rhs,
                     uintptr_t lane_jacobian, int lane_slots) {
  if (workers.empty() || !times.size()) throw std::invalid_argument("nothing to do");
  Job job{p.data(), y.data(), atol.data(), times.data(), columns.data(), out.data(), status.data(),
          static_cast<int64_t>(status.size()), workers[0]->size(), workers[0]->parameter_count(),
          static_cast<int>(times.size()), static_cast<int>(columns.size()), {}, {}};
  job.code = {reinterpret_cast<CompiledLanes>(lane_rhs), reinterpret_cast<CompiledLanes>(lane_jacobian), lane_slots};
  const size_t members = status.size();
  if (p.size() != members * job.parameters || y.size() != members * job.states || atol.size() != y.size() ||
      out.size() != members * job.count * job.kept)
    throw std::invalid_argument("arrays do not fit together");
  job.options.tolerances.relative = rtol;
  job.options.tracking = tracking;
  job.options.max_steps = max_steps;
  std::atomic<int64_t> next{0};
  std::atomic<bool> stop{false};
  bool interrupted = false;
  {
    nb::gil_scoped_release release;
    std::vector<std::thread> threads;
    std::atomic<int> running{static_cast<int>(workers.size())};
    const Equations& first = *workers[0];
    if (first.root_count() == 0 && !first.mass_pattern() && job.states <= kLargestInLanes && job.members >= kLanes / 2) {
      const int count = running.exchange(1);
      threads.emplace_back([&, count] { work_in_lanes(job, first.data(), count, stop), --running; });
    } else {
      for (Equations* equations : workers)
        threads.emplace_back([&, equations] { work(*equations, job, next, stop), --running; });
    }
    for (int rounds = 0; running.load() > 0; ++rounds) {
      std::this_thread::sleep_for(std::chrono::microseconds(rounds < 200 ? 100 : 2000));
      if (rounds % 50 != 49) continue;
      nb::gil_scoped_acquire acquire;
      if (PyErr_CheckSignals() != 0) interrupted = true, stop = true;
      if (interrupted) break;
    }
    for (auto& thread : threads) thread.join();
  }
  if (interrupted) throw nb::python_error();
}

void bind_ensemble(nb::module_& m) {
  m.def("run_many", &run_many, "workers"_a, "p"_a, "y"_a, "atol"_a, "times"_a, "columns"_a, "rtol"_a, "tracking"_a,
        "max_steps"_a, "out"_a, "status"_a, "lane_rhs"_a = 0, "lane_jacobian"_a = 0, "lane_slots"_a = 0);
}

}  // namespace manyscale
