"""Blocks of fast reactions, and what slow reactions see of them: means of propensities over conditional laws."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from manyscale.engines.stationary import Law, NoLaw, chain_law, enumerated_law
from manyscale.kernels.propensity_code import PropensityCode
from manyscale.model.expr import Expr, symbols
from manyscale.model.structure import ConservationLaw, conservation_laws

UNLIKELY = 1e-12  # share of the largest probability below which it does not matter where a state leads
TOLD = 8  # ids in one message


@dataclass
class Block:
    """`species`: states that it knows, of which its fast reactions change `changed`; `reactions`: the fast ones."""

    species: tuple[int, ...]
    changed: tuple[int, ...]
    reactions: tuple[int, ...]
    totals: tuple[ConservationLaw, ...] = ()
    weights: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))  # of the species in the totals
    width: int = 32  # of the last law, a guess for the next

    def key(self, counts: np.ndarray) -> tuple[float, ...]:
        """The totals of these numbers of molecules (of `species`)."""
        return tuple(self.weights @ counts)


def read_states(code: PropensityCode, formula: Expr) -> set[int]:
    """States that a formula depends on."""
    system, found = code.kernel.system, set()
    stack, seen = list(symbols(formula)), set()
    while stack:
        name = stack.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in system.state_index:
            found.add(system.state_index[name])
        elif name in system.definitions:
            stack.extend(symbols(system.definitions[name]))
    return found


@dataclass(frozen=True)
class Division:
    """A network divided into fast reactions and slow ones (indices into `code.reactions`)."""

    code: PropensityCode
    fast: frozenset[int]

    @cached_property
    def slow(self) -> tuple[int, ...]:
        return tuple(j for j in range(len(self.code.reactions)) if j not in self.fast)

    @cached_property
    def fast_states(self) -> frozenset[int]:
        return frozenset(i for j in self.fast for i, _ in self.code.reactions[j].change)

    @cached_property
    def reads(self) -> tuple[frozenset[int], ...]:
        """States that each propensity depends on."""
        return tuple(frozenset(read_states(self.code, one.formula)) for one in self.code.reactions)

    def table(self, j: int) -> bool:
        """Whether a propensity is a constant times a number of ways to choose molecules."""
        one = self.code.reactions[j]
        return one.constant is not None and self.reads[j] <= set(one.reactants)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Fast species that fast reactions connect, and slow species in laws that are no table."""
        groups = [
            {i for i, _ in self.code.reactions[j].change} | (self.reads[j] & self.fast_states)
            for j in sorted(self.fast)
        ]
        groups += [set(self.reads[j] & self.fast_states) for j in self.slow if not self.table(j)]
        found = []
        for changed in _connected(groups):
            own = tuple(sorted(j for j in self.fast if any(i in changed for i, _ in self.code.reactions[j].change)))
            species = set(changed).union(*(self.reads[j] for j in own))
            for j in self.slow:
                if not self.table(j) and self.reads[j] & changed:
                    species |= self.reads[j]
            found.append(self._block(species, changed, own))
        general = {self.reads[j] for j in self.slow if not self.table(j) and not self.reads[j] & self.fast_states}
        found += [self._block(set(species), set(), ()) for species in sorted(general, key=sorted)]
        return tuple(found)

    def _block(self, species: set[int], changed: set[int], reactions: tuple[int, ...]) -> Block:
        order = tuple(sorted(species))
        place = {i: k for k, i in enumerate(order)}
        entries = [(place[i], j, Fraction(n)) for j in reactions for i, n in self.code.reactions[j].change]
        totals = conservation_laws(entries, [self.code.kernel.system.states[i] for i in order])
        names = [self.code.kernel.system.states[i] for i in order]
        weights = np.array([[float(law.coefficients.get(name, 0)) for name in names] for law in totals])
        return Block(order, tuple(sorted(changed)), reactions, totals, weights.reshape(len(totals), len(order)))

    def block_of(self, j: int) -> int | None:
        """The block in which a law that is no table is averaged."""
        if self.table(j):
            return None
        wanted = self.reads[j] & self.fast_states
        for b, block in enumerate(self.blocks):
            if wanted <= set(block.changed) if wanted else not block.changed and set(block.species) == self.reads[j]:
                return b
        raise AssertionError("every such law has a block")

    def ids(self, reactions: Iterable[int]) -> tuple[str, ...]:
        """Reactions by id."""
        return tuple(dict.fromkeys(self.code.reactions[j].reaction for j in sorted(reactions)))


def _connected(groups: Iterable[set[int]]) -> list[set[int]]:
    result: list[set[int]] = []
    for group in groups:
        if not group:
            continue
        touching = [one for one in result if one & group]
        result = [one for one in result if not one & group] + [set(group).union(*touching)]
    return sorted(result, key=min)


@dataclass(frozen=True)
class Conditional:
    """A block with its totals given. Per slow reaction: `factor` (mean of what the block brings to its propensity),
    `variation` (variance over mean squared), `likely` (molecules of the block's species when it fires, most likely)."""

    law: Law
    factor: np.ndarray
    variation: np.ndarray
    likely: Mapping[int, np.ndarray]


class Laws:
    """Conditional laws of the blocks of a division, for given parameters."""

    def __init__(self, division: Division, p: np.ndarray, scale: np.ndarray, most: int):
        self.division, self.p, self.scale, self.most = division, p, scale, most
        code = division.code
        self.changes = code.changes()
        self.averaged = {j: division.block_of(j) for j in division.slow}
        self.chains = [self._direction(block) for block in division.blocks]
        self.points = np.zeros((1, code.kernel.size))

    def _direction(self, block: Block):
        """(step, forward, backward, whether the law has one peak) where one pair of changes is all there is."""
        if not block.reactions:
            return None
        step = self.changes[block.reactions[0]][list(block.species)]
        forward, backward = [], []
        for j in block.reactions:
            own = self.changes[j][list(block.species)]
            if not (own == step).all() and not (own == -step).all():
                return None
            (forward if (own == step).all() else backward).append(j)
        if not backward:
            return None
        used = {i for i, v in zip(block.species, step) if v < 0}
        made = {i for i, v in zip(block.species, step) if v > 0}
        table = all(self.division.table(j) for j in block.reactions)
        falls = all(not self.division.reads[j] & made for j in forward)
        rises = all(not self.division.reads[j] & used for j in backward)
        return step, forward, backward, table and falls and rises

    def _propensities(self, block: Block, reactions: Iterable[int], states: np.ndarray) -> np.ndarray:
        points = np.zeros((len(states), self.division.code.kernel.size))
        points[:, block.species] = states
        return self.division.code.propensities(points, self.p, self.scale)[list(reactions)]

    def law(self, b: int, counts: np.ndarray) -> Law:
        """Stationary law of a block around these molecules of its species. Errors: NoLaw."""
        block, chain = self.division.blocks[b], self.chains[b]
        if not block.reactions:
            return Law(counts[None, :].copy(), np.ones(1), np.inf)
        if chain is not None:
            step, forward, backward, falling = chain

            def both(states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
                values = self._propensities(block, (*forward, *backward), states)
                return values[: len(forward)].sum(axis=0), values[len(forward) :].sum(axis=0)

            law = chain_law(counts, step, both, self.most, falling, block.width)
            if law is not None:
                block.width = max(8, len(law.probabilities))
                return law
        steps = self.changes[list(block.reactions)][:, list(block.species)]
        return enumerated_law(counts, steps, lambda x: self._propensities(block, block.reactions, x), self.most)

    def conditional(self, b: int, counts: np.ndarray) -> Conditional:
        """The block at its law, as the slow reactions see it. Errors: NoLaw."""
        division, block = self.division, self.division.blocks[b]
        law = self.law(b, counts)
        count = len(division.slow)
        factor, variation, likely = np.ones(count), np.zeros(count), {}
        values = self._seen(b, law.states)
        for k, j in enumerate(division.slow):
            seen = values.get(k)
            weight = law.probabilities if seen is None else law.probabilities * seen
            if seen is not None:
                factor[k] = mean = weight.sum()
                if mean > 0.0:
                    variation[k] = max(float(weight @ seen) / mean**2 - 1.0, 0.0)
            change = self.changes[j][list(block.species)]
            if change.any() and weight.max() > 0.0:
                likely[k] = law.states[int(np.argmax(weight))] + change
        return Conditional(law, factor, variation, likely)

    def _seen(self, b: int, states: np.ndarray) -> dict[int, np.ndarray]:
        """What the block brings to the propensities of the slow reactions that read it, at these states."""
        division, block = self.division, self.division.blocks[b]
        place = {i: k for k, i in enumerate(block.species)}
        general = [k for k, j in enumerate(division.slow) if self.averaged[j] == b]
        rows = self._propensities(block, [division.slow[k] for k in general], states) if general else ()
        found = dict(zip(general, rows))
        for k, j in enumerate(division.slow):
            if self.averaged[j] is None:
                ways = self._ways(block, place, j, states)
                if ways is not None:
                    found[k] = ways
        return found

    def deviation(self, b: int, before: Conditional, k: int, after: Conditional) -> float:
        """How far a slow reaction leaves the block from its law after it: largest share of a mean that is read, and of
        the spread of a species (at most one). Infinite where it can leave it in another class of states."""
        block = self.division.blocks[b]
        if not block.reactions:
            return 0.0
        own = self._seen(b, before.law.states).get(k)
        weight = before.law.probabilities if own is None else before.law.probabilities * own
        weight = weight / weight.sum()
        states = before.law.states + self.changes[self.division.slow[k]][list(block.species)]
        if not after.law.holds(states[weight > UNLIKELY * weight.max()]):
            return np.inf
        return self._off(b, weight, np.maximum(states, 0.0), after)  # below zero the weight is zero

    def start_deviation(self, b: int, counts: np.ndarray, law: Conditional) -> float:
        """The same for a start from these molecules of the block's species."""
        return self._off(b, np.ones(1), counts[None, :], law) if self.division.blocks[b].reactions else 0.0

    def _off(self, b: int, weight: np.ndarray, states: np.ndarray, after: Conditional) -> float:
        found = [0.0]
        for other, seen in self._seen(b, states).items():
            if after.factor[other] > 0.0:
                found.append(abs(float(weight @ seen) / after.factor[other] - 1.0))
        mean = after.law.probabilities @ after.law.states
        spread = np.sqrt(np.maximum(after.law.probabilities @ after.law.states**2 - mean**2, 0.0))
        off = np.abs(weight @ states - mean)
        moving = off > 1e-9 * (1.0 + mean)
        return max([*found, *np.minimum(off[moving] / np.maximum(spread[moving], 1e-9), 1.0)])

    def _ways(self, block: Block, place: Mapping[int, int], j: int, states: np.ndarray) -> np.ndarray | None:
        """Numbers of ways to choose the fast reactants of a slow reaction that are in this block."""
        reactants = [i for i in self.division.code.reactions[j].reactants if i in block.changed]
        if not reactants:
            return None
        product = np.ones(len(states))
        for i in set(reactants):
            for drawn in range(reactants.count(i)):
                product *= np.maximum(states[:, place[i]] - drawn, 0.0)
        return product


def listed(ids: Iterable[str]) -> str:
    """Ids in a message, not too many."""
    ids = list(ids)
    return ", ".join(ids[:TOLD]) + (f" and {len(ids) - TOLD} more" if len(ids) > TOLD else "")


__all__ = ["Block", "Conditional", "Division", "Laws", "NoLaw", "listed"]
