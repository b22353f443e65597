"""Answers with an ETag, compressed where that is understood, kept until the store changes."""

import gzip
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response

from results.dashboard.source import Source
from results.tables import to_json

HTML, JSON = "text/html; charset=utf-8", "application/json"
_LEAST_COMPRESSED = 2048


@dataclass(frozen=True, slots=True)
class Answer:
    body: bytes
    small: bytes | None  # gzip
    kind: str
    etag: str

    @classmethod
    def of(cls, body: bytes, kind: str) -> "Answer":
        small = gzip.compress(body, 1, mtime=0) if len(body) >= _LEAST_COMPRESSED else None
        return cls(body, small, kind, f'W/"{hashlib.sha256(body).hexdigest()[:32]}"')


def etag_matches(header: str, etag: str) -> bool:
    """RFC 9110, 13.1.2: weak comparison with any of the list, or ``*``."""
    strong = etag.removeprefix("W/")
    return any(one.strip() == "*" or one.strip().removeprefix("W/") == strong for one in header.split(","))


def respond(
    request: Request, answer: Answer, cache: str = "private, no-cache", more: Mapping[str, str] | None = None
) -> Response:
    """304 where the asker has it already."""
    headers = {"etag": answer.etag, "cache-control": cache, "vary": "accept-encoding, cookie", **(more or {})}
    if etag_matches(request.headers.get("if-none-match", ""), answer.etag):
        return Response(status_code=304, headers=headers)
    body = answer.body
    if answer.small is not None and "gzip" in request.headers.get("accept-encoding", ""):
        body = answer.small
        headers["content-encoding"] = "gzip"
    return Response(body, media_type=answer.kind, headers=headers)


def kept_page(request: Request, source: Source, make: Callable[[], str]) -> Response:
    """A page, made once for an address until the store changes."""
    key = ("page", request.url.path, request.url.query)
    return respond(request, source.kept(key, lambda: Answer.of(make().encode("utf-8", "replace"), HTML)))


def kept_json(request: Request, source: Source, make: Callable[[], Any]) -> Response:
    key = ("json", request.url.path, request.url.query)
    return respond(request, source.kept(key, lambda: json_answer(make())))


def json_answer(value: Any) -> Answer:
    return Answer.of(to_json(value).encode("ascii"), JSON)
