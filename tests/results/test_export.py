"""Exports: a round trip loses nothing, and what is not an export is refused."""

import csv
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.export import export_run, import_json
from results.schema import FILE, json_schema
from results.store import Store
from results.tables import unescape
from tests.results.made_up import HOSTILE, RUN_ID, a_cell, a_run, same, some
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
    StoreError,
    UsageError,
)
from vocabulary.histogram import BINS

# Any text, and the lone surrogates of undecodable bytes; JSON joins a high and a low one, so no high ones.
texts = st.text(
    st.characters(exclude_categories=["Cs"]) | st.sampled_from("\udc80\udcff\\u0\x00"), max_size=12
)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
finite = st.floats(allow_nan=False, allow_infinity=False)
whole = st.integers(-(2**63), 2**63 - 1)
small = st.integers(-(2**31), 2**31 - 1)
documents = st.dictionaries(
    names,
    st.recursive(
        st.none() | st.booleans() | whole | finite | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
metrics = st.builds(Metric, texts, texts, st.sampled_from(Clock), st.sampled_from(Better), texts)
histograms = st.none() | st.dictionaries(st.integers(0, BINS - 1), st.integers(1, 2**40), max_size=5).map(
    Histogram.from_sparse
)
series = st.builds(
    Samples,
    metrics,
    st.sampled_from(Source),
    st.lists(finite, max_size=8).map(lambda values: np.array(values, np.float64)),
    histograms,
    st.dictionaries(names, texts | whole | finite | st.booleans(), max_size=3),
    texts,
)
cells = st.builds(
    CellRecord,
    index=st.integers(0, 2**31 - 1),
    block=small,
    target=texts,
    case=texts,
    kind=texts,
    params=documents,
    probes=st.lists(texts, max_size=2).map(tuple),
    outcome=st.sampled_from(Outcome),
    reason=texts,
    started_s=finite,
    duration_s=finite,
    environment=documents,
    console=texts,
    lost_events=whole,
)
runs = st.builds(
    RunRecord,
    run_id=st.just(RUN_ID),
    plan_name=texts,
    plan=documents,
    seed=whole,
    state=st.sampled_from(RunState),
    started_s=finite,
    finished_s=st.none() | finite,
    environment=documents,
    warnings=st.lists(texts, max_size=2).map(tuple),
    commit=texts,
    cells_planned=small,
)


@settings(max_examples=40)
@given(
    runs, st.lists(st.tuples(cells, st.lists(series, max_size=3)), max_size=3, unique_by=lambda c: c[0].index)
)
def test_round_trip_loses_nothing(
    tmp_path_factory: pytest.TempPathFactory, run: RunRecord, contents: list[tuple[CellRecord, list[Samples]]]
) -> None:
    where = tmp_path_factory.mktemp("round")
    with Store.open(where / "one") as one, Store.open(where / "other") as other:
        one.create_run(run)
        for cell, samples in contents:
            one.add_cell(RUN_ID, cell, samples)
        first = export_run(one, RUN_ID, "json", where / "first.json")
        assert import_json(other, first) == run == other.run()
        restored = list(other.samples(RUN_ID))
        second = export_run(other, RUN_ID, "json", where / "second.json")
        for (cell, samples), (kept, read) in zip(
            sorted(contents, key=lambda c: c[0].index), restored, strict=True
        ):
            assert kept == cell
            assert same(samples, read)
        assert first.read_bytes() == second.read_bytes()


@pytest.fixture
def full(store: Store) -> Store:
    store.create_run(a_run(warnings=(HOSTILE,)))
    rate = {"rate_per_s": 20000}
    store.add_cell(
        RUN_ID, a_cell(0), [some([3.0, 1.5, -0.0]), some([], histogram=Histogram.of([1, 99]), labels=rate)]
    )
    store.add_cell(
        RUN_ID, a_cell(1, console=HOSTILE, reason=HOSTILE, outcome=Outcome.FAILED, probes=("fork",)), []
    )
    return store


def test_committed_schema_is_that_of_the_models() -> None:
    assert FILE.read_text() == json_schema(), "run: python -m results.schema"


def test_reformatted_json_is_read_too(full: Store, store: Store, tmp_path: Path) -> None:
    ours = export_run(full, RUN_ID, "json", tmp_path / "x.json")
    other = tmp_path / "pretty.json"
    other.write_text(json.dumps(json.loads(ours.read_text()), indent=1, ensure_ascii=True))
    with Store.open(tmp_path / "other") as restored:
        import_json(restored, other)
        assert export_run(restored, RUN_ID, "json", tmp_path / "y.json").read_bytes() == ours.read_bytes()


def test_csv(full: Store, tmp_path: Path) -> None:
    directory = export_run(full, RUN_ID, "csv", tmp_path / "csv")

    def rows(name: str) -> list[dict[str, str]]:
        with (directory / name).open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    values = rows("samples.csv")
    assert [(r["cell"], r["series"], r["position"], float(r["value"])) for r in values] == [
        ("0", "parent@program", "0", 3.0),
        ("0", "parent@program", "1", 1.5),
        ("0", "parent@program", "2", 0.0),
    ]
    assert values[2]["value"] == "-0.0"
    [first, second] = rows("histograms.csv")
    assert (first["bin"], first["from"], first["below"], first["count"]) == ("1", "1", "2", "1")
    assert int(second["from"]) <= 99 < int(second["below"])
    assert json.loads(second["labels"]) == {"rate_per_s": 20000}
    kept = rows("cells.csv")
    assert [r["outcome"] for r in kept] == ["ok", "failed"]
    assert unescape(kept[1]["console"]) == HOSTILE
    assert json.loads(kept[0]["params"]) == a_cell().params
    assert json.loads((directory / "run.json").read_text())["warnings"] == [HOSTILE]


def test_parquet(full: Store, tmp_path: Path) -> None:
    directory = export_run(full, RUN_ID, "parquet", tmp_path / "parquet")
    cells = pq.read_table(directory / "cells.parquet").to_pylist()
    assert [(c["cell"], c["outcome"]) for c in cells] == [(0, "ok"), (1, "failed")]
    assert unescape(cells[1]["console"]) == HOSTILE
    total = duckdb.execute(f"SELECT sum(len(samples)) FROM '{directory}/samples/*.parquet'").fetchone()
    assert total == (3,)
    assert json.loads((directory / "run.json").read_text())["run_id"] == RUN_ID


def test_an_empty_run_exports_everywhere(store: Store, tmp_path: Path) -> None:
    store.create_run(a_run())
    for format_ in ("json", "csv", "parquet"):
        assert export_run(store, RUN_ID, format_, tmp_path / f"out.{format_}").exists()
    with Store.open(tmp_path / "other") as other:
        assert import_json(other, tmp_path / "out.json") == a_run()


def test_where_it_writes(full: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert export_run(full, "latest", "json") == Path(f"{RUN_ID}.json")
    assert export_run(full, RUN_ID, "csv") == Path(f"{RUN_ID}-csv")
    assert export_run(full, RUN_ID, "json", tmp_path) == tmp_path / f"{RUN_ID}.json"
    with pytest.raises(UsageError, match="there already"):
        export_run(full, RUN_ID, "csv")
    with pytest.raises(UsageError, match="no export format 'parket'") as refused:
        export_run(full, RUN_ID, "parket")
    assert "did you mean parquet" in refused.value.remedy
    with pytest.raises(StoreError, match="not exported"):
        export_run(full, RUN_ID, "json", tmp_path / f"{RUN_ID}.json" / "below.json")
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(StoreError, match="not exported") as failed:
        export_run(full, RUN_ID, "json", Path("/proc/out.json"))
    assert "check the directory" in failed.value.remedy and "restore" not in failed.value.remedy


def test_a_failed_export_leaves_nothing(full: Store, tmp_path: Path) -> None:
    full.sample_files(RUN_ID)[0].write_bytes(b"corrupt")
    for format_ in ("json", "csv", "parquet"):
        with pytest.raises(StoreError, match="00000"):
            export_run(full, RUN_ID, format_, tmp_path / "out" / format_)
    assert not list((tmp_path / "out").iterdir())


def _changed(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    *steps, last = path.split(".")
    place: Any = document
    for step in steps:
        place = place[int(step)] if step.isdigit() else place[step]
    place[last] = value
    return document


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("version", 2, "of version 2"),
        ("format", "other", "not an export"),
        ("run.state", "sleeping", "run.state"),
        ("cells.0.outcome", "fine", "cells.0.outcome"),
        ("cells.0.series.0.samples", [1, "two"], r"cells.0.series.0.samples.1"),
        ("cells.0.series.0.samples", [float("nan")], r"cells.0.series.0.samples.0"),
        ("cells.0.series.1.histogram", {"976": 1}, "cells.0.series.1.histogram"),
        ("cells.0.series.1.labels", {"a": None}, "cells.0.series.1.labels"),
        ("cells.0.console", 5, "cells.0.console"),
        ("cells.0.surprise", 1, "cells.0.surprise"),
        ("cells", {}, "not an export"),
    ],
)
def test_hostile_imports_name_the_place(
    full: Store, tmp_path: Path, path: str, value: object, message: str
) -> None:
    export = export_run(full, RUN_ID, "json", tmp_path / "x.json")
    document = _changed(json.loads(export.read_text()), path, value)
    bad = tmp_path / "bad.json"
    bad.write_text(json.dumps(document))
    with Store.open(tmp_path / "other") as other:
        with pytest.raises(StoreError, match=message) as refused:
            import_json(other, bad)
        assert "bad.json" in str(refused.value) and refused.value.remedy
        assert other.runs() == []


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_truncated_imports_take_in_nothing(full: Store, tmp_path: Path, keep: float) -> None:
    content = export_run(full, RUN_ID, "json", tmp_path / "x.json").read_bytes()
    (tmp_path / "torn.json").write_bytes(content[: int(len(content) * keep)])
    with Store.open(tmp_path / "other") as other:
        with pytest.raises(StoreError, match=r"torn\.json"):
            import_json(other, tmp_path / "torn.json")
        assert other.runs() == []
        assert not other.samples_dir.exists() or not list(other.samples_dir.iterdir())


def test_other_files_are_not_imported(store: Store, tmp_path: Path) -> None:
    for content in (b"", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"cells":[\n]}\n'):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(StoreError):
            import_json(store, tmp_path / "x.json")
    with pytest.raises(StoreError, match=r"gone\.json") as refused:
        import_json(store, tmp_path / "gone.json")
    assert "check the name" in refused.value.remedy
    with pytest.raises(StoreError) as refused:
        import_json(store, tmp_path)
    assert "name the file in it" in refused.value.remedy
    assert store.runs() == []


def test_importing_twice_is_refused(full: Store, tmp_path: Path) -> None:
    export = export_run(full, RUN_ID, "json", tmp_path / "x.json")
    before = list(full.samples(RUN_ID))
    with pytest.raises(StoreError, match="in the store already") as refused:
        import_json(full, export)
    assert f"kxbench delete {RUN_ID}" in refused.value.remedy
    assert len(list(full.samples(RUN_ID))) == len(before)
