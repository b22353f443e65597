"""The export format, version 1: one run with everything that was measured. Described in docs/export.md.

``export-v1.schema.json`` beside this file is made from these models by ``python -m results.schema``."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

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
)
from vocabulary.histogram import BINS

FORMAT = "kxbench-export"
VERSION = 1
FILE = Path(__file__).parent / f"export-v{VERSION}.schema.json"


def _text(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a string")
    return value


def _scalar(value: object) -> object:
    if not isinstance(value, (str, int, float, bool)):
        raise ValueError("must be a string, a number or a boolean")
    return value


# pydantic's own str refuses the lone surrogates that a console may hold
Text = Annotated[Any, AfterValidator(_text), WithJsonSchema({"type": "string"})]
Label = Annotated[Any, AfterValidator(_scalar), WithJsonSchema({"type": ["string", "number", "boolean"]})]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Whole = Annotated[int, Field(strict=True)]
Bin = Annotated[int, Field(ge=0, lt=BINS)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MetricV1(_Strict):
    """What was measured."""

    name: Text
    unit: Text = Field(description="ns, bytes, bytes/s, ops/s, 1, instructions or 1/30s")
    clock: Clock
    better: Better
    summary: Text


class SeriesV1(_Strict):
    """One metric from one source in one cell: raw values in the order measured, a histogram, or both."""

    metric: MetricV1
    source: Source
    probe: Text = Field(description="the probe's name when the source is one, else empty")
    labels: dict[str, Label] = Field(description="tell apart series of one metric; their order is kept")
    samples: list[Finite] = Field(description="in the metric's unit")
    histogram: dict[Bin, Annotated[Whole, Field(ge=1)]] | None = Field(
        description="count by bin: below 16 the value itself, then 16 bins an octave (docs/export.md)"
    )

    @classmethod
    def of(cls, samples: Samples) -> Self:
        values = np.asarray(samples.values, np.float64)
        return cls.model_construct(
            metric=MetricV1.model_construct(
                **{f.name: getattr(samples.metric, f.name) for f in fields(Metric)}
            ),
            source=samples.source,
            probe=samples.probe,
            labels=dict(samples.labels),
            samples=_shortest(values),
            histogram=None if samples.histogram is None else samples.histogram.sparse(),
        )

    def restored(self) -> Samples:
        return Samples(
            Metric(**dict(self.metric)),
            self.source,
            np.array(self.samples, np.float64),
            None if self.histogram is None else Histogram.from_sparse(self.histogram),
            self.labels,
            self.probe,
        )


class CellV1(_Strict):
    """One (target, case) of one block, and its series."""

    index: Annotated[Whole, Field(ge=0)] = Field(description="place in the run's shuffled order")
    block: Whole = Field(description="negative for warm-up, which is kept but not judged")
    target: Text
    case: Text
    kind: Text
    params: dict[str, Any]
    probes: tuple[Text, ...] = Field(description="empty for a plain cell")
    outcome: Outcome
    reason: Text
    started_s: Finite = Field(description="Unix seconds")
    duration_s: Finite
    environment: dict[str, Any]
    console: Text
    lost_events: Whole
    series: list[SeriesV1]

    @classmethod
    def of(cls, cell: CellRecord, series: list[Samples]) -> Self:
        record = {f.name: getattr(cell, f.name) for f in fields(CellRecord)}
        return cls.model_construct(**record, series=[SeriesV1.of(samples) for samples in series])

    def restored(self) -> tuple[CellRecord, list[Samples]]:
        record = {f.name: getattr(self, f.name) for f in fields(CellRecord)}
        return CellRecord(**record), [series.restored() for series in self.series]


class RunV1(_Strict):
    """The run, its plan as resolved, and the machine."""

    run_id: Annotated[str, Field(min_length=1, max_length=64)]
    plan_name: Text
    plan: dict[str, Any]
    seed: Whole
    state: RunState
    started_s: Finite = Field(description="Unix seconds")
    finished_s: Finite | None
    environment: dict[str, Any]
    warnings: tuple[Text, ...]
    commit: Text
    cells_planned: Whole

    @classmethod
    def of(cls, run: RunRecord) -> Self:
        return cls.model_construct(**{f.name: getattr(run, f.name) for f in fields(RunRecord)})

    def restored(self) -> RunRecord:
        return RunRecord(**{f.name: getattr(self, f.name) for f in fields(RunRecord)})


class HeaderV1(_Strict):
    """All but the cells."""

    format: Literal["kxbench-export"]
    version: Literal[1]
    run: RunV1


class ExportV1(HeaderV1):
    """A run exported by kxbench."""

    cells: list[CellV1]


def plain(model: BaseModel) -> Mapping[str, Any]:
    """The model as nested mappings for ``tables.to_json``; in the order of its fields."""

    def value(found: Any) -> Any:
        if isinstance(found, BaseModel):
            return plain(found)
        if isinstance(found, list) and found and isinstance(found[0], BaseModel):
            return [plain(item) for item in found]
        return found

    return {name: value(getattr(model, name)) for name in type(model).model_fields}


def _shortest(values: "np.ndarray[Any, np.dtype[np.float64]]") -> list[float]:
    """Whole numbers as such (41250, not 41250.0) where that loses nothing, not even the sign of zero."""
    if values.size and (np.abs(values) < 2**53).all() and not np.signbit(values).any():
        whole = values.astype(np.int64)
        if (whole == values).all():
            return list(whole.tolist())
    return list(values.tolist())


def json_schema() -> str:
    """The JSON Schema (draft 2020-12) of the format, as committed."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema"} | ExportV1.model_json_schema()
    return json.dumps(schema, indent=2) + "\n"
