// Slow-scale paths, one after the other, which stop where a law is needed.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <stdexcept>

#include "bind_arrays.hpp"
#include "hybrid/slow_scale.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

namespace {

const char* word(SlowStatus status) {
  switch (status) {
    case SlowStatus::reached: return "reached";
    case SlowStatus::unknown: return "unknown";
    case SlowStatus::paused: return "paused";
    case SlowStatus::step_limit: return "step_limit";
    default: return "not_finite";
  }
}

void make(SlowScale* self, int states, Reals constant, Ints reactant_start, Ints reactants, Ints changed_start, Ints changed,
          Ints change, Ints read_start, Ints reads, Ints touch_start, Ints touches, Ints member_start, Ints members) {
  SlowNetwork network;
  network.states = states, network.reactions = static_cast<int>(constant.size());
  network.constant = reals(constant);
  network.reactants = ragged(reactant_start, reactants), network.changed = ragged(changed_start, changed);
  network.change = ints(change), network.reads = ragged(read_start, reads), network.touches = ragged(touch_start, touches);
  network.members = ragged(member_start, members);
  for (const Ragged* list : {&network.reactants, &network.changed, &network.reads, &network.touches})
    if (list->count() != network.reactions) throw std::invalid_argument("one list per reaction");
  new (self) SlowScale(std::move(network));
}

int add(SlowScale& paths, int block, Reals factor, Reals variation, double relaxation, Reals cumulative, Reals values) {
  SlowNode node;
  const SlowNetwork& network = paths.network();
  const size_t reactions = static_cast<size_t>(network.reactions);
  if (block < 0 || block >= network.members.count() || factor.size() != reactions || variation.size() != reactions)
    throw std::invalid_argument("one factor and variation per reaction");
  const size_t members = network.members.start[block + 1] - network.members.start[block];
  if (!cumulative.size() || values.size() != cumulative.size() * members)
    throw std::invalid_argument("values are (states of the law, members)");
  node.factor = reals(factor), node.variation = reals(variation), node.relaxation = relaxation;
  node.successor.assign(reactions, -1), node.deviation.assign(reactions, 0.0);
  node.cumulative = reals(cumulative), node.values = reals(values);
  return paths.add(block, std::move(node));
}

}  // namespace

void bind_slow_scale(nb::module_& m) {
  nb::class_<SlowScale>(m, "SlowScale")
      .def("__init__", &make, "states"_a, "constant"_a, "reactant_start"_a, "reactants"_a, "changed_start"_a, "changed"_a,
           "change"_a, "read_start"_a, "reads"_a, "touch_start"_a, "touches"_a, "member_start"_a, "members"_a)
      .def("add", &add, "block"_a, "factor"_a, "variation"_a, "relaxation"_a, "cumulative"_a, "values"_a)
      .def("connect", &SlowScale::connect, "block"_a, "node"_a, "reaction"_a, "successor"_a, "deviation"_a)
      .def("start",
           [](SlowScale& paths, Reals counts, Ints nodes, uint64_t seed, uint64_t first, int walkers) {
             if (static_cast<int>(counts.size()) != paths.network().states ||
                 static_cast<int>(nodes.size()) != paths.network().members.count())
               throw std::invalid_argument("one count per state and one node per block");
             paths.start(counts.data(), nodes.data(), seed, first, walkers);
           })
      .def("run",
           [](SlowScale& paths, Reals times, Writable out, int64_t budget, int64_t most_steps) {
             if (out.ndim() != 3 || out.shape(1) != times.size() || !times.size() ||
                 static_cast<int>(out.shape(2)) != paths.network().states)
               throw std::invalid_argument("out is (paths, times, states)");
             const int64_t count = static_cast<int64_t>(out.shape(0));
             SlowEnd end;
             {
               nb::gil_scoped_release release;
               end = paths.run(times.data(), static_cast<int>(times.size()), out.data(), count, budget, most_steps);
             }
             return nb::make_tuple(word(end.status), end.block, end.node, end.reaction);
           })
      .def_prop_ro("done", [](SlowScale& paths) { return paths.done(); })
      .def_prop_ro("elapsed", [](SlowScale& paths) { return paths.elapsed(); })
      .def_prop_ro("jumps", [](SlowScale& paths) { return paths.jumps(); })
      .def_prop_ro("t", [](SlowScale& paths) { return paths.t(); })
      .def_prop_ro(
          "disturbed", [](SlowScale& paths) {
            const std::vector<double> sums = paths.disturbed();
            return array_of(sums.data(), sums.size());
          },
          nb::rv_policy::move);
}

}  // namespace manyscale
