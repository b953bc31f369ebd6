"""The core's slow-scale paths with laws made where a path comes for the first time."""

from __future__ import annotations

import numpy as np

from manyscale import _core
from manyscale.engines.fast_blocks import Conditional, Division, Laws, NoLaw
from manyscale.errors import InputError
from manyscale.kernels.compiled import int_array, ragged


class SlowNetwork:
    """Paths of the slow reactions of a division for given parameters; `laws`: how many were made; `layer`: relaxation time
    of the start; `late`: what it costs, per block, as relative error times time."""

    def __init__(self, division: Division, p: np.ndarray, scale: np.ndarray, most: int):
        self.division, self.laws = division, 0
        self._laws = Laws(division, p, scale, most)
        code, blocks = division.code, division.blocks
        self.known: list[dict] = [{} for _ in blocks]  # totals -> nodes
        self.made: list[list[Conditional]] = [[] for _ in blocks]
        slow = [code.reactions[j] for j in division.slow]
        fast = division.fast_states
        reactants = [
            [i for i in sorted(one.reactants) if i not in fast] if division.table(j) else []
            for j, one in zip(division.slow, slow)
        ]
        own = [[(i, n) for i, n in one.change if i not in fast] for one in slow]
        self.core = _core.SlowScale(
            code.kernel.size, self._constants(p), *ragged(reactants), *ragged([[i for i, _ in x] for x in own]),
            int_array([n for x in own for _, n in x]),
            *ragged([self._read_blocks(j) for j in division.slow]),
            *ragged([[b for b, x in enumerate(blocks) if any(i in x.species for i, _ in one.change)] for one in slow]),
            *ragged([block.changed for block in blocks]),
        )  # fmt: skip

    def _read_blocks(self, j: int) -> list[int]:
        division = self.division
        if not division.table(j):
            return [division.block_of(j)]  # type: ignore[list-item]
        reactants = set(division.code.reactions[j].reactants)
        return [b for b, block in enumerate(division.blocks) if reactants & set(block.changed)]

    def _constants(self, p: np.ndarray) -> np.ndarray:
        division, kernel = self.division, self.division.code.kernel
        tables = [j for j in division.slow if division.table(j)]
        formulas = tuple(division.code.reactions[j].constant for j in tables)
        values = dict(zip(tables, kernel.evaluate(formulas, 0.0, np.zeros(kernel.size), p))) if formulas else {}  # type: ignore[arg-type]
        for j, value in values.items():
            if not (np.isfinite(value) and value >= 0.0):
                name = division.code.reactions[j].reaction
                raise InputError(
                    f"reaction {name}: its rate constant is {value:g}; give a finite one that is not negative"
                )
        return np.array([values.get(j, 1.0) for j in division.slow], dtype=float)

    def _node(self, b: int, counts: np.ndarray) -> int:
        """The node of a block for these molecules of its species. Errors: NoLaw."""
        block = self.division.blocks[b]
        key = block.key(counts)
        for found in self.known[b].get(key, ()):
            if self.made[b][found].law.holds(counts[None, :]):
                return found
        here = self._laws.conditional(b, counts)
        place = [block.species.index(i) for i in block.changed]
        node = self.core.add(
            b, here.factor, here.variation, here.law.relaxation, np.cumsum(here.law.probabilities),
            np.ascontiguousarray(here.law.states[:, place]),
        )  # fmt: skip
        self.known[b].setdefault(key, []).append(node)
        self.made[b].append(here)
        self.laws += 1
        return node

    def start(self, counts: np.ndarray, seed: int, threads: int = 1) -> None:
        """New paths from these molecules; which thread runs a path changes nothing about it. Errors: NoLaw."""
        own = [counts[list(block.species)] for block in self.division.blocks]
        nodes = [self._node(b, here) for b, here in enumerate(own)]
        laws = [self.made[b][node] for b, node in enumerate(nodes)]
        self.late = [
            self._laws.start_deviation(b, here, law) / law.law.relaxation
            for b, (here, law) in enumerate(zip(own, laws))
        ]
        self.layer = max((1.0 / law.law.relaxation for law in laws), default=0.0)
        self.core.start(np.ascontiguousarray(counts, dtype=float), int_array(nodes), seed, 0, threads)

    def run(self, times: np.ndarray, out: np.ndarray, budget: int, most_steps: int) -> tuple[str, int]:
        """(status, reaction) after at most `budget` jumps, or when all rows of out (path, time, state) are there; laws
        that are missing on the way are made. Errors: NoLaw."""
        begun = self.core.jumps
        while True:
            left = budget - (self.core.jumps - begun)
            status, b, node, reaction = self.core.run(times, out, max(left, 1), most_steps)
            if status != "unknown":
                return status, reaction
            here = self.made[b][node]
            if (here.likely[reaction] < 0.0).any():
                return "overdrawn", reaction
            following = self._node(b, here.likely[reaction])
            off = self._laws.deviation(b, here, reaction, self.made[b][following])
            if not np.isfinite(off):
                raise NoLaw(f"{self._name(reaction)} leaves them with separate sets of states")
            self.core.connect(b, node, reaction, following, off)
            if self.core.jumps - begun >= budget:
                return "paused", reaction

    def _name(self, reaction: int) -> str:
        return self.division.code.reactions[self.division.slow[reaction]].reaction

    def gap(self, end: float) -> float:
        """Inverse of the mean relative error of what slow reactions see, over the time of all paths so far; that of the
        start is spread over a path, which lasts until `end`."""
        elapsed = self.core.elapsed
        on_the_way = self.core.disturbed / elapsed if elapsed > 0.0 else np.zeros(len(self.late))
        error = max((here + late / end for here, late in zip(on_the_way, self.late)), default=0.0) if end > 0.0 else 0.0
        return float(1.0 / error) if error > 0.0 else np.inf
