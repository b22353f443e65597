"""What ``bench`` lends the dashboard: judging, comparing, change points, and what the targets are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from results.judgements import Judgement
from results.store import Store
from vocabulary import ComparisonRow, RunRecord


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison: a run, and one target of it; empty for all."""

    run_id: str
    target: str = ""

    @property
    def name(self) -> str:
        return f"{self.run_id}/{self.target}" if self.target else self.run_id


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """Where a series changed: ``at`` is the place of the first point of the new level among those given.
    ``ratio`` is new over old level with its 95 % interval; ``p`` that of its test."""

    at: int
    ratio: float
    low: float
    high: float
    p: float


@dataclass(frozen=True, slots=True)
class System:
    """A target: what it says of itself, and the kinds of case it offers what they need for."""

    name: str
    summary: str
    offers: frozenset[str]
    missing: str = ""  # why it cannot be measured on this machine; empty when it can


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of case: what it measures, and the capabilities that it needs of a target."""

    name: str
    summary: str
    needs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Block:
    """A table of words: verdicts of the gate, claims. A cell of ``rows`` is text, or (text, class) with a
    class of the style sheet's verdicts; of the class ``run`` is a run's id."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | tuple[str, str], ...], ...]
    note: str = ""
    rest: tuple[tuple[str | tuple[str, str], ...], ...] = ()  # folded away, under the words ``rest_is``
    rest_is: str = ""
    prose: tuple[str, ...] = ()  # columns whose text may be long, and wraps

    @property
    def id(self) -> str:
        """Of its section of a page."""
        return self.title.lower().replace(" ", "-")


def _nothing(*_: Any) -> tuple[()]:
    return ()


@dataclass(frozen=True, slots=True)
class Hooks:
    """``compare`` takes two sides and raises UsageError when they have nothing in common. ``changes`` takes
    the figures of one series on one machine, the oldest first; ``steps`` those of one that is counted."""

    judge: Callable[[Store, RunRecord], Judgement]
    compare: Callable[[Store, Side, Side], Sequence[ComparisonRow]]
    changes: Callable[[Sequence[float]], Sequence[ChangePoint]] = _nothing
    steps: Callable[[Sequence[float]], Sequence[ChangePoint]] = _nothing
    systems: Callable[[], Sequence[System]] = _nothing
    kinds: Callable[[], Sequence[Kind]] = _nothing
