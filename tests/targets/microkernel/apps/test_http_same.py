"""The same requests to this server and to nginx: the same status, body and fields that matter."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from tests.local import free_port
from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.serving import Served, serving

MODIFIED_S = 784111777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
CONFIG = """daemon off; worker_processes 1; user root; pid {state}/pid; error_log stderr crit;
events {{ }}
http {{
    access_log off; root "{root}"; default_type application/octet-stream;
    types {{ text/html html; text/plain txt; }}
    client_body_temp_path {state}/1; proxy_temp_path {state}/2; fastcgi_temp_path {state}/3;
    uwsgi_temp_path {state}/4; scgi_temp_path {state}/5;
    server {{ listen 127.0.0.1:{port}; absolute_redirect off; }}
}}
"""


@dataclass(frozen=True)
class Both:
    ours: Served
    theirs: Served


@pytest.fixture(scope="module")
def both(start: Start) -> Iterator[Both]:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if not nginx:
        pytest.skip("nginx is not installed")
    with tempfile.TemporaryDirectory(prefix="kxb-test-") as name:
        root, state, port = Path(name) / "root", Path(name) / "state", free_port()
        state.mkdir()
        (root / "folder").mkdir(parents=True)
        (root / "empty folder").mkdir()
        (root / "a.txt").write_bytes(bytes(range(256)) * 4)
        (root / "empty.txt").write_bytes(b"")
        (root / "index.html").write_text("<p>root</p>")
        (root / "folder" / "index.html").write_text("<p>folder</p>")
        (root / "sp ace%.txt").write_text("odd name")
        (root / "noextension").write_text("x")
        for path in root.rglob("*"):
            os.utime(path, (MODIFIED_S, MODIFIED_S))
        (state / "conf").write_text(CONFIG.format(root=root, state=state, port=port))
        command = [nginx, "-p", str(state), "-e", "stderr", "-c", str(state / "conf")]
        with serving(command, port, unasked=False) as theirs:
            yield Both(start("http", "--root", root, "--out", "700"), theirs)


COMPARED = (
    "content-length",
    "content-range",
    "last-modified",
    "etag",
    "connection",
    "allow",
    "location",
    "content-type",
)


def answer(served: Served, request: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = served.tell(request, finish=False).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = {}
    for line in lines:
        name, _, value = line.partition(": ")
        fields[name.lower()] = value
    return int(first.split()[1]), fields, body


def compare(both: Both, request: bytes, *, page: bool = True) -> None:
    """``page``: an error's own page and what describes it differ."""
    ours, theirs = answer(both.ours, request), answer(both.theirs, request)
    assert ours[0] == theirs[0], (request, ours, theirs)
    for name in COMPARED:
        if ours[0] >= 300 and name in ("content-length", "content-type", "etag", "last-modified", "allow"):
            continue
        assert ours[1].get(name) == theirs[1].get(name), (request, name, ours, theirs)
    if ours[0] < 300:
        assert ours[2] == theirs[2], request


def request(method: str = "GET", target: str = "/a.txt", *fields: str, version: str = "1.1") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: test", "Connection: close", *fields]
    return "".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1")


_TARGETS = """
/a.txt /empty.txt / /index.html /folder /folder/ /none /none/ /a.txt/ /a.txt?query /a.txt?a/../b /?x
/%61.txt /%2561.txt /sp%20ace%25.txt /noextension /folder/../a.txt /folder/./index.html /./a.txt /..
/../a.txt /folder/../../a.txt /%2e%2e/a.txt /folder%2findex.html /..%2fa.txt /%2e%2e%2fa.txt //a.txt
//folder//index.html /a.txt%00 /%zz /%2 /% /empty%20folder/ /empty%20folder http://test/a.txt
http://test HTTP://test:80/folder/ /folder/... /..a /...txt /folder/.. /folder/. /. /a.txt;x
"""
TARGETS = _TARGETS.split()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_targets(both: Both, method: str, target: str) -> None:
    compare(both, request(method, target))


_RANGES = """
bytes=0-0 bytes=0-1023 bytes=0-1024 bytes=1023- bytes=1024- bytes=5-4 bytes=-1 bytes=-0 bytes=-2000
bytes=x bytes=1-x bytes= items=0-1 bytes=0-99999999999999 bytes=99999999999999- bytes=- bytes=--1
BYTES=1-2
"""
RANGES = _RANGES.split()


@pytest.mark.parametrize("value", RANGES)
def test_ranges(both: Both, value: str) -> None:
    ours, theirs = (answer(s, request("GET", "/a.txt", f"Range: {value}")) for s in (both.ours, both.theirs))
    if theirs[0] == 416 and ours[0] == 200:  # nginx answers 416 to what RFC 9110 says to ignore
        assert value in ("bytes=5-4", "bytes=x", "bytes=1-x", "bytes=", "bytes=-", "bytes=--1")
    else:
        compare(both, request("GET", "/a.txt", f"Range: {value}"))


DATES = [
    DATE,
    b"Sunday, 06-Nov-94 08:49:37 GMT",
    b"Sun Nov  6 08:49:37 1994",
    b"Sun, 06 Nov 1994 08:49:36 GMT",
    b"Mon, 01 Jan 2024 00:00:00 GMT",
    b"Thu, 29 Feb 2024 00:00:00 GMT",
    b"nonsense",
    b"Sun, 06 Foo 1994 08:49:37 GMT",
    b"Sun, 06 Nov 1994 08:49:37 PST",
]
NO_DATES = (b"nonsense", b"Sun, 06 Foo 1994 08:49:37 GMT")
LATER = {b"Mon, 01 Jan 2024 00:00:00 GMT", b"Thu, 29 Feb 2024 00:00:00 GMT"}


@pytest.mark.parametrize("date", DATES, ids=lambda d: d.decode())
@pytest.mark.parametrize("field", ["If-Modified-Since", "If-Unmodified-Since", "If-Range"])
def test_dates(both: Both, field: str, date: bytes) -> None:
    extra = ["Range: bytes=1-2"] if field == "If-Range" else []
    sent = request("GET", "/a.txt", f"{field}: {date.decode()}", *extra)
    if (
        field == "If-Modified-Since" and date in LATER
    ):  # nginx by default wants the same time; the RFC says "or later"
        assert answer(both.ours, sent)[0] == 304
    elif date == b"Sun, 06 Nov 1994 08:49:37 PST":  # to nginx any zone is GMT
        assert answer(both.ours, sent)[0] == 200
    elif (
        field == "If-Unmodified-Since" and date in NO_DATES
    ):  # to be ignored (RFC 9110 section 13.1.4); nginx: 412
        assert answer(both.ours, sent)[0] == 200
    else:
        compare(both, sent)


def test_tags(both: Both) -> None:
    tag = answer(both.theirs, request())[1]["etag"]
    assert answer(both.ours, request())[1]["etag"] == tag
    values = [
        tag,
        f"W/{tag}",
        "*",
        '"x"',
        f'"x", {tag}',
        f'"x",W/{tag} ',
        tag.strip('"'),
        f'"{tag}',
        "",
        ",,",
        f"{tag}x",
    ]
    for field, value in product(("If-Match", "If-None-Match"), values):
        for method in ("GET", "HEAD"):
            ours, theirs = (
                answer(s, request(method, "/a.txt", f"{field}: {value}"))[0] for s in (both.ours, both.theirs)
            )
            assert ours == theirs or value in ("", ",,", f'"{tag}', f"{tag}x"), (field, value, ours, theirs)
    for value in (tag, f"W/{tag}", '"x"'):
        compare(both, request("GET", "/a.txt", f"If-Range: {value}", "Range: bytes=3-5"))


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("connection", ["", "close", "keep-alive", "Keep-Alive", "x, close", "upgrade"])
def test_connections(both: Both, version: str, connection: str) -> None:
    """Two requests; the second is answered only if the connection stays."""
    lines = f"GET /a.txt HTTP/{version}\r\nHost: test\r\n" + (
        f"Connection: {connection}\r\n" if connection else ""
    )
    sent = (lines + "\r\n").encode() + request("HEAD", "/a.txt")
    ours, theirs = both.ours.tell(sent, finish=False), both.theirs.tell(sent, finish=False)
    assert ours.count(b"HTTP/1.1 200") == theirs.count(b"HTTP/1.1 200")
    expected = 1 if "close" in connection or (version == "1.0" and connection.lower() != "keep-alive") else 2
    assert ours.count(b"HTTP/1.1 200") == expected
    assert (b"\r\nConnection: keep-alive\r\n" in ours) == (version == "1.0" and expected == 2)
    assert ours.count(b"\r\nConnection: close\r\n") == 1


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods(both: Both, method: str) -> None:
    compare(both, request(method, "/a.txt", "Content-Length: 3") + b"abc")
    assert answer(both.ours, request(method))[1]["allow"] == "GET, HEAD"
