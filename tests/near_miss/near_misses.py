"""Synthetic networks in which something looks fast and must not be eliminated, or not like that, and good siblings.

Each family is one way in which a quasi-steady-state reduction goes wrong although a time-scale gap is there to see:

- misaligned: a large gap, but the fast mode moves the "slow" species (an enzyme with inflow of its substrate);
- centre: a fast pair that rotates and hardly decays, whose square drives the slow variable (Lorenz, J. Atmos. Sci.
  43:1547, 1986, is the pure case);
- sequestration: as much enzyme (or inhibitor) as substrate, at binding rates where neither form of the quasi-steady
  state holds;
- unstable: an autocatalytic fast variable whose rest state loses its stability as the slow variable passes
  (transcritical; the loss is delayed: Schecter, SIAM J. Math. Anal. 16:1339, 1985);
- basin: a bistable fast variable, with starts in the region on both sides of the threshold;
- fold: the attracting branch ends at a fold that the slow variable reaches within the horizon;
- relaxation: a relaxation oscillator;
- fading: the fast rate itself fades along the orbit (a degraded catalyst), so that the gap closes.

A near miss is drawn with parameters at which the temptation is there; a sibling of the same family with parameters at
which the reduction is textbook. Nothing here says that a near miss must be refused: what is accepted must keep its promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import manyscale as ms


@dataclass(frozen=True)
class Case:
    """A model with its question. `threats`: points of the region (overrides) at which a naive reduction fails."""

    name: str
    family: str
    good: bool
    text: str
    question: ms.Question
    threats: tuple[dict[str, float], ...] = field(default=())


def near_misses(count: int = 100, seed: int = 0) -> list[Case]:
    """`count` near misses, the families in turn."""
    return [_draw(k, False, seed) for k in range(count)]


def siblings(count: int = 40, seed: int = 0) -> list[Case]:
    """`count` good siblings, the families in turn."""
    return [_draw(k, True, seed) for k in range(count)]


def _draw(k: int, good: bool, seed: int) -> Case:
    names = list(FAMILIES)
    family = names[k % len(names)]
    random = np.random.default_rng([seed, k, int(good)])
    text, question, threats = FAMILIES[family](random, good)
    return Case(f"{'good' if good else 'near'}_{k:03d}_{family}", family, good, text, question, threats)


Made = tuple[str, ms.Question, tuple[dict[str, float], ...]]


def _between(random: np.random.Generator, low: float, high: float) -> float:
    """Logarithmic, with few digits, so that models print well."""
    return float(f"{np.exp(random.uniform(np.log(low), np.log(high))):.3g}")


def misaligned(random: np.random.Generator, good: bool) -> Made:
    enzyme = _between(random, 0.005, 0.02) if good else _between(random, 0.05, 3)
    bind = _between(random, 5, 20) if good else _between(random, 50, 2000)
    back = _between(random, 50, 200) if good else _between(random, 1, 20)
    turn = _between(random, 50, 100) if good else _between(random, 0.5, 2)
    inflow = (0.3 if good else 0.8) * enzyme * turn
    start = 1.0 if good else 0.0
    text = f"""
    model misaligned
      compartment c = 1; species S in c, E in c, C in c, P in c;
      S = {start}; E = {enzyme}; C = 0; P = 0; kin = {inflow:.4g}; kf = {bind}; kr = {back}; kcat = {turn}; kd = 0.5;
      feed: => S; c*kin;  bind: S + E -> C; c*(kf*S*E - kr*C);  turn: C => E + P; c*kcat*C;  lose: P => ; c*kd*P;
    end
    """
    return text, ms.Question(observables=("S", "P"), horizon=10, region=1.5), ()


def centre(random: np.random.Generator, good: bool) -> Made:
    speed = _between(random, 50, 300)
    damping = speed * _between(random, 0.5, 2) if good else _between(random, 0.001, 0.3)
    text = f"""
    x' = -x + k*u^2 + 0.5;  u' = -g*(u - 0.3*x) - w*v;  v' = w*(u - 0.3*x) - g*v;
    x = 1; u = {_between(random, 0.8, 1.5)}; v = 0.1; w = {speed}; g = {damping:.4g}; k = {_between(random, 0.5, 2)};
    """
    return text, ms.Question(observables=("x",), horizon=5, region=1.3), ()


def sequestration(random: np.random.Generator, good: bool) -> Made:
    substrate = _between(random, 1, 10)
    enzyme = substrate * (_between(random, 0.001, 0.005) if good else _between(random, 0.02, 2))
    bind = 20.0 / substrate if good else 1.0 / substrate
    turn = 20.0 if good else _between(random, 0.5, 1.5)
    back = 20.0 if good else _between(random, 0.001, 0.1)
    horizon = 5.0 * substrate / (turn * enzyme) if good else 8.0
    text = f"""
    model sequestration
      compartment c = 1; species S in c, E in c, C in c, P in c, I in c, D in c;
      S = {substrate}; E = {enzyme:.4g}; C = 0; P = 0; I = {0.5 * enzyme:.4g}; D = 0;
      k1 = {bind:.4g}; k2 = {back:.4g}; k3 = {turn:.4g}; k4 = {bind:.4g}; k5 = {max(back, 0.1 * turn):.4g};
      bind: S + E -> C; c*(k1*S*E - k2*C);  turn: C => E + P; c*k3*C;  block: E + I -> D; c*(k4*E*I - k5*D);
    end
    """
    return text, ms.Question(observables=("S", "P"), horizon=round(horizon, 3), region=1.5), ()


def unstable(random: np.random.Generator, good: bool) -> Made:
    eps = _between(random, 0.005, 0.02)
    top = 0.4 if good else _between(random, 0.75, 2.5)
    text = f"""
    z' = r*(top - z);  y' = (y*(z - 1 - y) + h)/eps;  p' = y - 0.2*p;
    z = 0.1; y = {_between(random, 0.05, 0.2)}; p = 0.1; r = 1; top = {top}; eps = {eps};
    h = {0.01 if good else _between(random, 1e-9, 1e-4)};
    """
    return text, ms.Question(observables=("y", "p"), horizon=6, region=1.2), ({"top": 1.2 * top},)


def basin(random: np.random.Generator, good: bool) -> Made:
    """y' = (b + V y^4/(1 + y^4) - d y)/eps: bistable for d of about V/2, monostable where b feeds it alone."""
    eps = _between(random, 0.0003, 0.001) if good else _between(random, 0.001, 0.01)
    rise = 0.2 if good else 2.0
    threshold = 0.86  # of the middle root at b = 0.05, V = 2, d = 1.2 z, z = 1
    start = threshold * (_between(random, 0.45, 0.8) if random.random() < 0.5 else _between(random, 1.3, 2.2))
    text = f"""
    z' = 0.5*(1 + 0.2*q - z);  y' = (b + V*y^4/(1 + y^4) - d*z*y)/eps;  q' = y - q;
    z = 1; y = {start:.4g}; q = 0.2; b = 0.05; V = {rise}; d = 1.2; eps = {eps};
    """
    side = 1 / 1.5 if start > threshold else 1.5
    return text, ms.Question(observables=("q", "z"), horizon=8, region=1.5), ({"y": start * side, "d": 1.2},)


def fold(random: np.random.Generator, good: bool) -> Made:
    """The lower branch of z = y^3/3 - y ends at y = -1, z = 2/3."""
    eps = _between(random, 0.005, 0.02)
    goal = -0.6 if good else _between(random, 0.5, 1.6)
    text = f"""
    z' = r*(goal - z);  y' = (y - y^3/3 + z)/eps;  p' = 2 + y - p;
    z = -1.2; y = -2; p = 0.3; r = {_between(random, 0.7, 1.2)}; goal = {goal}; eps = {eps};
    """
    return text, ms.Question(observables=("y", "p"), horizon=5, region=1.15), ()


def relaxation(random: np.random.Generator, good: bool) -> Made:
    """FitzHugh-Nagumo (Biophys. J. 1:445, 1961): oscillates between the folds, rests where the current is small."""
    eps = _between(random, 0.001, 0.005) if good else _between(random, 0.003, 0.08)
    current = 0.0 if good else _between(random, 0.2, 0.6)
    text = f"""
    v' = (v - v^3/3 - w + I)/eps;  w' = v + a - b*w;
    v = -1.7; w = -0.2; I = {current}; a = {1.0 if good else 0.7}; b = 0.8;
    eps = {eps};
    """
    return text, ms.Question(observables=("w",), horizon=4 if good else 10, region=1.1), ()


def fading(random: np.random.Generator, good: bool) -> Made:
    loss = 0.01 if good else _between(random, 0.1, 1.5)
    text = f"""
    model fading
      compartment c = 1; species A in c, Y in c, X in c, P in c;
      A = 1; Y = 0; X = 2; P = 0; k = {_between(random, 200, 600)}; m = {_between(random, 100, 300)}; loss = {loss};
      s = {_between(random, 0.5, 1.5)}; d = 0.4;
      make: X => Y; c*k*A*X*d;  back: Y => X; c*m*A*Y;  decay: A => ; c*loss*A;
      use: Y => P; c*s*Y;  feed: => X; c*0.3;
    end
    """
    return text, ms.Question(observables=("X", "Y", "P"), horizon=10, region=1.5), ()


FAMILIES: dict[str, Callable[[np.random.Generator, bool], Made]] = {
    "misaligned": misaligned, "centre": centre, "sequestration": sequestration, "unstable": unstable,
    "basin": basin, "fold": fold, "relaxation": relaxation, "fading": fading,
}  # fmt: skip
