"""The commands dashboard and push, as processes: what they refuse, and what survives a broken upload."""

import shutil
import socket
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from results.store import Store
from tests.results.dashboard.made import BEFORE, LATEST, TOKEN
from tests.results.dashboard.served import Served, kxbench
from vocabulary import EXIT_HOST, EXIT_OK, EXIT_STORE, EXIT_USAGE


def get(url: str) -> httpx.Response:
    return httpx.get(url, trust_env=False, timeout=60)


@pytest.fixture
def copy(judged: Path, tmp_path: Path) -> Path:
    shutil.copytree(judged, tmp_path / "store")
    return tmp_path / "store" / "kxbench.sqlite"


def test_push_takes_runs_to_another_store_once(copy: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    with Served(there, "--accept-uploads", KXBENCH_TOKEN=TOKEN) as url:
        first = kxbench("push", url, "--all", "--store", copy, KXBENCH_TOKEN=TOKEN)
        assert first.returncode == EXIT_OK, first.stderr
        assert first.stdout.split("\n")[:2] == [f"pushed {BEFORE}", f"pushed {LATEST}"]
        again = kxbench("push", url, LATEST[:8], "--store", copy, KXBENCH_TOKEN=TOKEN)
        assert again.returncode == EXIT_OK and "there already" in again.stdout
        wrong = kxbench("push", url, "--store", copy, KXBENCH_TOKEN="x" * 32)
        assert wrong.returncode == EXIT_USAGE and "token" in wrong.stderr
        assert get(url + "/").status_code == 303 or get(url + "/").status_code == 200
    with Store.open(there) as kept, Store.open(copy) as own:
        assert [run.run_id for run in kept.runs()] == [BEFORE, LATEST]
        assert kept.cells(LATEST) == own.cells(LATEST)


def test_an_upload_that_breaks_off_leaves_nothing_and_the_server_goes_on(copy: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    with Served(there, "--accept-uploads", KXBENCH_TOKEN=TOKEN) as url:
        at = urlsplit(url)
        for sent in (b"", b'{"format":"kxbench-export"', b"x" * 100_000):
            with socket.create_connection((at.hostname, at.port), timeout=30) as connection:
                head = f"POST /api/v1/runs HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: Bearer {TOKEN}\r\n"
                head += "Content-Digest: sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:\r\n"
                connection.sendall(f"{head}Content-Length: 10000000\r\n\r\n".encode() + sent)
        assert kxbench("push", url, LATEST, "--store", copy, KXBENCH_TOKEN=TOKEN).returncode == EXIT_OK
    with Store.open(there) as kept:
        assert [run.run_id for run in kept.runs()] == [LATEST]
    assert [path.name for path in (tmp_path / "samples").iterdir()] == [LATEST]


def test_a_port_in_use_is_told_with_a_remedy(copy: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = kxbench("dashboard", "--store", copy, "--port", port)
    assert done.returncode == EXIT_HOST
    assert (
        f"port {port} is in use" in done.stderr and "--port" in done.stderr and "Traceback" not in done.stderr
    )


def contents(store: Path) -> object:
    """Every row, or the bytes of what is no database."""
    db = sqlite3.connect(store)
    try:
        return list(db.iterdump())
    except sqlite3.DatabaseError:
        return store.read_bytes()
    finally:
        db.close()


def test_stores_that_cannot_be_shown_are_told_and_left_alone(tmp_path: Path, copy: Path) -> None:
    corrupt = tmp_path / "corrupt.sqlite"
    corrupt.write_bytes(b"not a database, " * 1000)
    db = sqlite3.connect(copy)
    db.execute("UPDATE alembic_version SET version_num = '9999'")
    db.commit()
    db.close()
    for store, words in ((corrupt, "not a database"), (copy, "newer")):
        before = contents(store)
        for arguments in (("--port", "0"), ("--export", tmp_path / "site")):
            done = kxbench("dashboard", "--store", store, *arguments)
            assert done.returncode == EXIT_STORE and words in done.stderr, done.stderr
        assert contents(store) == before


def test_wrong_use_is_told(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for arguments, words in (
        (("dashboard", "--host", "0.0.0.0"), "token"),
        (("dashboard", "--host", "no such host.invalid"), "token"),
        (("dashboard", "--accept-uploads"), "token"),
        (("dashboard", "--token-file", tmp_path / "absent"), "cannot be read"),
        (("dashboard", "--export", tmp_path / "full"), "is there already"),
        (("push", "http://127.0.0.1:9"), "token"),
    ):
        done = kxbench(*arguments, "--store", copy)
        assert done.returncode == EXIT_USAGE and words in done.stderr, (arguments, done.stderr)
    for url, code in (
        ("http://127.0.0.1:9", EXIT_HOST),
        ("nonsense", EXIT_USAGE),
        ("ftp://host", EXIT_USAGE),
    ):
        done = kxbench("push", url, "--store", copy, KXBENCH_TOKEN=TOKEN)
        assert done.returncode == code and "Traceback" not in done.stderr, url


def test_a_store_on_a_read_only_medium_is_shown(judged: Path, tmp_path: Path) -> None:
    from bench.dashboard import hooks
    from results.dashboard.app import create_app
    from results.dashboard.guard import Access
    from results.dashboard.source import Source
    from tests.results.dashboard.made import Client

    shutil.copytree(judged, tmp_path / "ro")
    with Store.open(tmp_path / "ro" / "kxbench.sqlite") as store:
        with store.writing("a run without figures") as connection:
            connection.exec_driver_sql("UPDATE runs SET judged_s = NULL")
        store.writable = False
        client = Client(create_app(Source(store, hooks()), Access()))
        assert "kylinx" in client.get(f"/runs/{LATEST}").text  # judged for the page, and not kept
        assert client.get("/").status_code == 200
        with store.reading("what is kept") as connection:
            assert connection.exec_driver_sql("SELECT count(judged_s) FROM runs").scalar() == 0
