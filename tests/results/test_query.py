"""duckdb over the store, and over the Parquet files alone as the README shows."""

import duckdb

from results.query import connect
from results.store import Store
from tests.results.made_up import HOSTILE, RUN_ID, a_cell, a_run, some
from vocabulary import Outcome


def test_samples_join_cells(store: Store) -> None:
    store.create_run(a_run())
    store.add_cell(RUN_ID, a_cell(0), [some([1.0, 2.0, 9.0], labels={"rate_per_s": 20000})])
    store.add_cell(RUN_ID, a_cell(1, {"dirty_mib": 1}, outcome=Outcome.NOISY, console=HOSTILE), [some([5.0])])
    store.add_cell(RUN_ID, a_cell(2, outcome=Outcome.FAILED), [])
    (store.samples_dir / RUN_ID / "00009.parquet").write_bytes(b"left by a crash")
    with connect(store) as db:
        rows = db.execute(
            "SELECT case_id, outcome, median(value), max(position), any_value(labels ->> '$.rate_per_s')"
            " FROM samples JOIN cells USING (run_id, cell, case_id) GROUP BY ALL ORDER BY outcome"
        ).fetchall()
        assert rows == [
            ("fork[dirty_mib=1]", "noisy", 5.0, 1, None),
            ("fork[dirty_mib=16,pages=default]", "ok", 2.0, 3, "20000"),
        ]
        assert db.execute("SELECT count(*), any_value(params ->> '$.pages') FROM cells").fetchone() == (
            3,
            "default",
        )
        assert db.execute("SELECT seed, plan ->> '$.blocks' FROM runs").fetchone() == (42, "2")


def test_one_run_of_several_and_an_empty_store(store: Store) -> None:
    with connect(store) as db:
        assert db.execute("SELECT count(*) FROM samples").fetchone() == (0,)
    for name in (RUN_ID, "20250103-000000-cccc"):
        store.create_run(a_run(name))
        store.add_cell(name, a_cell(0), [some([1.0, 2.0])])
    with connect(store, RUN_ID) as db:
        assert db.execute("SELECT count(*) FROM samples").fetchone() == (2,)
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_files_describe_themselves(store: Store) -> None:
    store.create_run(a_run())
    store.add_cell(RUN_ID, a_cell(4), [some([7.0, 8.0])])
    row = duckdb.execute(
        "SELECT run_id, cell, target, case_id, metric, unit, source, list_sum(samples)"
        f" FROM read_parquet('{store.samples_dir}/*/*.parquet')"
    ).fetchone()
    case = "fork[dirty_mib=16,pages=default]"
    assert row == (RUN_ID, 4, "process", case, "parent", "ns", "program", 15.0)
