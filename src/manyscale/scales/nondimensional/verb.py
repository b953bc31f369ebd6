"""`nondimensionalize`: scales for every variable, the model without dimensions, the numbers that are small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from manyscale.engines.ode import simulate_ode
from manyscale.engines.simulate import as_model
from manyscale.engines.trajectory import Trajectory
from manyscale.errors import InputError, ManyscaleError
from manyscale.kernels import compile_model
from manyscale.kernels.kernel import Kernel
from manyscale.model.declared_units import Declarations
from manyscale.model.dimensions import unit_text
from manyscale.model.expr import Expr, Symbol, add, mul
from manyscale.model.model import Model
from manyscale.model.parts import Species
from manyscale.model.question import Question
from manyscale.model.structure import ConservationLaw
from manyscale.scales import conservation
from manyscale.scales.measure import Scales, measure
from manyscale.scales.nondimensional import assemble, groups, small
from manyscale.scales.nondimensional.assemble import Assembled, Numbers, with_scales
from manyscale.scales.nondimensional.choose import Choice, Evidence, choose
from manyscale.scales.nondimensional.monomial import Monomial, at_start, monomial, shown, start
from manyscale.scales.nondimensional.result import DimensionlessGroup, Nondimensionalization, Scale
from manyscale.scales.nondimensional.terms import TermForm, term_form, why_not
from manyscale.scales.nondimensional.weights import TIME, Symmetries, find_symmetries
from manyscale.scales.resolve import resolve

MEASURED = 150  # states up to which time scales are measured; larger models are only run
CHECKED = 1e-9  # largest relative difference of right-hand sides accepted as rounding
POINTS = 3
NOISE = 1e-14  # share of the largest variable that scales alike, below which a variable is rounding


def nondimensionalize(
    model: Model | str | Path,
    question: Question | None = None,
    *,
    scales: Scales | None = None,
    progress: Callable[..., None] | None = None,
) -> Nondimensionalization:
    """A model without dimensions, the way back, and its small parameters.

    The scalings that leave the equations as they are come from the formulas, in whole numbers; units, where they are
    declared, are only compared with them. Among them scales are chosen along the model's own run over the question's
    horizon: variables about one, time in slow units, coefficients one, small or large. Nothing is approximated: a run
    of the result at `times(t)`, multiplied by the scales, is a run of the model.

    scales: of the same model, if they were measured before. Errors: InputError for models that cannot be lowered and
    for scales that are no positive numbers; others as `manyscale.measure`.
    """
    model = as_model(model)
    return _Work(model, question, scales, progress or (lambda *_: None)).run()


@dataclass
class _Work:
    model: Model
    question: Question | None
    scales: Scales | None
    note: Callable[..., None]

    def run(self) -> Nondimensionalization:
        model, self.remarks = self.model, []
        self.kernel = compile_model(model)
        y, p = self.kernel.initial()
        self.values = self.kernel.values(0.0, y, p)
        self.numbers = Numbers(self.values)
        self.note("measuring scales")
        self.look()
        self.note("finding symmetries")
        own = find_symmetries(model)
        reason = why_not(model, self.kernel.system)
        if reason:
            self.remarks.append(f"All formulas are kept and only values scaled: {reason}.")
            form, symmetries = None, own
        else:
            form = term_form(model, self.kernel, self.values)
            symmetries = find_symmetries(form.model)
        self.note("choosing scales")
        choice = choose(symmetries, self.evidence(form, own))
        if form is None:
            found = assemble.of_symmetries(model, choice.scales, self.numbers)
        else:
            found = assemble.of_terms(form, choice.scales, self.numbers, model)
        return self.result(form, own, choice, found)

    def look(self) -> None:
        """Question, run and slow time, as far as they can be had."""
        self.run_of_source: Trajectory | None = None
        try:
            if self.scales is None and 0 < self.kernel.size <= MEASURED:
                self.scales = measure(self.model, self.question)
            if self.scales is not None:
                self.question, self.run_of_source = self.scales.question, self.scales.trajectory
                return
            self.question = resolve(self.model, self.question)
        except InputError:
            raise
        except ManyscaleError as error:
            self.remarks.append(f"The model could not be run ({error}); scales are chosen without a run.")
            self.question = self.question or Question()

    def slow(self) -> float | None:
        """The slowest time scale that ends within the horizon: its median along the run."""
        if self.scales is None:
            return None
        horizon = float(self.question.horizon)  # type: ignore[union-attr, arg-type]
        found = [max((s for s in row.time_scales if s <= horizon), default=None) for row in self.scales.rows]
        known = [s for s in found if s is not None and s > 0]
        return float(np.median(known)) if known else None

    def evidence(self, form: TermForm | None, own: Symmetries) -> Evidence:
        base = self.model if form is None else form.model
        kernel = self.kernel if form is None else compile_model(base)
        run = self.trajectory(kernel)
        system = kernel.system
        if form is None:
            quantities = {q: (monomial(Symbol(q)), self.values[q]) for q in system.parameter_index if q in self.values}
        else:
            formulas = {id: f for id, f in form.formulas.items() if base[id].constant}
            quantities = {id: (self.numbers.monomial(f), float(base[id].value)) for id, f in formulas.items()}
        largest = {}
        for id in (*system.states, *(name for name, _ in system.variables)):
            values = np.abs(run[id]) if run is not None and id in run.ids else np.array([])
            values = values[np.isfinite(values)]
            largest[id] = float(values.max()) if len(values) else abs(self.values.get(id, 0.0))
        kinds: dict[tuple[int, ...], float] = {}
        for id, value in largest.items():
            kinds[own.of(id)] = max(kinds.get(own.of(id), 0.0), value)
        largest = {id: value if value > NOISE * kinds[own.of(id)] else 0.0 for id, value in largest.items()}
        horizon = self.question.horizon if self.question is not None and self.question.resolved else 0.0
        starts = {id: self.values[id] for id in system.states if np.isfinite(self.values.get(id, np.nan))}
        return Evidence(run, quantities, starts, self.laws(own), {} if form is None else form.terms, largest,
                        system.states, self.slow(), self.question.entry * float(horizon or 0.0))  # type: ignore[union-attr]  # fmt: skip

    def trajectory(self, kernel: Kernel) -> Trajectory | None:
        question = self.question
        if question is None or not question.resolved or not kernel.size:
            return None
        horizon = float(question.horizon)  # type: ignore[arg-type]
        times = np.unique(np.concatenate([[0.0], np.geomspace(1e-6, 1.0, 80) * horizon, np.linspace(0, horizon, 161)]))
        try:
            return simulate_ode(kernel, times, rtol=1e-5, max_steps=500_000)
        except ManyscaleError as error:
            partial = getattr(error, "partial", None)
            return partial if partial is not None and len(partial.times) > 2 else None

    def laws(self, own: Symmetries) -> list[tuple[ConservationLaw, Monomial]]:
        """Conserved totals of species that are values of one kind in one compartment, with their formulas: a constant
        of the model that has this value and scales alike, where there is one, else the sum of initial values."""
        found = []
        constants = {k: v for k, v in self.values.items() if k in self.kernel.system.parameter_index and v > 0}
        for law in conservation.laws(self.model, self.kernel.system):
            parts = [self.model.by_id.get(s) for s in law.species]
            if law.trivial or not law.semi_positive or self.model.conversion_factor:
                continue
            if not all(isinstance(p, Species) and not p.conversion_factor for p in parts):
                continue
            if len({(p.only_substance, None if p.only_substance else p.compartment) for p in parts}) > 1:  # type: ignore[union-attr]
                continue
            value = law.total(self.values)
            inside = [mul(float(c), start(s)) for s, c in law.coefficients.items() if self.values[s] > 0]
            same = [k for k, v in constants.items() if np.isclose(v, value, rtol=1e-9, atol=0) and
                    (own.of(k) == own.of(law.species[0]) or self.same_unit(k, law.species[0]))]  # fmt: skip
            if inside:
                found.append((law, monomial(Symbol(same[0]) if same else add(*inside))))
        return found

    def same_unit(self, one: str, other: str) -> bool:
        """Whether both ids have a declared unit with a dimension, and the same."""
        declared = Declarations(self.model)
        if one not in self.model:
            return False
        first, second = declared.of(one).unit, declared.of(other).unit
        return first is not None and second is not None and first.same(second) and not first.dimensionless

    def result(self, form: TermForm | None, own: Symmetries, choice: Choice, found: Assembled) -> Nondimensionalization:
        model = self.model
        variables = [*self.kernel.system.states, *(name for name, _ in self.kernel.system.variables)]
        variables += [s.id for s in model.species if form is None and s.id not in variables]
        variables = [id for id in variables if id in found.model and id in self.values]
        scales = {id: self.scale(id, choice.scales.get(id, Monomial())) for id in variables}
        time = self.scale(TIME, choice.scales.get(TIME, Monomial()))
        units = {id: self.unit_id(id) for id in (TIME, *scales)}
        exprs = {s.id: (s.expression, s.value) for s in (time, *scales.values())}
        coarse, ids = with_scales(found, exprs, units, model)
        coarse = coarse.replace(id=f"{model.id}_dimensionless", name=f"{model.name or model.id}, without dimensions")
        parameters = {id: at_start(f) for id, f in found.parameters.items()}
        parameters |= {ids[id]: at_start(f) for id, (f, _) in exprs.items()}
        given = groups.given(model, own, self.values, self.kernel.system)
        invariants = groups.invariants(own, given)
        if len(given) > groups.MOST:
            self.remarks.append(f"With {len(given)} given quantities the groups are counted, not listed.")
        return Nondimensionalization(
            model=coarse,
            source=model,
            form="symmetries" if form is None else "terms",
            time=time,
            scales=scales,
            groups=self.groups(form, found),
            thresholds=() if form is None else small.thresholds(form, found, model),
            small=self.small(form, found, invariants, time),
            invariants=tuple(
                DimensionlessGroup(f"invariant_{k}", str(g), self.numbers.of(g.expression()), "", g.expression())
                for k, g in enumerate(invariants, 1)
            ),
            count=groups.count(model, own, given),
            question=self.question or Question(),
            equations={} if form is None else _equations(coarse),
            reasons=choice.reasons,
            remarks=tuple(self.remarks),
            parameters=parameters,
            scale_ids=ids,
            difference=self.checked(coarse, parameters, scales, time),
        )

    def scale(self, id: str, scale: Monomial) -> Scale:
        return Scale(id, str(scale), self.numbers.of(scale.expression()), self.unit_words(id), scale.expression())

    def unit_words(self, id: str) -> str:
        declared = Declarations(self.model)
        unit = declared.time if id == TIME else declared.of(id).unit
        return "" if unit is None else unit_text(unit)

    def unit_id(self, id: str) -> str | None:
        """The unit definition of the source that a scale has, where there is one of its size."""
        declared = Declarations(self.model)
        unit = declared.time if id == TIME else declared.of(id).unit
        if unit is None:
            return None
        return next((name for name, one in declared.defined.items() if one is not None and one.same(unit)), None)

    def groups(self, form: TermForm | None, found: Assembled) -> tuple[DimensionlessGroup, ...]:
        said = (lambda id: "") if form is None else small.meanings(form, found, self.model)
        rows = []
        for id, formula in found.parameters.items():
            value = self.numbers.of(formula)
            rows.append(DimensionlessGroup(id, shown(formula), value, said(id), formula))
        return tuple(rows)

    def small(self, form, found: Assembled, invariants, time: Scale):
        self.note("ranking small parameters")
        rows = small.of_lattice(invariants, self.numbers)
        if form is not None:
            unit = f"the unit of time, {time.formula}"
            rows += small.of_terms(form, found, self.kernel.system.states, self.model, unit)
        box = self.question.box if self.question is not None else {}
        motifs = () if self.scales is None else self.scales.groups
        return small.ranked(rows, motifs, small.over_region(box if rows else {}, self.values_at))

    def values_at(self, point: Mapping[str, float]) -> dict[str, float] | None:
        try:
            y, p = self.kernel.initial(point)
            return self.kernel.values(0.0, y, p)
        except (ManyscaleError, ArithmeticError):
            return None

    def checked(self, coarse: Model, parameters: Mapping[str, Expr], scales: Mapping[str, Scale], time: Scale) -> float:
        """Largest difference of right-hand sides at random states, relative to their largest. Raises InputError above
        rounding: a result that is not the model must not leave here."""
        fine, other = self.kernel, compile_model(coarse)
        states = fine.system.states
        random = np.random.default_rng(1_915)
        worst = 0.0
        for k in range(POINTS):
            largest = {
                id: max(abs(self.values.get(id, 0.0)), scales[id].value if id in scales else 1.0) for id in states
            }
            moved = {id: largest[id] * (1.0 if k == 0 else random.uniform(0.5, 1.5)) for id in states
                     if id in fine.names and id not in {states[i] for i, _ in fine.system.algebraic}}  # fmt: skip
            t = 0.0 if k == 0 else float(random.uniform(0.1, 2.0)) * time.value
            worst = max(worst, self.gap(other, moved, scales, time, t))
        if not worst <= CHECKED:
            raise InputError(
                f"the scaled equations differ from those of the model by {worst:.2g}; this is a fault of manyscale, and "
                "nothing is given back"
            )
        return worst

    def gap(self, other: Kernel, moved: Mapping[str, float], scales: Mapping[str, Scale], time: Scale, t: float):
        fine = self.kernel
        y, p = fine.initial(moved)
        yc, q = other.initial({id: value / scales[id].value for id, value in moved.items() if id in scales})
        place = {id: i for i, id in enumerate(other.system.states)}
        index = [place[id] for id in fine.system.states]
        with np.errstate(all="ignore"):
            ratio = y / yc[index]
        known = np.array([scales[id].value if id in scales else 1.0 for id in fine.system.states])
        ratio = np.where(np.isfinite(ratio) & (ratio != 0), ratio, known)
        a = fine.rhs(t, y, p)
        b = other.rhs(t / time.value, yc, q)[index] * ratio / time.value
        mass = fine.mass(p)  # rows without any are conditions, not rates of change
        rows = np.arange(fine.size) if mass is None else np.flatnonzero(mass.any(axis=1))
        a, b = a[rows], b[rows]
        good = np.isfinite(a) & np.isfinite(b)
        if (np.isfinite(a) != np.isfinite(b)).any():
            return float("inf")
        size = np.maximum(_term_sizes(fine, y, p, t)[rows], np.abs(a))
        with np.errstate(all="ignore"):
            gap = np.abs(a - b) / np.where(size > 0, size, 1.0)
        return float(gap[good].max(initial=0.0))


def _term_sizes(kernel: Kernel, y: np.ndarray, p: np.ndarray, t: float) -> np.ndarray:
    """Sum of the sizes of what is added up in each right-hand side, shape (n,): what rounding is relative to."""
    rates = np.abs(kernel.rates(t, y, p))
    total = np.zeros(kernel.size)
    for i, j, value in kernel.system.balance:
        total[i] += abs(float(value)) * rates[j]
    factors = np.abs(np.asarray(kernel.evaluate(kernel.system.row_factors, t, y, p), dtype=float))
    sizes = np.nan_to_num(total * factors)
    within = np.nan_to_num(np.abs(kernel.jacobian(t, y, p)) @ np.abs(y))  # of terms that cancel inside one rate
    return np.maximum(sizes, np.where(np.isfinite(within), within, 0.0))


def _equations(model: Model) -> dict[str, str]:
    """The rules of a model as people write them."""
    return {f"{r.variable}'" if r.kind == "rate" else str(r.variable): shown(r.formula) for r in model.rules}
