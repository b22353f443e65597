"""What a gate found, in one record: every output is made of it."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from vocabulary import EXIT_CELL_FAILED, EXIT_INCONCLUSIVE, EXIT_NEGATIVE, EXIT_OK


class Finding(StrEnum):
    """Of one metric."""

    REGRESSION = "regression"
    INCONCLUSIVE = "inconclusive"
    IMPROVED = "improved"
    REFUTED = "refuted"  # looked like a regression, and the re-run says it is none
    SAME = "same"


class Decision(StrEnum):
    """Of the whole gate."""

    PASS = "pass"
    REGRESSION = "regression"
    INCONCLUSIVE = "inconclusive"
    FAILED = "failed"


EXIT_CODES = {
    Decision.PASS: EXIT_OK,
    Decision.REGRESSION: EXIT_NEGATIVE,
    Decision.INCONCLUSIVE: EXIT_INCONCLUSIVE,
    Decision.FAILED: EXIT_CELL_FAILED,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One metric of the run against the baseline's. ``ratio`` (with its 95 % interval) is the run's figure
    over the baseline's, each taken over the control's if ``paired``; NaN where there is none. ``worse`` is
    that ratio or its inverse, so that above 1 is worse. Estimates are medians of deployments in ``unit``.
    ``beside``: the target with the baseline's code that this run deployed in the same blocks; then that is
    what the figures and the ratio are over."""

    target: str
    case: str
    kind: str
    series: str
    metric: str
    unit: str
    better: str
    finding: Finding
    why: str
    paired: bool
    exact: bool
    baseline: float
    run: float
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    p_adjusted: float = math.nan
    threshold: float = math.nan
    threshold_from: str = ""
    deployments: tuple[int, int] = (0, 0)  # the baseline's, the run's
    beside: str = ""
    suspect: bool = False  # the first two conditions of a regression are met
    again: Mapping[str, Any] = field(default_factory=dict)  # what the re-run gave

    @property
    def name(self) -> str:
        return f"{self.target} {self.case} {self.series}"

    @property
    def worse(self) -> float:
        return self.ratio if self.better == "lower" else 1 / self.ratio if self.ratio else math.inf

    def worst(self) -> float:
        """The worst that the interval leaves room for, as ``worse``."""
        return self.high if self.better == "lower" else 1 / self.low if self.low > 0 else math.inf

    def least(self) -> float:
        """The least bad that it leaves room for."""
        return self.low if self.better == "lower" else 1 / self.high if self.high > 0 else math.inf


@dataclass(frozen=True, slots=True)
class FailedCell:
    target: str
    case: str
    block: int
    reason: str


@dataclass(frozen=True, slots=True)
class GateReport:
    """``baseline`` is who, when, what and why of the other side. ``unjudged`` counts series by the reason;
    ``drift`` is by what factor the control itself was slower than at the baseline."""

    run: str
    plan: str
    commit: str
    code: str  # the commit for people, with whether more was changed
    machine: str
    baseline: Mapping[str, Any]
    control: str | None
    metrics: tuple[Judged, ...]
    failed: tuple[FailedCell, ...] = ()
    missing: tuple[str, ...] = ()
    unjudged: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    drift: float | None = None
    confirmed_by: str = ""  # the re-run's id
    interrupted: int = 0  # the exit code that the re-run was interrupted with

    @property
    def decision(self) -> Decision:
        found = Counter(one.finding for one in self.metrics)
        if self.failed:
            return Decision.FAILED
        if found[Finding.REGRESSION]:
            return Decision.REGRESSION
        if found[Finding.INCONCLUSIVE] or self.missing or not self.metrics:
            return Decision.INCONCLUSIVE
        return Decision.PASS

    @property
    def exit_code(self) -> int:
        return self.interrupted or EXIT_CODES[self.decision]

    def of(self, *findings: Finding) -> list[Judged]:
        """Those metrics, the worst first."""
        chosen = [one for one in self.metrics if one.finding in findings]
        return sorted(chosen, key=lambda one: -one.worse if math.isfinite(one.worse) else math.inf)

    def as_json(self) -> dict[str, Any]:
        """For strict JSON: what is not a finite number is null."""
        told = {key: value for key, value in asdict(self).items() if key != "metrics"}
        metrics = [{**asdict(one), "worse": one.worse} for one in self.metrics]
        head = {"decision": str(self.decision), "exit_code": self.exit_code}
        return _strict({**head, **told, "metrics": metrics})  # type: ignore[no-any-return]


def _strict(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_strict(item) for item in value]
    return value
