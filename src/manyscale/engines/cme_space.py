"""Finite sets of states of a jump process, and the generator of its master equation on them.

What leaves the set is lost, so that probabilities on it are lower bounds, and what is missing bounds the error (finite
state projection: Munsky & Khammash, J. Chem. Phys. 124:044104, 2006).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from manyscale.errors import InputError, SimulationError

Propensities = Callable[[np.ndarray], np.ndarray]  # (states, species) -> (reactions, states)


class StateSpace:
    """States as rows of numbers of molecules, `counts` (n, species), and where each reaction leads from each of them.

    propensities: of reactions at rows of counts. changes: (reactions, species). limits: largest number by species index.
    """

    def __init__(self, propensities: Propensities, changes: np.ndarray, start: np.ndarray,
                 limits: Mapping[int, int] | None = None):  # fmt: skip
        self.propensities = propensities
        self.changes = np.asarray(changes, dtype=np.int64)
        self.limits = dict(limits or {})
        self.weights = np.random.default_rng(20_061).integers(1, 2**63, size=self.changes.shape[1], dtype=np.int64) | 1
        self.steps = self._keys(self.changes)
        self.size = 0
        self._counts = np.empty((0, self.changes.shape[1]), dtype=np.int64)
        self._keys_of = np.empty(0, dtype=np.int64)
        self._rates_of = np.empty((0, len(self.changes)))
        self.order = np.empty(0, dtype=np.int64)  # positions by ascending key
        self.ascending = np.empty(0, dtype=np.int64)
        self.add(np.atleast_2d(np.asarray(start, dtype=np.int64)))

    def __len__(self) -> int:
        return self.size

    def _keys(self, counts: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):
            return (counts * self.weights).sum(axis=1)  # linear, so that keys of neighbours are sums (modulo 2^64)

    def find(self, counts: np.ndarray, keys: np.ndarray | None = None) -> np.ndarray:
        """Position of each row, -1 for those that are not in the set."""
        keys = self._keys(counts) if keys is None else keys
        if not len(self.keys):
            return np.full(len(counts), -1)
        place = np.minimum(np.searchsorted(self.ascending, keys), len(self.ascending) - 1)
        found = np.where(self.ascending[place] == keys, self.order[place], -1)
        inside = found >= 0
        if (self.counts[found[inside]] != counts[inside]).any():
            raise SimulationError("two states have the same key; this should never happen, please report the model")
        return found

    def add(self, counts: np.ndarray) -> int:
        """Take in rows that are not there yet; how many were new."""
        if len(counts) == 0:
            return 0
        keys = self._keys(counts)
        keys, first = np.unique(keys, return_index=True)
        counts = counts[first]
        new = self.find(counts, keys) < 0
        if not new.any():
            return 0
        keys, before = keys[new], len(self)
        self._append(counts[new], keys)
        place = np.searchsorted(self.ascending, keys)
        self.ascending = np.insert(self.ascending, place, keys)
        self.order = np.insert(self.order, place, before + np.arange(len(keys)))
        return len(keys)

    def _append(self, counts: np.ndarray, keys: np.ndarray) -> None:
        """Rows at the end, with room for more, so that growing layer by layer takes linear time."""
        rates, size = self._rates(counts), self.size + len(counts)
        if size > len(self._counts):
            room = max(2 * len(self._counts), size)
            self._counts = _longer(self._counts, room)
            self._keys_of = _longer(self._keys_of, room)
            self._rates_of = _longer(self._rates_of, room)
        self._counts[self.size : size], self._keys_of[self.size : size] = counts, keys
        self._rates_of[self.size : size] = rates.T
        self.size = size

    @property
    def counts(self) -> np.ndarray:
        """Numbers of molecules, (states, species)."""
        return self._counts[: self.size]

    @property
    def keys(self) -> np.ndarray:
        return self._keys_of[: self.size]

    @property
    def rates(self) -> np.ndarray:
        """Propensities, (reactions, states)."""
        return self._rates_of[: self.size].T

    def _rates(self, counts: np.ndarray) -> np.ndarray:
        rates = self.propensities(counts)
        bad = ~(np.isfinite(rates) & (rates >= 0.0))
        if bad.any():
            j, k = np.argwhere(bad)[0]
            raise SimulationError(
                f"propensity {j} is {rates[j, k]:g} at {counts[k].tolist()} molecules; a jump process needs laws that are "
                "never negative"
            )
        return rates

    def neighbours(self, members: np.ndarray) -> np.ndarray:
        """Rows that some reaction reaches from these positions, and that are not in the set."""
        found = []
        for j, change in enumerate(self.changes):
            going = members[self.rates[j, members] > 0.0]
            rows = self.counts[going] + change
            allowed = (rows >= 0).all(axis=1)
            for i, most in self.limits.items():
                allowed &= rows[:, i] <= most
            rows = rows[allowed]
            found.append(rows[self.find(rows) < 0])
        return np.concatenate(found) if found else self.counts[:0]

    def grow(self, members: np.ndarray, layers: int = 1, most: int = 2**62) -> int:
        """Take in what is within so many jumps of these positions; how many states were new."""
        total = 0
        for _ in range(layers):
            before = len(self)
            rows = self.neighbours(members)
            if before + len(rows) > most + len(rows) // 2 and len(rows):
                rows = rows[: max(most - before, 0)]
            new = self.add(rows)
            total += new
            if not new or len(self) >= most:
                break
            members = np.arange(before, len(self))
        return total

    def keep(self, members: np.ndarray) -> None:
        """Leave out every other state."""
        self._counts, self._keys_of = self.counts[members].copy(), self.keys[members].copy()
        self._rates_of = self._rates_of[: self.size][members]
        self.size = len(members)
        self.order = np.argsort(self.keys, kind="stable")
        self.ascending = self.keys[self.order]

    def transitions(self, j: int, members: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """(positions from which reaction j can happen, where it leads from each: a position, or -1 for outside)."""
        members = np.arange(len(self)) if members is None else members
        going = members[self.rates[j, members] > 0.0]
        return going, self.find(self.counts[going] + self.changes[j], self.keys[going] + self.steps[j])

    def flow(self, reactions: Iterable[int]):
        """(CSR matrix of jumps by some reactions that stay in the set, rate at which they lead out of each state).

        Columns of the matrix add up to zero: dp/dt = (matrix - diag(leak)) p loses what leaves."""
        from scipy.sparse import csr_matrix

        n = len(self)
        everywhere, leaves, leak = np.arange(n), np.zeros(n), np.zeros(n)
        rows, columns, values = [], [], []
        for j in reactions:
            if not self.changes[j].any():
                continue
            going, target = self.transitions(j)
            rate, inside = self.rates[j, going], target >= 0
            rows.append(target[inside])
            columns.append(going[inside])
            values.append(rate[inside])
            leaves[going[inside]] += rate[inside]
            leak[going[~inside]] += rate[~inside]
        entries = np.concatenate([*values, -leaves])
        at = np.concatenate([*rows, everywhere]), np.concatenate([*columns, everywhere])
        matrix = csr_matrix((entries, at), shape=(n, n))
        matrix.sum_duplicates()
        return matrix, leak

    def generator(self, *, reflect: bool = False):
        """(CSR matrix Q with dp/dt = Q p, rate at which each state is left for states outside).

        reflect: jumps to the outside do not happen instead of losing probability."""
        from scipy.sparse import diags

        matrix, leak = self.flow(range(len(self.changes)))
        return (matrix if reflect else (matrix - diags(leak)).tocsr()), leak


def _longer(array: np.ndarray, room: int) -> np.ndarray:
    found = np.empty((room, *array.shape[1:]), dtype=array.dtype)
    found[: len(array)] = array
    return found


def check_limits(limits: Mapping[str, int] | None, index: Mapping[str, int]) -> dict[int, int]:
    """Largest numbers of molecules by position. Errors: InputError for unknown names and impossible limits."""
    found = {}
    for id, most in (limits or {}).items():
        if id not in index:
            raise InputError(f"limits: {id!r} is no species that reactions change; those are {', '.join(index)}")
        if not float(most).is_integer() or most < 0:
            raise InputError(f"limits: {id}={most!r}; give a whole number of molecules")
        found[index[id]] = int(most)
    return found
