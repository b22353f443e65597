"""Taking in runs of other machines: whole, checked, and as often as one likes.

An upload goes to a file first, is held against its digest, then kept in one transaction: one that breaks off
leaves nothing, and sending it again does what it should have done."""

import base64
import binascii
import hashlib
import hmac
import tempfile
import threading
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from results.dashboard import models
from results.dashboard.answers import json_answer, respond
from results.dashboard.guard import Access, given_token
from results.dashboard.source import Source
from results.export import export_run, header_of, import_json
from results.tables import to_json
from vocabulary import KxbenchError, RunRecord, RunState

_PIECE = 2**16


class Refused(Exception):
    def __init__(self, status: int, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.status, self.what, self.remedy = status, what, remedy


def refusal(status: int, what: str, remedy: str = "") -> Response:
    body = to_json({"error": {"what": what, "remedy": remedy}})
    more = {"www-authenticate": "Bearer"} if status == 401 else {}
    return Response(body, status_code=status, media_type="application/json", headers=more)


def digest_of(header: str) -> bytes:
    """The SHA-256 of a Content-Digest field (RFC 9530). Raises Refused."""
    for part in header.split(","):
        name, _, value = part.strip().partition("=")
        if name.lower() == "sha-256" and value.startswith(":") and value.endswith(":"):
            try:
                found = base64.b64decode(value[1:-1], validate=True)
            except binascii.Error:
                break
            if len(found) == hashlib.sha256().digest_size:
                return found
    raise Refused(
        400, "the upload has no sha-256 in its Content-Digest", "send it with `kxbench push`, or see RFC 9530"
    )


_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"model": models.Refusal, "description": what}
    for code, what in {
        400: "No digest, or the body is not what it was when it was sent",
        401: "No token, or a wrong one",
        403: "This dashboard takes no uploads",
        409: "A run of that id with other contents is there",
        413: "Larger than is taken",
        415: "An encoding that is not taken",
        422: "Not an export of kxbench",
        503: "It could not be kept",
    }.items()
}


def uploads_router(source: Source, access: Access, taken: Callable[[str], None]) -> APIRouter:
    """``taken`` is told of each new run."""
    router = APIRouter(prefix="/api/v1")
    one_at_a_time = threading.Lock()
    body = {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    told: dict[int | str, dict[str, Any]] = {
        200: {"model": models.Kept, "description": "The same run is there already"},
        201: {"model": models.Kept, "description": "Kept"},
    }

    @router.post(
        "/runs",
        summary="Take in a run as `kxbench export` writes it",
        responses={**told, **_ERRORS},
        response_class=Response,
        status_code=201,
        openapi_extra={"requestBody": body, "security": [{"token": []}]},
    )
    async def upload(
        request: Request,
        content_digest: Annotated[str, Header(description="of the body, RFC 9530: sha-256")] = "",
    ) -> Response:
        try:
            if not access.uploads:
                raise Refused(403, "this dashboard takes no uploads", "start it with --accept-uploads")
            if not access.holds(given_token(request.headers)):
                raise Refused(401, "a token is needed", "give the dashboard's token file to `kxbench push`")
            with tempfile.TemporaryDirectory(prefix="kxbench-upload-") as folder:
                path = Path(folder) / "upload.json"
                await _received(request, path, access.most_bytes, digest_of(content_digest))
                return await run_in_threadpool(_keep, source, path, one_at_a_time, taken, request)
        except Refused as refused:
            return refusal(refused.status, refused.what, refused.remedy)
        except ClientDisconnect:
            return refusal(400, "the upload broke off")

    return router


async def _received(request: Request, path: Path, most: int, digest: bytes) -> None:
    """The body, uncompressed, in a file. Raises Refused as soon as it is too large."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip"):
        raise Refused(415, f"the encoding {coding[:40]!r} is not taken", "send it as it is, or with gzip")
    unpack = zlib.decompressobj(16 + zlib.MAX_WBITS) if coding == "gzip" else None
    seen, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        async for piece in request.stream():
            seen.update(piece)
            try:
                while piece:
                    part = piece if unpack is None else unpack.decompress(piece, _PIECE)
                    size += len(part)
                    if size > most:
                        raise _too_large(most)
                    file.write(part)
                    piece = b"" if unpack is None else unpack.unconsumed_tail
            except zlib.error as error:
                raise Refused(400, "the body is not gzip", "send it again") from error
    if not hmac.compare_digest(seen.digest(), digest) or (unpack is not None and not unpack.eof):
        raise Refused(
            400, "the body is not what it was when it was sent: its digest differs", "send it again"
        )


def _too_large(most: int) -> Refused:
    return Refused(
        413, f"the upload is larger than {most // 2**20} MiB", "start the dashboard with a larger --most-mib"
    )


def _keep(
    source: Source, path: Path, one_at_a_time: threading.Lock, taken: Callable[[str], None], request: Request
) -> Response:
    try:
        with one_at_a_time:
            run = header_of(path)
            _check(run)
            if source.store.has(run.run_id):
                return _there_already(request, source, run.run_id, path)
            import_json(source.store, path)
    except KxbenchError as error:
        bad = "export" in error.remedy or "export" in error.what or "cannot name a run" in error.what
        return refusal(422 if bad else 503, error.what, error.remedy)
    taken(run.run_id)
    answer = respond(request, json_answer({"run_id": run.run_id, "new": True}))
    answer.status_code = 201
    return answer


def _check(run: RunRecord) -> None:
    if run.state is RunState.RUNNING:
        raise Refused(422, f"run {run.run_id} is going on", "push it when it has ended")
    if len(run.run_id.encode()) > 64 or run.run_id == "latest":
        raise Refused(422, "that cannot name a run", "use letters, digits and dashes")


def _there_already(request: Request, source: Source, run_id: str, path: Path) -> Response:
    """The same run says the same, to the byte, however it was formatted: an export of an export is equal."""
    from results.store import Store

    kept = export_run(source.store, run_id, "json", path.with_name("kept.json"))
    with Store.open(path.with_name("other.sqlite")) as other:
        import_json(other, path)
        sent = export_run(other, run_id, "json", path.with_name("sent.json"))
    if kept.read_bytes() == sent.read_bytes():
        return respond(request, json_answer({"run_id": run_id, "new": False}))
    return refusal(
        409,
        f"a run {run_id} with other contents is there",
        f"keep that one, or remove it there first with `kxbench delete {run_id}`",
    )
