"""The store: what comes back, replacement, names of runs, and what it refuses."""

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, inspect

from results import database
from results.store import Store
from results.tables import METADATA, escape, unescape
from tests.results.made_up import HOSTILE, RUN_ID, a_cell, a_run, same, some
from vocabulary import Histogram, Outcome, RunState, Source, StoreError, UsageError


def test_everything_comes_back(store: Store) -> None:
    run = a_run(warnings=("one", HOSTILE), plan_name=HOSTILE)
    cell = a_cell(
        3, console=HOSTILE, reason=HOSTILE, outcome=Outcome.NOISY, probes=("fork", "sched"), lost_events=2**40
    )
    series = [
        some([0.1, -0.0, 1e308, 5e-324, 2.0**53]),
        some([], histogram=Histogram.of([0, 15, 16, 10**18]), source=Source.PROBE, probe="fork"),
        some([], histogram=Histogram()),
        some([1.0], labels={"z": 1, "a": 1.0, "text": HOSTILE, "yes": True}),
    ]
    store.create_run(run)
    store.add_cell(RUN_ID, cell, series)
    with Store.open(store.where) as again:
        assert again.runs() == [run]
        assert again.cells(RUN_ID) == [cell]
        [(read, samples)] = again.samples(RUN_ID)
    assert read == cell
    assert same(samples, series)
    assert list(read.params) == list(cell.params)


def test_a_cell_without_samples_is_kept(store: Store) -> None:
    store.create_run(a_run())
    store.add_cell(RUN_ID, a_cell(outcome=Outcome.FAILED, reason="it died"), [])
    assert list(store.samples(RUN_ID)) == [(store.cells(RUN_ID)[0], [])]
    assert not store.sample_files(RUN_ID)


def test_same_index_replaces_and_leaves_one_file(store: Store) -> None:
    store.create_run(a_run())
    for attempt in range(4):
        store.add_cell(RUN_ID, a_cell(7, reason=str(attempt)), [some([float(attempt)])])
        [(cell, [samples])] = store.samples(RUN_ID)
        assert (cell.reason, samples.values.tolist()) == (str(attempt), [attempt])
        assert list((store.samples_dir / RUN_ID).iterdir()) == store.sample_files(RUN_ID)


def test_failed_replacement_keeps_the_earlier_cell(store: Store) -> None:
    store.create_run(a_run())
    store.add_cell(RUN_ID, a_cell(7, reason="first"), [some([1.0])])
    with pytest.raises(StoreError):  # the file is written, the row does not fit
        store.add_cell(RUN_ID, a_cell(7, lost_events=2**70), [some([2.0])])
    [(cell, [samples])] = store.samples(RUN_ID)
    assert (cell.reason, samples.values.tolist()) == ("first", [1.0])
    assert list((store.samples_dir / RUN_ID).iterdir()) == store.sample_files(RUN_ID)


def test_sweep_removes_what_a_crash_left(store: Store) -> None:
    store.create_run(a_run())
    store.add_cell(RUN_ID, a_cell(1), [some([1.0])])
    for stray in ("00002.parquet", "00001-again.parquet", "00003.parquet.77.tmp"):
        (store.samples_dir / RUN_ID / stray).write_bytes(b"half")
    assert store.sweep(RUN_ID) == 3
    assert len(list(store.samples(RUN_ID))) == 1


def test_cells_come_in_order_and_one_can_be_asked_for(store: Store) -> None:
    store.create_run(a_run())
    for index in (11, 2, 5):
        store.add_cell(RUN_ID, a_cell(index), [some([float(index)])])
    assert [cell.index for cell, _ in store.samples(RUN_ID)] == [2, 5, 11]
    [(cell, [samples])] = store.samples(RUN_ID, 5)
    assert (cell.index, samples.values[0]) == (5, 5.0)
    with pytest.raises(UsageError, match="no cell 6"):
        list(store.samples(RUN_ID, 6))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_by_name(store: Store, bad: float) -> None:
    store.create_run(a_run())
    with pytest.raises(StoreError, match=r"parent\{size=1\}@probe:ipc has 1 values.*the first at 2"):
        store.add_cell(
            RUN_ID, a_cell(), [some([1, 2, bad], labels={"size": 1}, source=Source.PROBE, probe="ipc")]
        )
    assert store.cells(RUN_ID) == []


def test_what_json_cannot_hold_is_refused(store: Store) -> None:
    store.create_run(a_run())
    for cell in (a_cell(environment={"load": float("nan")}), a_cell(params={"x": object()})):
        with pytest.raises(StoreError, match="JSON"):
            store.add_cell(RUN_ID, cell, [])
    with pytest.raises(StoreError, match="duration_s is nan"):
        store.add_cell(RUN_ID, a_cell(duration_s=float("nan")), [])
    with pytest.raises(StoreError, match="flat array"):
        store.add_cell(RUN_ID, a_cell(), [some(np.zeros((2, 2)))])


def test_numpy_scalars_and_paths_in_records_become_plain(store: Store) -> None:
    store.create_run(a_run(environment={"cores": np.int64(2), "path": Path("/sys"), "load": np.float64(0.5)}))
    assert store.run().environment == {"cores": 2, "path": "/sys", "load": 0.5}


def test_runs_are_found_by_beginning_and_latest(store: Store) -> None:
    with pytest.raises(UsageError, match="holds no run"):
        store.run("latest")
    for second, name in enumerate(("20250101-000000-aaaa", "20250102-000000-bbbb", "20250102-000000-cccc")):
        store.create_run(a_run(name, started_s=1000.0 - second))
    assert store.run("20250101").run_id == "20250101-000000-aaaa"
    assert store.run("20250102-000000-c").run_id == "20250102-000000-cccc"
    assert store.run().run_id == "20250101-000000-aaaa"  # by start, not by name
    with pytest.raises(UsageError, match="begins 2 runs") as ambiguous:
        store.run("20250102")
    assert "bbbb" in ambiguous.value.remedy and "cccc" in ambiguous.value.remedy
    with pytest.raises(UsageError, match="no run '20250101-000000-aaba'") as close:
        store.run("20250101-000000-aaba")
    assert "20250101-000000-aaaa" in close.value.remedy
    with pytest.raises(UsageError):
        store.run("")


def test_states_and_updates(store: Store) -> None:
    store.create_run(a_run())
    store.finish_run(RUN_ID, RunState.INTERRUPTED, 5.0)
    assert store.run().state is RunState.INTERRUPTED
    store.update_run(replace(store.run(), state=RunState.RUNNING, finished_s=None, warnings=("a", "b")))
    assert (store.run().state, store.run().warnings) == (RunState.RUNNING, ("a", "b"))
    with pytest.raises(StoreError, match="no run 'nope'"):
        store.finish_run("nope", RunState.FINISHED, 1.0)
    with pytest.raises(StoreError, match="no run 'nope'"):
        store.delete_run("nope")


def test_a_run_that_told_its_own_end_is_not_interrupted(store: Store) -> None:
    store.create_run(a_run())
    store.interrupt_run(RUN_ID)
    assert store.run().state is RunState.INTERRUPTED
    store.finish_run(RUN_ID, RunState.FINISHED, 5.0)
    store.interrupt_run(RUN_ID)  # its suite looked gone, before it said so
    assert (store.run().state, store.run().finished_s) == (RunState.FINISHED, 5.0)


def test_a_run_is_made_once_and_its_name_is_a_file_name(store: Store) -> None:
    store.create_run(a_run())
    with pytest.raises(StoreError, match="was not created"):
        store.create_run(a_run())
    for name in ("", "..", "a/b", "/etc", "a\nb"):
        with pytest.raises(StoreError, match="cannot name a run"):
            store.create_run(a_run(name))
    with pytest.raises(StoreError, match="FOREIGN KEY"):
        store.add_cell("20990101-000000-none", a_cell(), [some()])


def test_delete_removes_rows_and_files(store: Store) -> None:
    for name in (RUN_ID, "20250102-030405-keep"):
        store.create_run(a_run(name))
        store.add_cell(name, a_cell(), [some()])
    store.delete_run(RUN_ID)
    assert [run.run_id for run in store.runs()] == ["20250102-030405-keep"]
    assert [path.name for path in store.samples_dir.iterdir()] == ["20250102-030405-keep"]
    assert store.cells(RUN_ID) == []


def test_missing_and_corrupt_samples_name_the_file(store: Store) -> None:
    store.create_run(a_run())
    store.add_cell(RUN_ID, a_cell(), [some(np.arange(5000.0) ** 1.5)])
    [path] = store.sample_files(RUN_ID)
    good = path.read_bytes()
    for at in (len(good) // 3, len(good) // 2):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0xFF]) + good[at + 1 :])
        with pytest.raises(StoreError, match=path.name) as refused:
            list(store.samples(RUN_ID))
        assert "kxbench delete RUN" in refused.value.remedy
    for content in (b"", b"PAR1", good[: len(good) // 2]):
        path.write_bytes(content)
        with pytest.raises(StoreError, match=path.name):
            list(store.samples(RUN_ID))
    path.unlink()
    with pytest.raises(StoreError, match=path.name):
        list(store.samples(RUN_ID))


@pytest.mark.parametrize(
    "content", [b"this is not a database, really" * 40, b"SQLite format 3\x00" + b"\xff" * 5000]
)
def test_a_corrupt_database_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "kxbench.sqlite"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"kxbench\.sqlite") as refused:
        Store.open(path)
    assert "move the file away" in refused.value.remedy
    assert path.read_bytes() == content


def test_a_torn_database_is_an_error_not_a_traceback(store: Store) -> None:
    store.create_run(a_run())
    for index in range(30):
        store.add_cell(RUN_ID, a_cell(index, console="x" * 9000), [])
    path = Path(store.where)
    store.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(StoreError, match="malformed"), Store.open(path) as torn:
        torn.cells(RUN_ID)


def test_newer_and_foreign_databases_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "kxbench.sqlite"
    Store.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num='9999'")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="schema 9999, newer") as refused:
        Store.open(path)
    assert "update kxbench" in refused.value.remedy
    assert path.read_bytes() == before

    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE holidays (day TEXT)")
    connection.close()
    with pytest.raises(StoreError, match="not kxbench's"):
        Store.open(other)


def test_head_is_the_newest_migration_and_migrations_make_the_tables(store: Store) -> None:
    versions = sorted(p.name.partition("_")[0] for p in (database.HERE / "migrations/versions").glob("0*.py"))
    assert versions[-1] == database.HEAD
    migrated, declared = create_engine(f"sqlite:///{store.where}"), create_engine("sqlite://")
    METADATA.create_all(declared)
    for table in ("runs", "cells"):
        columns = [
            [(c["name"], str(c["type"]), c["nullable"]) for c in inspect(e).get_columns(table)]
            for e in (migrated, declared)
        ]
        assert columns[0] == columns[1]
        keys = [inspect(e).get_pk_constraint(table)["constrained_columns"] for e in (migrated, declared)]
        assert keys[0] == keys[1]
    assert inspect(migrated).get_foreign_keys("cells")[0]["referred_table"] == "runs"
    migrated.dispose()
    declared.dispose()


def test_opened_by_many_at_once(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with Store.open(tmp_path) as store:
                store.create_run(a_run(f"20250101-000000-{number:04}"))
                for index in range(3):
                    store.add_cell(f"20250101-000000-{number:04}", a_cell(index), [some()])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    with Store.open(tmp_path) as store:
        assert [len(list(store.samples(run.run_id))) for run in store.runs()] == [3] * 6


def test_places(tmp_path: Path) -> None:
    for where, file in (
        (tmp_path / "new dir", "new dir/kxbench.sqlite"),
        (str(tmp_path / "a file#1?.sqlite"), "a file#1?.sqlite"),
        (f"sqlite:///{tmp_path}/by-url.sqlite", "by-url.sqlite"),
    ):
        with Store.open(where) as store:
            assert (tmp_path / file).is_file()
            assert store.samples_dir == (tmp_path / file).parent / "samples"
    assert database.DEFAULT.parent.name == "store"
    for wrong in ("mysql://host/db", "sqlite://", "postgresql://:::/"):
        with pytest.raises(UsageError):
            Store.open(wrong)
    (tmp_path / "plain").write_text("")
    with pytest.raises(StoreError, match="File exists") as refused:
        Store.open(tmp_path / "plain" / "below.sqlite")
    assert "part of the path is a file" in refused.value.remedy


@pytest.mark.parametrize("name", ["no/such/dir/x.sqlite", "no/such/dir"])
def test_at_most_the_last_directory_is_made(tmp_path: Path, name: str) -> None:
    with pytest.raises(StoreError, match="there is no directory") as refused:
        Store.open(tmp_path / name)
    assert f"mkdir -p {tmp_path}/no/such/dir" in refused.value.remedy
    assert not any(tmp_path.iterdir())
    with pytest.raises(StoreError, match="cannot be opened") as refused:
        Store.open("/proc/nosuch/x.sqlite")
    assert "check it" in refused.value.remedy
    with Store.open(tmp_path / "new" / "x.sqlite"):
        assert (tmp_path / "new" / "x.sqlite").is_file()


@pytest.mark.parametrize("text", ["", "\\", "\\u0041", "\\\\u0000", "a\x00b", "\udcff\udc80", HOSTILE])
def test_free_text_survives(text: str) -> None:
    assert unescape(escape(text)) == text
    escape(text).encode()
    assert "\x00" not in escape(text)


def test_passwords_are_not_shown() -> None:
    with pytest.raises(StoreError) as refused:
        Store.open("postgresql://kx:secret@127.0.0.1:1/none?connect_timeout=2")
    assert "secret" not in str(refused.value) + refused.value.remedy
    assert "server runs" in refused.value.remedy
