"""Made-up records: real shapes, nobody's measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vocabulary import (
    Better,
    CellRecord,
    Clock,
    Histogram,
    Metric,
    Outcome,
    RunRecord,
    RunState,
    Samples,
    Source,
    case_id,
)

RUN_ID = "20250102-030405-ab12"
PARENT = Metric("parent", "ns", Clock.MONOTONIC, Better.LOWER, "fork() returns in the parent")
HOSTILE = "</script><script>alert(1)</script> & \"q\" 'q' |pipe| \x00\x1b[31m \udc80 \\u0000 ünï"


def a_run(run_id: str = RUN_ID, **changes: Any) -> RunRecord:
    run = RunRecord(
        run_id=run_id,
        plan_name="smoke",
        plan={"cases": [{"kind": "fork", "dirty_mib": [1, 16]}], "blocks": 2},
        seed=42,
        state=RunState.RUNNING,
        started_s=1_735_787_045.25,
        finished_s=None,
        environment={"cpu": {"model": "Made-up CPU", "cores": 2}, "governor": None, "load": [0.25, 1.0]},
        warnings=("steal",),
        commit="0123abc",
        cells_planned=4,
    )
    return replace(run, **changes)


def a_cell(index: int = 0, params: Mapping[str, Any] | None = None, **changes: Any) -> CellRecord:
    params = {"dirty_mib": 16, "pages": "default"} if params is None else params
    kind = changes.pop("kind", "fork")
    cell = CellRecord(
        index=index,
        block=index // 2,
        target="process",
        case=case_id(kind, params),
        kind=kind,
        params=params,
        probes=(),
        outcome=Outcome.OK,
        reason="",
        started_s=1_735_787_050.5,
        duration_s=1.5,
        environment={"steal": 0.0},
        console="ready\n",
    )
    return replace(cell, **changes)


def some(
    values: Sequence[float] | NDArray[np.float64] = (3.0, 1.0, 2.0),
    metric: Metric = PARENT,
    source: Source = Source.PROGRAM,
    histogram: Histogram | None = None,
    labels: Mapping[str, Any] | None = None,
    probe: str = "",
) -> Samples:
    return Samples(metric, source, np.asarray(values, np.float64), histogram, labels or {}, probe)


def same(one: Sequence[Samples], other: Sequence[Samples]) -> bool:
    """Equal to the bit, types and order of labels included."""

    def key(samples: Samples) -> tuple[object, ...]:
        labels = [(name, type(value), value) for name, value in samples.labels.items()]
        return (
            samples.metric,
            samples.source,
            samples.probe,
            labels,
            samples.values.tobytes(),
            samples.histogram,
        )

    return list(map(key, one)) == list(map(key, other))
