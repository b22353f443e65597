"""Two or more ways of measuring one thing, interleaved in random order, and how they compare."""

import random
from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from vocabulary import Better, Clock, Metric, Samples, Source

Way = Callable[[], NDArray[np.float64]]


def interleaved(rounds: int, ways: Mapping[str, Way], seed: int) -> dict[str, list[NDArray[np.float64]]]:
    """Every way once a round, in an order shuffled by ``seed``: of each, what it measured by round."""
    rng = random.Random(f"kxbench agreement {seed}")
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name in rng.sample(list(ways), len(ways)):
            found[name].append(ways[name]())
    return found


def ratio(name: str, these: list[NDArray[np.float64]], those: list[NDArray[np.float64]]) -> Samples:
    """Ratio of medians within each round, so that drift cancels: 1 when they agree. Shape (rounds,)."""
    within = [float(np.median(a) / np.median(b)) for a, b in zip(these, those, strict=True)]
    summary = "ratio of the two medians, a value a round: 1 when they agree"
    return Samples(Metric(name, "1", Clock.NONE, Better.NEITHER, summary), Source.HOST, np.array(within))
