#include <nanobind/nanobind.h>

namespace manyscale {
void bind_equations(nanobind::module_& m);
void bind_solver(nanobind::module_& m);
void bind_cme(nanobind::module_& m);
void bind_ensemble(nanobind::module_& m);
void bind_hybrid(nanobind::module_& m);
void bind_jump(nanobind::module_& m);
void bind_leap(nanobind::module_& m);
void bind_lumping(nanobind::module_& m);
void bind_slow_scale(nanobind::module_& m);
}

NB_MODULE(_core, m) {
  m.doc() = "compiled loops of manyscale";
  manyscale::bind_equations(m);
  manyscale::bind_solver(m);
  manyscale::bind_cme(m);
  manyscale::bind_ensemble(m);
  manyscale::bind_hybrid(m);
  manyscale::bind_jump(m);
  manyscale::bind_leap(m);
  manyscale::bind_lumping(m);
  manyscale::bind_slow_scale(m);
}
