// Python's view of the equations. Arrays come in as NumPy arrays; shapes are checked here.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <unordered_map>

#include "bind_arrays.hpp"
#include "equations.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

static Code code_of(const Ints& a) {
  if (a.ndim() != 2 || a.shape(1) != 5) throw std::invalid_argument("code has shape (count, 5)");
  Code code(a.shape(0));
  const int32_t* x = a.data();
  for (auto& i : code) {
    i = {x[0], x[1], x[2], x[3], x[4]};
    if (i.op < 0 || i.op >= static_cast<int32_t>(Op::count)) throw std::invalid_argument("unknown operation");
    x += 5;
  }
  return code;
}

static Program program_of(const Ints& code, const Ints& slot, const Ints& place) {
  if (slot.size() != place.size()) throw std::invalid_argument("as many slots as places");
  return {code_of(code), ints(slot), ints(place)};
}

static nb::object int_array(const std::vector<int32_t>& values) {
  int32_t* data = new int32_t[values.size() + 1];
  std::copy(values.begin(), values.end(), data);
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<int32_t*>(p); });
  size_t shape[1] = {values.size()};
  return nb::cast(nb::ndarray<int32_t, nb::numpy>(data, 1, shape, owner));
}

static SparsePattern pattern_of(int n, std::vector<std::pair<int32_t, int32_t>> entries) {
  std::sort(entries.begin(), entries.end(),
            [](auto& a, auto& b) { return std::pair(a.second, a.first) < std::pair(b.second, b.first); });
  entries.erase(std::unique(entries.begin(), entries.end()), entries.end());
  SparsePattern pattern;
  pattern.rows = pattern.columns = n;
  pattern.column_start.assign(n + 1, 0);
  for (auto [row, column] : entries) {
    pattern.row.push_back(row);
    ++pattern.column_start[column + 1];
  }
  for (int j = 0; j < n; ++j) pattern.column_start[j + 1] += pattern.column_start[j];
  return pattern;
}

static int32_t entry_of(const SparsePattern& pattern, int32_t row, int32_t column) {
  const auto begin = pattern.row.begin() + pattern.column_start[column];
  return static_cast<int32_t>(std::lower_bound(begin, pattern.row.begin() + pattern.column_start[column + 1], row) -
                              pattern.row.begin());
}

static std::vector<MassActionTerm> terms_of(const Ints& constant, const Ints& factor_start, const Ints& factors,
                                            const Ints& row_start, const Ints& rows, const Reals& weights) {
  std::vector<MassActionTerm> terms(constant.size());
  for (size_t e = 0; e < terms.size(); ++e) {
    auto& term = terms[e];
    term.constant = constant.data()[e];
    term.factors.assign(factors.data() + factor_start.data()[e], factors.data() + factor_start.data()[e + 1]);
    term.rows.assign(rows.data() + row_start.data()[e], rows.data() + row_start.data()[e + 1]);
    term.weights.assign(weights.data() + row_start.data()[e], weights.data() + row_start.data()[e + 1]);
  }
  return terms;
}

static void check_slots(const EquationData& d) {
  auto check = [&](int32_t slot) {
    if (slot < 0 || slot >= d.slots) throw std::invalid_argument("slot out of range");
  };
  auto check_code = [&](const Code& code) {
    for (const auto& i : code) {
      check(i.target), check(i.a), check(i.b), check(i.c);
    }
  };
  check_code(d.still);
  for (const Program* p : {&d.rhs, &d.jacobian, &d.time, &d.roots}) {
    check_code(p->code);
    for (int32_t s : p->slot) check(s);
  }
  for (int32_t s : d.mass_slot) check(s);
}

// The results that lie in slots of parameters, constants and what depends on them alone.
static Program still_part(const Program& program, int first, int end) {
  Program part;
  for (size_t k = 0; k < program.slot.size(); ++k)
    if (program.slot[k] >= first && program.slot[k] < end) {
      part.slot.push_back(program.slot[k]);
      part.place.push_back(program.place[k]);
    }
  return part;
}

static std::vector<std::pair<int32_t, int32_t>> equal_places(const Program& program, int first, int end) {
  std::vector<std::pair<int32_t, int32_t>> equal;
  std::unordered_map<int32_t, int32_t> place_of;
  for (size_t k = 0; k < program.slot.size(); ++k) {
    if (program.slot[k] >= first && program.slot[k] < end) continue;
    const auto [found, is_new] = place_of.emplace(program.slot[k], program.place[k]);
    if (!is_new) equal.emplace_back(found->second, program.place[k]);
  }
  return equal;
}

static std::shared_ptr<EquationData> make_data(int states, int parameters, int slots, int permanent, int first_constant,
                                               Reals constants, Ints still, nb::tuple rhs, nb::tuple jacobian,
                                               nb::tuple time, nb::tuple roots, nb::tuple mass, nb::tuple table) {
  auto d = std::make_shared<EquationData>();
  auto array = [](const nb::tuple& t, size_t k) { return nb::cast<Ints>(t[k]); };
  d->states = states, d->parameters = parameters, d->slots = slots, d->first_constant = first_constant;
  d->constants = reals(constants);
  d->still = code_of(still);
  d->rhs = program_of(array(rhs, 0), array(rhs, 1), array(rhs, 2));
  d->time = program_of(array(time, 0), array(time, 1), array(time, 2));
  d->roots = program_of(array(roots, 0), array(roots, 1), array(roots, 2));
  d->autonomous = d->time.slot.empty();
  d->root_count = static_cast<int>(d->roots.slot.size());
  const auto terms = terms_of(array(table, 0), array(table, 1), array(table, 2), array(table, 3), array(table, 4),
                              nb::cast<Reals>(table[5]));
  const auto row = ints(array(jacobian, 2)), column = ints(array(jacobian, 3));
  auto entries = touched_entries(terms);
  for (size_t k = 0; k < row.size(); ++k) entries.emplace_back(row[k], column[k]);
  for (int i = 0; i < states; ++i) entries.emplace_back(i, i);
  d->pattern = pattern_of(states, std::move(entries));
  for (int i = 0; i < states; ++i) d->diagonal.push_back(entry_of(d->pattern, i, i));
  d->jacobian = {code_of(array(jacobian, 0)), ints(array(jacobian, 1)), {}};
  for (size_t k = 0; k < row.size(); ++k) d->jacobian.place.push_back(entry_of(d->pattern, row[k], column[k]));
  d->jacobian_complete = static_cast<int>(row.size()) == d->pattern.nonzeros();
  d->rhs_still = still_part(d->rhs, states + 1, permanent);
  d->jacobian_still = still_part(d->jacobian, states + 1, permanent);
  d->rhs_equal = equal_places(d->rhs, states + 1, permanent);
  d->jacobian_equal = equal_places(d->jacobian, states + 1, permanent);
  d->rhs_complete = static_cast<int>(d->rhs.slot.size()) == states;
  const auto mass_row = ints(array(mass, 0)), mass_column = ints(array(mass, 1)), mass_slot = ints(array(mass, 2));
  d->has_mass = !mass_slot.empty();
  std::vector<std::pair<int32_t, int32_t>> mass_entries;
  for (size_t k = 0; k < mass_row.size(); ++k) mass_entries.emplace_back(mass_row[k], mass_column[k]);
  d->mass_pattern = pattern_of(states, mass_entries);
  d->mass_slot.resize(mass_slot.size());
  for (size_t k = 0; k < mass_row.size(); ++k)
    d->mass_slot[entry_of(d->mass_pattern, mass_row[k], mass_column[k])] = mass_slot[k];
  d->table = make_mass_action(terms, ints(array(table, 6)), d->pattern);
  check_slots(*d);
  return d;
}

static void need(const Reals& a, size_t size, const char* what) {
  if (a.size() != size) throw std::invalid_argument(std::string(what) + " has the wrong number of values");
}

static RealOut call(Equations& e, double t, const Reals& y, const Reals& p, size_t size,
                    void (Equations::*function)(double, const double*, double*)) {
  need(y, e.size(), "y");
  need(p, e.parameter_count(), "p");
  e.set_parameters(p.data());
  RealOut out = new_array({size});
  (e.*function)(t, y.data(), out.data());
  return out;
}

static void bind_lanes(nb::module_& m) {
  auto run = [](LaneEquations& e, const Reals& t, const Reals& y, size_t rows,
                void (LaneEquations::*function)(const double*, const double*, double*)) {
    need(t, kLanes, "t");
    need(y, static_cast<size_t>(e.size()) * kLanes, "y");
    RealOut out = new_array({rows, kLanes});
    (e.*function)(t.data(), y.data(), out.data());
    return out;
  };
  m.def("run_operation", [](int operation, Reals a, Reals b, Reals c, bool lanes) {
    if (operation < 0 || operation >= static_cast<int>(Op::count)) throw std::invalid_argument("unknown operation");
    for (const Reals* x : {&a, &b, &c}) need(*x, kLanes, "operand");
    double slots[4 * kLanes];
    const Instruction one = {operation, 3, 0, 1, 2};
    RealOut out = new_array({kLanes});
    for (int l = 0; l < (lanes ? 1 : kLanes); ++l) {
      for (int k = 0; k < (lanes ? kLanes : 1); ++k) {
        const int step = lanes ? kLanes : 1;
        slots[k] = a.data()[l + k], slots[step + k] = b.data()[l + k], slots[2 * step + k] = c.data()[l + k];
      }
      lanes ? run_lanes(&one, 1, slots) : run_scalar(&one, 1, slots);
      for (int k = 0; k < (lanes ? kLanes : 1); ++k) out.data()[l + k] = slots[3 * (lanes ? kLanes : 1) + k];
    }
    return out;
  });
  nb::class_<LaneEquations>(m, "LaneEquations")
      .def("__init__", [](LaneEquations* self, std::shared_ptr<EquationData> d, uintptr_t rhs, uintptr_t jacobian, int slots) {
             const LaneCode code{reinterpret_cast<CompiledLanes>(rhs), reinterpret_cast<CompiledLanes>(jacobian), slots};
             new (self) LaneEquations(d, code);
           },
           "data"_a, "rhs"_a = 0, "jacobian"_a = 0, "slots"_a = 0)
      .def("set_parameters",
           [](LaneEquations& e, Reals p) { e.set_parameters(p.data()); })
      .def("rhs", [run](LaneEquations& e, Reals t, Reals y) { return run(e, t, y, e.size(), &LaneEquations::rhs); })
      .def("jacobian",
           [run](LaneEquations& e, Reals t, Reals y) {
             return run(e, t, y, e.pattern().nonzeros(), &LaneEquations::jacobian);
           })
      .def("seconds_per_call", [](LaneEquations& e, Reals t, Reals y, int calls, bool jacobian) {
        need(y, static_cast<size_t>(e.size()) * kLanes, "y");
        std::vector<double> out(static_cast<size_t>(std::max(e.size(), e.pattern().nonzeros())) * kLanes);
        const auto start = std::chrono::steady_clock::now();
        for (int k = 0; k < calls; ++k)
          jacobian ? e.jacobian(t.data(), y.data(), out.data()) : e.rhs(t.data(), y.data(), out.data());
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
      });
}

static void bind_formulas(nb::module_& m) {
  nb::class_<Formulas>(m, "Formulas")
      .def("__init__",
           [](Formulas* self, int states, int parameters, int slots, int first_constant, Reals constants, Ints code,
              Ints slot) {
             std::vector<int32_t> place(slot.size());
             for (size_t k = 0; k < place.size(); ++k) place[k] = static_cast<int32_t>(k);
             new (self) Formulas{states,           parameters, slots, first_constant, reals(constants),
                                 {code_of(code), ints(slot), place}};
           })
      .def("evaluate", [](const Formulas& f, Reals times, Reals states, Reals p) {
        const size_t points = times.size();
        need(states, points * f.states, "states");
        const bool moving = p.ndim() == 2;
        need(p, f.parameters * (moving ? points : 1), "p");
        RealOut out = new_array({f.program.slot.size(), points});
        {
          nb::gil_scoped_release release;
          evaluate(f, static_cast<int64_t>(points), times.data(), states.data(), p.data(), moving, out.data());
        }
        return out;
      });
}

// Time of one evaluation at the parameters that are set, without the way through Python.
static double seconds_per_call(Equations& e, double t, Reals y, int calls, bool jacobian) {
  need(y, e.size(), "y");
  std::vector<double> out(std::max(e.size(), e.pattern().nonzeros()) + 1);
  const auto start = std::chrono::steady_clock::now();
  for (int k = 0; k < calls; ++k)
    jacobian ? e.jacobian(t, y.data(), out.data()) : e.rhs(t, y.data(), out.data());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
}

void bind_equations(nb::module_& m) {
  nb::set_leak_warnings(false);  // what lives until the process ends is no concern of the user's
  m.attr("LANES") = kLanes;
  m.attr("OPERATION_COUNT") = static_cast<int>(Op::count);
  m.def("function_addresses", [] {
    nb::dict table;
    for (const auto& f : function_addresses()) table[f.name] = reinterpret_cast<uintptr_t>(f.address);
    return table;
  });
  nb::class_<EquationData>(m, "EquationData")
      .def_prop_ro("column_start", [](EquationData& d) { return int_array(d.pattern.column_start); })
      .def_prop_ro("row", [](EquationData& d) { return int_array(d.pattern.row); })
      .def_prop_ro("jacobian_place", [](EquationData& d) { return int_array(d.jacobian.place); })
      .def_prop_ro("operations_run", [](EquationData& d) { return d.operations_run.load(); })
      .def_prop_ro("operations", [](EquationData& d) {
        return nb::make_tuple(d.still.size(), d.rhs.code.size(), d.jacobian.code.size());
      });
  m.def("make_equation_data", &make_data, "states"_a, "parameters"_a, "slots"_a, "permanent"_a, "first_constant"_a, "constants"_a,
        "still"_a, "rhs"_a, "jacobian"_a, "time"_a, "roots"_a, "mass"_a, "table"_a);
  nb::class_<Problem>(m, "Problem");
  nb::class_<Equations, Problem>(m, "Equations", nb::dynamic_attr())  // `code` keeps machine code alive
      .def("__init__", [](Equations* self, std::shared_ptr<EquationData> d) { new (self) Equations(d); })
      .def("clone", [](const Equations& e) { return std::make_shared<Equations>(e); })
      .def("set_parameters",
           [](Equations& e, Reals p) {
             need(p, e.parameter_count(), "p");
             e.set_parameters(p.data());
           })
      .def("set_compiled",
           [](Equations& e, uintptr_t rhs, uintptr_t jacobian, int slots) {
             e.set_compiled(reinterpret_cast<CompiledFunction>(rhs), reinterpret_cast<CompiledFunction>(jacobian),
                            slots);
           })
      .def("rhs", [](Equations& e, double t, Reals y, Reals p) { return call(e, t, y, p, e.size(), &Equations::rhs); })
      .def("jacobian",
           [](Equations& e, double t, Reals y, Reals p) {
             return call(e, t, y, p, e.pattern().nonzeros(), &Equations::jacobian);
           })
      .def("time_derivative",
           [](Equations& e, double t, Reals y, Reals p) {
             return call(e, t, y, p, e.size(), &Equations::time_derivative);
           })
      .def("roots",
           [](Equations& e, double t, Reals y, Reals p) {
             return call(e, t, y, p, e.root_count(), &Equations::roots);
           })
      .def("is_autonomous", &Equations::is_autonomous)
      .def("seconds_per_call", &seconds_per_call, "t"_a, "y"_a, "calls"_a, "jacobian"_a);
  bind_formulas(m);
  bind_lanes(m);
}

}  // namespace manyscale
