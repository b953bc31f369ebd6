// Python's view of the solver: one object per run; every call releases the interpreter lock.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bind_arrays.hpp"
#include "integrators/delayed.hpp"
#include "integrators/hurried.hpp"
#include "integrators/solver.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace manyscale {

static Method method_named(const std::string& name) {
  if (name == "auto") return Method::automatic;
  if (name == "bdf") return Method::bdf;
  if (name == "rosenbrock") return Method::rosenbrock;
  if (name == "explicit") return Method::explicit_rk;
  throw std::invalid_argument("unknown method " + name);
}

static const char* status_name(Status status) {
  switch (status) {
    case Status::reached: return "reached";
    case Status::root: return "root";
    case Status::too_small: return "too_small";
    case Status::not_finite: return "not_finite";
    case Status::step_limit: return "step_limit";
    default: return "interrupted";
  }
}

// Owns the equations' workspace, so that runs in several threads do not disturb each other.
class Run {
 public:
  Run(const Equations& equations, Reals p, Options options, const std::vector<Formulas>& delays,
      std::vector<Hurried::Entry> hurry)
      : equations_(equations) {
    set_equation_parameters(p);
    if (!hurry.empty()) {
      if (!delays.empty()) throw std::invalid_argument("equations with delays cannot be sped up");
      hurried_.emplace(equations_, std::move(hurry));
      solver_ = std::make_unique<Solver>(*hurried_, std::move(options));
    } else if (!delays.empty()) {
      options.keep_history = true;
      delayed_.emplace(equations_, std::vector<double>(p.data(), p.data() + p.size()), delays[0], delays[1],
                       delays[2]);
      solver_ = std::make_unique<Solver>(*delayed_, std::move(options));
      delayed_->set_history(&solver_->history());
    } else {
      solver_ = std::make_unique<Solver>(equations_, std::move(options));
    }
  }
  void set_parameters(Reals p) {
    set_equation_parameters(p);
    if (delayed_) delayed_->set_parameters(p.data());
  }
  void start(double t, Reals y, bool keep_step) {
    if (static_cast<int>(y.size()) != equations_.size()) throw std::invalid_argument("y has the wrong size");
    solver_->start(t, y.data(), keep_step);
  }
  nb::tuple advance(double end, Reals times, Writable out) {
    if (out.size() < times.size() * static_cast<size_t>(equations_.size()))
      throw std::invalid_argument("out is too small");
    Advance result;
    {
      nb::gil_scoped_release release;
      result = solver_->advance(end, times.data(), static_cast<int>(times.size()), out.data());
    }
    return nb::make_tuple(status_name(result.status), result.t, result.written, result.component, result.step);
  }
  RealOut parameters_at(double t, Reals y) {
    if (!delayed_) return array_of(equations_.parameters(), equations_.parameter_count());
    const auto& p = delayed_->parameters_at(t, y.data());
    return array_of(p.data(), p.size());
  }
  // Absolute tolerances no smaller than these from now on.
  void raise_tolerances(Reals atol) {
    auto& absolute = solver_->options().tolerances.absolute;
    if (atol.size() != absolute.size()) throw std::invalid_argument("atol has the wrong size");
    for (size_t i = 0; i < absolute.size(); ++i) absolute[i] = std::max(absolute[i], atol.data()[i]);
  }
  Solver& solver() { return *solver_; }
  Equations& equations() { return equations_; }

 private:
  void set_equation_parameters(const Reals& p) {
    if (static_cast<int>(p.size()) != equations_.parameter_count())
      throw std::invalid_argument("p has the wrong size");
    equations_.set_parameters(p.data());
  }
  Equations equations_;
  std::optional<DelayedEquations> delayed_;
  std::optional<Hurried> hurried_;
  std::unique_ptr<Solver> solver_;
};

// From (rows, variables, values); none without.
static std::vector<Hurried::Entry> entries_of(const nb::object& hurry) {
  std::vector<Hurried::Entry> entries;
  if (hurry.is_none()) return entries;
  const auto parts = nb::cast<nb::tuple>(hurry);
  const auto rows = nb::cast<Ints>(parts[0]), variables = nb::cast<Ints>(parts[1]);
  const auto values = nb::cast<Reals>(parts[2]);
  if (rows.size() != variables.size() || rows.size() != values.size())
    throw std::invalid_argument("rows, variables and values differ in length");
  for (size_t e = 0; e < rows.size(); ++e) entries.push_back({rows.data()[e], variables.data()[e], values.data()[e]});
  return entries;
}

static nb::dict statistics_of(const Statistics& s) {
  nb::dict d;
  d["steps"] = s.steps, d["rejected"] = s.rejected, d["rhs"] = s.rhs, d["jacobians"] = s.jacobians;
  d["factorisations"] = s.factorisations, d["newton_failures"] = s.newton_failures, d["switches"] = s.switches;
  d["explicit_steps"] = s.steps_explicit, d["rosenbrock_steps"] = s.steps_rosenbrock, d["bdf_steps"] = s.steps_bdf;
  return d;
}

void bind_solver(nb::module_& m) {
  nb::class_<Run>(m, "Run")
      .def("__init__",
           [](Run* self, const Equations& equations, Reals p, double rtol, Reals atol, const std::string& method,
              int64_t max_steps, double max_step, double first_step, double tracking, const Formulas* lags,
              const Formulas* arguments, const Formulas* past, nb::object hurry) {
             if (static_cast<int>(atol.size()) != equations.size())
               throw std::invalid_argument("atol has the wrong size");
             Options options;
             options.method = method_named(method);
             options.tolerances = {rtol, std::vector<double>(atol.data(), atol.data() + atol.size())};
             options.max_steps = max_steps;
             options.max_step = max_step;
             options.first_step = first_step;
             options.tracking = tracking;
             std::vector<Formulas> delays;
             if (lags && arguments && past) delays = {*lags, *arguments, *past};
             new (self) Run(equations, p, std::move(options), delays, entries_of(hurry));
           },
           "equations"_a, "p"_a, "rtol"_a, "atol"_a, "method"_a = "auto", "max_steps"_a = 100000,
           "max_step"_a = std::numeric_limits<double>::infinity(), "first_step"_a = 0.0, "tracking"_a = 0.0,
           "lags"_a = nb::none(), "arguments"_a = nb::none(), "past"_a = nb::none(), "hurry"_a = nb::none())
      .def("set_parameters", &Run::set_parameters)
      .def("start", &Run::start, "t"_a, "y"_a, "keep_step"_a = false)
      .def("advance", &Run::advance, "end"_a, "times"_a, "out"_a)
      .def("parameters_at", &Run::parameters_at)
      .def("raise_tolerances", &Run::raise_tolerances)
      .def_prop_rw("max_steps", [](Run& r) { return r.solver().options().max_steps; },
                   [](Run& r, int64_t n) { r.solver().options().max_steps = n; })
      .def_prop_rw("max_step", [](Run& r) { return r.solver().options().max_step; },
                   [](Run& r, double h) { r.solver().options().max_step = h; })
      .def_prop_ro("t", [](Run& r) { return r.solver().t(); })
      .def_prop_ro("y", [](Run& r) { return array_of(r.solver().y().data(), r.solver().y().size()); },
                   nb::rv_policy::automatic)
      .def_prop_ro("statistics", [](Run& r) { return statistics_of(r.solver().statistics()); });
}

}  // namespace manyscale
