"""Uploads: whole or not at all, once or often, by those who have the token."""

import base64
import gzip
import hashlib
import json
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from results.dashboard.app import create_app
from results.dashboard.guard import Access
from results.dashboard.source import Source
from results.export import export_run
from results.store import Store
from tests.results.dashboard.made import TOKEN, Client
from tests.results.made_up import a_cell, a_run, same, some
from vocabulary import RunState

PUSHED = "20250110-101010-beef"


@pytest.fixture
def exported(tmp_path: Path) -> bytes:
    """A run of another machine."""
    with Store.open(tmp_path / "other.sqlite") as other:
        run = a_run(PUSHED, state=RunState.FINISHED, finished_s=1_735_787_050.0, started_s=1_735_787_040.0)
        other.add_run(run, [(a_cell(i), [some([float(i), 2.5])]) for i in range(4)])
        return export_run(other, PUSHED, "json", tmp_path / "run.json").read_bytes()


def digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def send(client: Client, body: bytes, **headers: str) -> httpx.Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return client.post("/api/v1/runs", content=body, headers={"content-digest": digest(body), **named})


def test_a_run_is_kept_with_every_sample_and_shown(taking: Client, store: Store, exported: bytes) -> None:
    answer = send(taking, exported)
    assert answer.status_code == 201 and answer.json() == {"run_id": PUSHED, "new": True}
    assert same(
        [s for _, series in store.samples(PUSHED) for s in series], [some([float(i), 2.5]) for i in range(4)]
    )
    assert PUSHED in taking.get("/").text
    assert taking.get(f"/api/v1/runs/{PUSHED}/export").content == exported


def test_sending_it_again_changes_nothing(taking: Client, store: Store, exported: bytes) -> None:
    send(taking, exported)
    files = {path: path.stat().st_mtime_ns for path in (store.samples_dir / PUSHED).iterdir()}
    reformatted = json.dumps(json.loads(exported), indent=1).encode()
    for body in (exported, reformatted):
        answer = send(taking, body)
        assert answer.status_code == 200 and answer.json() == {"run_id": PUSHED, "new": False}
    packed = gzip.compress(exported)
    assert send(taking, packed, content_encoding="gzip").status_code == 200
    assert {path: path.stat().st_mtime_ns for path in (store.samples_dir / PUSHED).iterdir()} == files


def test_another_run_of_that_name_is_refused_and_the_first_one_stays(
    taking: Client, store: Store, exported: bytes
) -> None:
    send(taking, exported)
    other = json.loads(exported)
    other["run"]["seed"] += 1
    answer = send(taking, json.dumps(other).encode())
    assert answer.status_code == 409 and "delete" in answer.json()["error"]["remedy"]
    assert taking.get(f"/api/v1/runs/{PUSHED}/export").content == exported


def changed(exported: bytes, **run: Any) -> bytes:
    whole = json.loads(exported)
    whole["run"] |= run
    return json.dumps(whole).encode()


def test_what_is_not_a_whole_run_leaves_nothing(taking: Client, store: Store, exported: bytes) -> None:
    before = sorted(store.samples_dir.iterdir())
    nan = exported.replace(b'"samples":[3.0,2.5]', b'"samples":[NaN,2.5]')
    assert nan != exported
    for body in (
        *(b"", b"{}", b"[]", b"null", b"not json", b"\xff\xfe", b"[" * 100_000),
        *(exported[:-5], exported[: len(exported) // 2], nan),
        changed(exported, run_id="../../escaped"),
        changed(exported, run_id="x" * 65),
        changed(exported, run_id="latest"),
        changed(exported, state="running"),
        changed(exported, started_s="soon"),
        exported.replace(b'"version":1', b'"version":2'),
        exported.replace(b'"index":3', b'"index":0'),  # a cell twice
    ):
        answer = send(taking, body)
        assert 400 <= answer.status_code < 500 or answer.status_code == 503, body[:60]
        assert answer.json()["error"]["what"]
        assert not store.has(PUSHED), body[:60]
    assert sorted(store.samples_dir.iterdir()) == before


def test_a_body_that_is_not_what_was_sent_is_refused(taking: Client, store: Store, exported: bytes) -> None:
    packed = gzip.compress(exported)
    for body, headers in (
        (exported, {"content-digest": digest(b"another")}),
        (exported, {"content-digest": "sha-256=:AAAA:"}),
        (exported, {"content-digest": "md5=:AAAA:"}),
        (exported, {"content-digest": ""}),
        (packed[:-9], {"content-digest": digest(packed[:-9]), "content-encoding": "gzip"}),
        (exported, {"content-digest": digest(exported), "content-encoding": "gzip"}),
    ):
        answer = taking.post("/api/v1/runs", content=body, headers=headers)
        assert answer.status_code == 400, headers
    odd = {"content-digest": digest(exported), "content-encoding": "br"}
    assert taking.post("/api/v1/runs", content=exported, headers=odd).status_code == 415
    assert not store.has(PUSHED)


def test_too_large_is_refused_also_when_it_is_packed(source: Source, store: Store, exported: bytes) -> None:
    access = Access(TOKEN, everywhere=True, uploads=True, most_bytes=2**20)
    client = Client(create_app(source, access), token=TOKEN)
    bomb = gzip.compress(b"0" * 50 * 2**20)
    assert len(bomb) < 2**20
    assert send(client, bomb, content_encoding="gzip").status_code == 413
    assert send(client, b"0" * (2**20 + 1)).status_code == 413
    assert send(client, exported).status_code == 201


def test_without_the_right_token_nothing_is_taken(source: Source, store: Store, exported: bytes) -> None:
    app = create_app(source, Access(TOKEN, everywhere=False, uploads=True))
    for token in ("", "wrong", TOKEN[:-1]):
        assert send(Client(app, token=token), exported).status_code == 401
    assert not store.has(PUSHED)
    assert send(Client(app, token=TOKEN), exported).status_code == 201


def test_a_failure_while_keeping_loses_nothing_and_may_be_repeated(
    taking: Client, store: Store, exported: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from results import samples

    written: list[Path] = []
    real = samples.write_durably

    def full_disk(path: Path, content: bytes) -> None:
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        real(path, content)

    with monkeypatch.context() as patched:
        patched.setattr(samples, "write_durably", full_disk)
        answer = send(taking, exported)
    assert answer.status_code == 503 and "space" in answer.text
    assert not store.has(PUSHED) and not (store.samples_dir / PUSHED).exists()
    assert send(taking, exported).status_code == 201


def test_a_crash_between_files_and_rows_is_repaired_by_sending_it_again(
    taking: Client, store: Store, exported: bytes
) -> None:
    left = store.samples_dir / PUSHED
    left.mkdir()
    (left / "00000.parquet").write_bytes(b"half")
    (left / "00001.parquet.77.tmp").write_bytes(b"")
    assert send(taking, exported).status_code == 201
    assert taking.get(f"/api/v1/runs/{PUSHED}/export").content == exported


def test_the_same_run_at_once_is_kept_once(taking: Client, store: Store, exported: bytes) -> None:
    found: list[int] = []
    senders = [
        threading.Thread(target=lambda: found.append(send(taking, exported).status_code)) for _ in range(4)
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(timeout=180)
    assert sorted(found) == [200, 200, 200, 201]
    assert taking.get(f"/api/v1/runs/{PUSHED}/export").content == exported


def test_a_run_of_a_plan_that_is_not_known_here_is_judged_all_the_same(
    taking: Client, source: Source, store: Store, exported: bytes
) -> None:
    from bench.judged import judge_what_is_not

    odd = json.loads(exported)
    odd["run"]["plan"] = {"targets": "a newer form", "cases": 3}
    assert send(taking, json.dumps(odd).encode()).status_code == 201
    assert list(judge_what_is_not(store, set())) == [(PUSHED, "")]
    assert taking.get(f"/runs/{PUSHED}").status_code == 200


def test_a_run_that_cannot_be_judged_does_not_hold_up_the_others(store: Store) -> None:
    from bench.judged import judge_what_is_not

    for number, run_id in enumerate(("20250111-000000-aaaa", "20250112-000000-bbbb")):
        run = a_run(run_id, state=RunState.FINISHED, started_s=1_736_500_000.0 + number)
        store.add_run(replace(run, plan={"targets": ["process"]}), [(a_cell(), [some()])])
    (store.samples_dir / "20250111-000000-aaaa" / "00000.parquet").write_bytes(b"damaged")
    failed: set[str] = set()
    told = dict(judge_what_is_not(store, failed))
    assert "samples" in told["20250111-000000-aaaa"] and told["20250112-000000-bbbb"] == ""
    assert failed == {"20250111-000000-aaaa"} and not dict(judge_what_is_not(store, failed))
