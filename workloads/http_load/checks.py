"""The correctness pass on HTTP, by httpx."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from email.utils import format_datetime, formatdate, parsedate_to_datetime

import httpx

from vocabulary import Endpoint, Place
from workloads.http_load.pages import MODIFIED_S, SIZES, Pages, name_of
from workloads.services.checks import Checks, same, true

TIMEOUT_S = 20.0
_MORE_ON_ONE = 8


@dataclass(frozen=True, slots=True)
class Client:
    ask: httpx.Client
    pages: Pages


CHECKS: Checks[Client] = Checks("HTTP", (httpx.HTTPError, httpx.InvalidURL, ValueError))


def verify(data: Pages, place: Place, endpoint: Endpoint, features: Collection[str] = ()) -> int:
    """Ask from ``place``; all features when none are named. Returns how many questions were asked.

    Raises TargetError naming the first wrong answer, UsageError on an unknown feature."""
    where = f"{endpoint.host}:{endpoint.port}"
    with (
        place.entered(),
        httpx.Client(
            base_url=f"http://{where}",
            timeout=TIMEOUT_S,
            trust_env=False,
            headers={"accept-encoding": "identity"},
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
        ) as client,
    ):
        return CHECKS.run(Client(client, data), where, features)


def _whole(c: Client, size: int, method: str = "GET") -> httpx.Response:
    name = name_of(size)
    response = c.ask.request(method, f"/{name}")
    same(f"{method} {name}: status", response.status_code, 200)
    same(f"{method} {name}: Content-Length", response.headers.get("content-length"), str(size))
    return response


def _content(c: Client, response: httpx.Response, size: int) -> None:
    same(f"length of {name_of(size)}", len(response.content), size)
    same(
        f"SHA-256 of {name_of(size)}",
        hashlib.sha256(response.content).hexdigest(),
        c.pages.hashes[size],
    )


@CHECKS.of("get")
def _every_page(c: Client) -> None:
    for size in SIZES:
        response = _whole(c, size)
        _content(c, response, size)
        same(f"type of {name_of(size)}", response.headers.get("content-type", "").split(";")[0], "text/html")


@CHECKS.of("get")
def _a_page_that_is_not_there(c: Client) -> None:
    same("GET of an absent page: status", c.ask.get("/no-such-page.html").status_code, 404)
    same("HEAD of an absent page: status", c.ask.head("/no-such-page.html").status_code, 404)


@CHECKS.of("get")
def _no_way_out_of_the_root(c: Client) -> None:
    status = c.ask.get("/..%2fmanifest.json").status_code
    true(f"GET of a file above the root: status {status}", status in (400, 403, 404))


@CHECKS.of("head")
def _head(c: Client) -> None:
    for size in SIZES:
        same(f"body of HEAD {name_of(size)}", _whole(c, size, "HEAD").content, b"")


@CHECKS.of("keep_alive")
def _several_requests_on_one_connection(c: Client) -> None:
    streams = set()
    for _ in range(_MORE_ON_ONE):
        response = _whole(c, SIZES[0])
        _content(c, response, SIZES[0])
        network = response.extensions["network_stream"]
        streams.add(network.get_extra_info("client_addr"))
    same(f"connections that {_MORE_ON_ONE} requests took", len(streams), 1)


@CHECKS.of("keep_alive")
def _connection_close_is_honoured(c: Client) -> None:
    response = c.ask.get(f"/{name_of(SIZES[0])}", headers={"connection": "close"})
    _content(c, response, SIZES[0])
    same("Connection of the answer", response.headers.get("connection", "").lower(), "close")


@CHECKS.of("range")
def _a_range_of_bytes(c: Client) -> None:
    size = SIZES[1]
    whole = _whole(c, size).content
    for start, stop in ((0, 0), (100, 199), (size - 10, size - 1)):
        what = f"bytes {start}-{stop}"
        response = c.ask.get(f"/{name_of(size)}", headers={"range": f"bytes={start}-{stop}"})
        same(f"{what}: status", response.status_code, 206)
        same(f"{what}: Content-Range", response.headers.get("content-range"), f"bytes {start}-{stop}/{size}")
        true(f"{what}: other content", response.content == whole[start : stop + 1])
    response = c.ask.get(f"/{name_of(size)}", headers={"range": f"bytes={size}-"})
    same("a range past the end: status", response.status_code, 416)


@CHECKS.of("conditional")
def _if_modified_since(c: Client) -> None:
    path = f"/{name_of(SIZES[0])}"
    told = parsedate_to_datetime(_whole(c, SIZES[0]).headers.get("last-modified", ""))
    same("Last-Modified", int(told.timestamp()), MODIFIED_S)
    response = c.ask.get(path, headers={"if-modified-since": format_datetime(told, usegmt=True)})
    same("If-Modified-Since the same time: status", response.status_code, 304)
    same("body of the 304", response.content, b"")
    earlier = formatdate(MODIFIED_S - 60, usegmt=True)
    unmodified = c.ask.get(path, headers={"if-unmodified-since": earlier})
    same("If-Unmodified-Since earlier: status", unmodified.status_code, 412)
