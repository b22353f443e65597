"""What is kept of a run: written by ``bench``, stored and shown by ``results``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    OK = "ok"
    FAILED = "failed"
    UNSUPPORTED = "unsupported"
    NOISY = "noisy"  # measured, kept, but not to be trusted: losses, steal, a late generator


class RunState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run of one plan. ``run_id`` is ``YYYYMMDD-HHMMSS-xxxx`` (UTC). ``plan`` is the resolved plan
    as JSON, enough to resume from. Times are Unix seconds."""

    run_id: str
    plan_name: str
    plan: Mapping[str, Any]
    seed: int
    state: RunState
    started_s: float
    finished_s: float | None
    environment: Mapping[str, Any]
    warnings: tuple[str, ...] = ()
    commit: str = ""
    cells_planned: int = 0

    @property
    def code(self) -> str:
        """Which was measured, for people: a commit alone does not tell what was changed since."""
        changed = " with uncommitted changes" if self.environment.get("git_dirty") else ""
        return f"{self.commit[:12] or 'unknown'}{changed}"


@dataclass(frozen=True, slots=True)
class CellRecord:
    """One (target, case) of one block. ``index`` is its place in the run's shuffled order (0-based).
    ``probes`` is empty for a plain cell; a probed cell is the same case with those probes on, so that
    their overhead is known. ``environment`` holds readings before and during the cell."""

    index: int
    block: int
    target: str
    case: str  # case_id()
    kind: str
    params: Mapping[str, Any]
    probes: tuple[str, ...]
    outcome: Outcome
    reason: str
    started_s: float
    duration_s: float
    environment: Mapping[str, Any] = field(default_factory=dict)
    console: str = ""
    lost_events: int = 0


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One series of one (target, case) over all its deployments, as judged by ``bench.statistics``.

    ``estimate`` is the median over deployments of the per-deployment median; ``low`` and ``high`` its
    95 % hierarchical-bootstrap interval; percentiles are of the pooled samples. ``deployments`` is the
    number of replicates, ``count`` that of raw samples. Units are ``unit``'s. With one deployment there is
    no interval: ``low`` and ``high`` are NaN."""

    target: str
    case: str
    kind: str
    series: str
    metric: str
    source: str
    probe: str
    labels: Mapping[str, Any]
    probed: bool  # measured in a cell that had probes attached
    unit: str
    clock: str
    better: str
    deployments: int
    count: int
    estimate: float
    low: float
    high: float
    p05: float
    p25: float
    p75: float
    p95: float
    p99: float
    minimum: float
    maximum: float
    note: str = ""  # what to know before reading it: noisy cells only, one deployment


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One series of ``b`` against ``a`` (targets of one run, or runs), as judged by ``bench.statistics``.

    ``ratio`` is b/a with its 95 % interval ``low``..``high`` (0..inf with one pair); the estimates are in
    ``unit``. Of clocks that are not alike there is no ratio: it and its interval are NaN, and ``unit_b`` is
    b's unit. ``pairs`` is the number of blocks in which both were measured. ``note`` says why a row is not
    to be judged (too few pairs, a noisy cell); empty when it is."""

    case: str
    kind: str
    series: str
    metric: str
    unit: str
    better: str
    a: str
    b: str
    estimate_a: float
    estimate_b: float
    ratio: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    effect_size: float
    pairs: int
    significant: bool
    note: str
    clock_a: str = ""
    clock_b: str = ""
    unit_b: str = ""


@dataclass(frozen=True, slots=True)
class OverheadRow:
    """What probes cost: one series measured by the case itself (program, generator, native tool), in cells
    with ``probes`` attached against plain cells of the same block.

    ``ratio`` is probed/plain with its 95 % interval ``low``..``high`` (0..inf where there is none);
    ``plain`` and ``probed`` are in ``unit``; ``pairs`` is the number of blocks."""

    target: str
    case: str
    kind: str
    probes: tuple[str, ...]
    series: str
    metric: str
    unit: str
    better: str
    plain: float
    probed: float
    ratio: float
    low: float
    high: float
    pairs: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One event measured by two sources in the same cells, ``b`` by a probe: medians over the cells and the
    difference b - a with its 95 % interval ``low``..``high`` (-inf..inf where there is none), in ``unit``."""

    target: str
    case: str
    kind: str
    metric: str
    labels: Mapping[str, Any]
    unit: str
    series_a: str
    series_b: str
    estimate_a: float
    estimate_b: float
    difference: float
    low: float
    high: float
    pairs: int
    note: str = ""
