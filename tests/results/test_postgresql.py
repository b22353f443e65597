"""The same store on a PostgreSQL of our own: a server in a temporary directory on a unix socket."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from results.query import connect
from results.store import Store
from tests.results.made_up import HOSTILE, RUN_ID, a_cell, a_run, same, some
from vocabulary import Histogram, Outcome, RunState, StoreError

SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """URL of a started server; it is stopped and its files are removed afterwards."""
    if not SERVERS:
        pytest.skip("no PostgreSQL server is installed (apt install postgresql)")
    tools = SERVERS[-1].parent
    user = None
    if os.geteuid() == 0:
        try:
            user = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("PostgreSQL does not run as root and there is no postgres user")
    home = Path(tempfile.mkdtemp(prefix="kxb-pg-"))  # a short path: a unix socket's has 107 bytes at most
    owner: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    if user:
        os.chown(home, user.pw_uid, user.pw_gid)

    def run(*argv: str | Path) -> None:
        subprocess.run(argv, check=True, cwd=home, stdout=subprocess.DEVNULL, timeout=140, **owner)

    try:
        run(
            tools / "initdb",
            "-D",
            home / "data",
            "-U",
            "kx",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--no-locale",
        )
        options = f"-c listen_addresses='' -c unix_socket_directories='{home}' -c fsync=off"
        run(
            tools / "pg_ctl",
            "-D",
            home / "data",
            "-o",
            options,
            "-l",
            home / "log",
            "-w",
            "-t",
            "120",
            "start",
        )
        try:
            yield f"postgresql://kx@/postgres?host={home}"
        finally:
            run(tools / "pg_ctl", "-D", home / "data", "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_the_same_store_on_postgresql(server: str, tmp_path: Path) -> None:
    run = a_run(warnings=(HOSTILE,), plan_name=HOSTILE, environment={"text": HOSTILE, "n": [1, 2.5, None]})
    cell = a_cell(
        3, console=HOSTILE, reason=HOSTILE, outcome=Outcome.NOISY, probes=("fork",), lost_events=2**40
    )
    series = [some([0.1, 5e-324], labels={"x": HOSTILE}), some([], histogram=Histogram.of([1, 99]))]
    with Store.open(server, tmp_path / "samples") as store:
        assert store.samples_dir == tmp_path / "samples"
        store.create_run(run)
        store.add_cell(RUN_ID, a_cell(3), [some()])
        store.add_cell(RUN_ID, cell, series)  # replaces
        store.finish_run(RUN_ID, RunState.FINISHED, 2.5)
    with Store.open(server, tmp_path / "samples") as store:
        assert store.run("2025").state is RunState.FINISHED
        assert store.run().environment == run.environment
        [(read, samples)] = store.samples(RUN_ID)
        assert read == cell
        assert same(samples, series)
        with connect(store) as query:
            assert query.execute("SELECT sum(count) FROM series").fetchall() == [(4,)]
        with pytest.raises(StoreError, match="was not created"):
            store.create_run(run)
        with pytest.raises(StoreError, match="cell 4"):
            store.add_cell("20990101-000000-none", a_cell(4), [])
        store.delete_run(RUN_ID)
        assert store.runs() == []
    assert not list((tmp_path / "samples").iterdir())


def test_a_newer_schema_is_refused(server: str, tmp_path: Path) -> None:
    import psycopg

    Store.open(server, tmp_path).close()
    with psycopg.connect(server) as connection:
        connection.execute("UPDATE alembic_version SET version_num='9999'")
    try:
        with pytest.raises(StoreError, match="schema 9999, newer"):
            Store.open(server, tmp_path)
    finally:
        with psycopg.connect(server) as connection:
            connection.execute("UPDATE alembic_version SET version_num='0003'")


def test_without_a_server_the_remedy_names_it(server: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened") as refused:
        Store.open("postgresql://kx@/nothing?host=/nonexistent", tmp_path)
    assert "server runs" in refused.value.remedy
    with pytest.raises(StoreError, match="does not exist"):
        Store.open(server.replace("/postgres?", "/nothing?"), tmp_path)
