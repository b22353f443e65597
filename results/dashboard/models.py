"""The API's answers, for its OpenAPI description. Numbers are in the stored units; null is not known."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vocabulary import Outcome, RunState


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Problem(Told):
    what: str
    remedy: str


class Refusal(Told):
    """What happened, and what to do next."""

    error: Problem


class RunBrief(Told):
    run_id: str
    plan_name: str
    state: RunState
    started_s: float = Field(description="Unix seconds")
    finished_s: float | None
    machine: str = Field(description="equal for runs on the same machine, kernel and settings")
    commit: str
    cells_planned: int
    judged: bool = Field(description="whether its figures are stored")
    outcomes: dict[Outcome, int]


class RunList(Told):
    """The newest first. ``next_before_s`` asks for the page after."""

    runs: list[RunBrief]
    next_before_s: float | None


class Machines(Told):
    machines: list[RunBrief]


class RunWhole(RunBrief):
    seed: int
    plan: dict[str, Any]
    environment: dict[str, Any]
    warnings: list[str]


class Cell(Told):
    index: int
    block: int = Field(description="negative for warm-up")
    target: str
    case: str
    kind: str
    params: dict[str, Any]
    probes: list[str]
    outcome: Outcome
    reason: str
    started_s: float
    duration_s: float
    environment: dict[str, Any]
    lost_events: int


class Cells(Told):
    cells: list[Cell]


class CellWhole(Cell):
    console: str


class Figure(Told):
    """vocabulary.SummaryRow; ``deployed`` are the single deployments' medians by block."""

    target: str
    case: str
    kind: str
    series: str
    metric: str
    source: str
    probe: str
    labels: dict[str, Any]
    probed: bool
    unit: str
    clock: str
    better: str
    deployments: int
    count: int
    estimate: float | None
    low: float | None
    high: float | None
    p05: float | None
    p25: float | None
    p75: float | None
    p95: float | None
    p99: float | None
    minimum: float | None
    maximum: float | None
    note: str
    deployed: list[tuple[int, float]]


class Figures(Told):
    figures: list[Figure]


class Comparison(Told):
    """vocabulary.ComparisonRow: ``b`` over ``a``. Bounds that are not finite are null."""

    case: str
    kind: str
    series: str
    metric: str
    unit: str
    better: str
    a: str
    b: str
    estimate_a: float | None
    estimate_b: float | None
    ratio: float | None
    low: float | None
    high: float | None
    p_value: float | None
    p_adjusted: float | None
    effect_size: float | None
    pairs: int
    significant: bool
    note: str
    clock_a: str
    clock_b: str
    unit_b: str


class Comparisons(Told):
    comparisons: list[Comparison]


class ProgressTold(Told):
    run_id: str
    state: RunState
    done: int
    planned: int
    outcomes: dict[Outcome, int]
    last: str
    elapsed_s: float
    left_s: float | None
    heard_s: float
    words: str


class ChartList(Told):
    """As the pages draw them; their insides may change."""

    charts: list[dict[str, Any]]


class Series(Told):
    series_id: int
    target: str
    case: str
    kind: str
    series: str
    metric: str
    source: str
    probe: str
    labels: dict[str, Any]
    probed: bool
    unit: str
    clock: str
    better: str


class SeriesList(Told):
    series: list[Series]


class TrendPoint(Told):
    run_id: str
    started_s: float
    commit: str
    machine: str
    value: float
    low: float | None
    high: float | None
    count: int = Field(description="deployments, or pairs of a ratio")


class TrendChange(Told):
    machine: str
    run_id: str
    before: str
    ratio: str
    interval: str
    p: str
    verdict: str


class TrendTold(Told):
    series: Series
    against: str
    unit: str
    points: list[TrendPoint]
    changes: list[TrendChange]


class AbilityTold(Told):
    target: str
    kind: str
    state: str
    told: str
    run_id: str


class SystemsTold(Told):
    abilities: list[AbilityTold]


class Kept(Told):
    """``new`` is False where the very same run was there already."""

    run_id: str
    new: bool


class Health(Told):
    ok: bool
    runs: int
    uploads: bool
