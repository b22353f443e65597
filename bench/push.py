"""Sending a run to a dashboard: exported, compressed, with its digest; again after a broken connection."""

import base64
import gzip
import hashlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from results.export import export_run
from results.store import Store
from vocabulary import HostError, RunState, StoreError, UsageError

_TRIES = 3
_PIECE = 2**18
_LIMIT_S = 300.0


def send(store: Store, run_id: str, url: str, token: str) -> bool:
    """Whether it is new there. Raises UsageError for what cannot be sent or is refused, HostError where
    nobody answers, StoreError where it was not kept."""
    run = store.run(run_id)
    if run.state is RunState.RUNNING:
        raise UsageError(f"run {run.run_id} is going on", remedy="push it when it has ended")
    address = _address(url)
    with tempfile.TemporaryDirectory(prefix="kxbench-push-") as folder:
        plain = export_run(store, run.run_id, "json", Path(folder) / "run.json")
        packed = Path(folder) / "run.json.gz"
        with plain.open("rb") as source, gzip.open(packed, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target, _PIECE)
        answer = _sent(address, packed, token)
    return _told(answer, url)


def _address(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise UsageError(f"not a URL: {error}", remedy="as in http://127.0.0.1:8642") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise UsageError(f"not a dashboard's URL: {url!r}", remedy="as in http://127.0.0.1:8642")
    return str(parsed.copy_with(path=parsed.path.rstrip("/") + "/api/v1/runs", query=None, fragment=None))


def _sent(address: str, packed: Path, token: str) -> httpx.Response:
    with packed.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "content-encoding": "gzip",
        "content-length": str(packed.stat().st_size),
        "content-digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
    }
    for attempt in range(1, _TRIES + 1):
        try:
            return httpx.post(
                address, content=_pieces(packed), headers=headers, timeout=_LIMIT_S, trust_env=False
            )
        except httpx.TransportError as error:
            if attempt == _TRIES:
                raise HostError(
                    f"the dashboard does not answer: {error}",
                    where=address,
                    remedy="check the URL, and that `kxbench dashboard --accept-uploads` runs there",
                ) from error
            time.sleep(attempt)
    raise AssertionError("the last attempt returns or raises")


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece


def _told(answer: httpx.Response, url: str) -> bool:
    try:
        told = answer.json()
    except ValueError:
        told = {}
    if answer.status_code in (200, 201) and isinstance(told, dict) and "new" in told:
        return bool(told["new"])
    error = told.get("error", {}) if isinstance(told, dict) else {}
    what = str(error.get("what") or f"the answer is {answer.status_code}, and not a dashboard's")
    remedy = str(error.get("remedy") or "is that the URL of a dashboard?")
    kind = StoreError if answer.status_code >= 500 else UsageError
    raise kind(what, where=url, remedy=remedy)
