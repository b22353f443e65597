"""Requests that two parsers might read in two ways, that never end, that are too large."""

import random
import socket
import time
from pathlib import Path

import pytest

from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.serving import TIMEOUT_S, Served, everything

GET = b"GET /f HTTP/1.1\r\nHost: h\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("root") / "root"
    root.mkdir()
    (root.parent / "secret").write_text("secret")
    (root / "f").write_text("body")
    (root / "last").write_text("last")
    (root / "big").write_bytes(bytes(range(256)) * 4096)
    return root


@pytest.fixture(scope="module")
def served(start: Start, root: Path) -> Served:
    return start("http", "--root", root)


def statuses(answer: bytes) -> list[int]:
    return [int(part[2:5]) for part in answer.split(b"HTTP/1.")[1:]]


REFUSED = {
    # two lengths, or a length in two ways (RFC 9112 section 6.3)
    GET + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd": 400,
    GET + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc": 400,
    GET + b"Content-Length: 3, 3\r\n\r\nabc": 400,
    GET + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    GET + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n": 400,
    GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    GET + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n": 400,
    GET + b"Transfer-Encoding: identity\r\n\r\n": 501,
    GET + b"Transfer-Encoding: chunked, gzip\r\n\r\n": 501,
    GET + b"Transfer-Encoding: gzip, chunked\r\n\r\n": 501,
    GET + b"Transfer-Encoding: xchunked\r\n\r\n": 501,
    GET + b"Transfer-Encoding: \x0bchunked\r\n\r\n": 400,
    GET + b"Transfer-Encoding:\r\n\r\n": 501,
    b"GET /f HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": 400,
    # lengths that are none
    GET + b"Content-Length: -1\r\n\r\n": 400,
    GET + b"Content-Length: +3\r\n\r\nabc": 400,
    GET + b"Content-Length: 0x3\r\n\r\nabc": 400,
    GET + b"Content-Length: 3 4\r\n\r\nabc": 400,
    GET + b"Content-Length:\r\n\r\n": 400,
    GET + b"Content-Length: 18446744073709551616\r\n\r\n": 400,
    GET + b"Content-Length: 99999999999999999999999\r\n\r\n": 400,
    GET + b"Content-Length: 1048577\r\n\r\n": 413,
    GET + b"Content-Length: 18446744073709551615\r\n\r\n": 413,
    # lines: blanks before the colon, folded, ended wrongly
    GET + b"Content-Length : 3\r\n\r\nabc": 400,
    GET + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n": 400,
    GET + b" Content-Length: 3\r\n\r\nabc": 400,
    GET + b"X: a\r\n b\r\n\r\n": 400,
    GET + b"X: a\r\n\tTransfer-Encoding: chunked\r\n\r\n": 400,
    GET + b"X: a\nContent-Length: 3\r\n\r\n": 400,
    GET + b"X: a\rContent-Length: 3\r\n\r\n": 400,
    GET + b"X: a\r\r\n\r\n": 400,
    GET + b"X: a\n\n": 400,
    b"GET /f HTTP/1.1\nHost: h\n\n": 400,
    b"GET /f HTTP/1.1\rHost: h\r\n\r\n": 400,
    # characters that no field may have
    GET + b"X: a\0b\r\n\r\n": 400,
    GET + b"X: a\x7fb\r\n\r\n": 400,
    GET + b"X\0: a\r\n\r\n": 400,
    GET + b"X(): a\r\n\r\n": 400,
    GET + b"X\xff: a\r\n\r\n": 400,
    GET + b": a\r\n\r\n": 400,
    GET + b"no colon\r\n\r\n": 400,
    # hosts
    b"GET /f HTTP/1.1\r\n\r\n": 400,
    b"GET /f HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n": 400,
    b"GET /f HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n": 400,
    b"GET /f HTTP/1.1\r\nHost: a/b\r\n\r\n": 400,
    b"GET /f HTTP/1.1\r\nHost: a@b\r\n\r\n": 400,
    # the line
    b"GET  /f HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /f  HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /f HTTP/1.1 \r\nHost: h\r\n\r\n": 400,
    b" GET /f HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET\t/f HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /f\r\nHost: h\r\n\r\n": 400,
    b"GET /f\r\n\r\n": 400,
    b"GET f HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET * HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /f#x HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /f\0 HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /\xc3\xa4 HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /f HTTP/1\r\nHost: h\r\n\r\n": 400,
    b"GET /f HTTP/11.1\r\nHost: h\r\n\r\n": 400,
    b"GET /f http/1.1\r\nHost: h\r\n\r\n": 400,
    b"GET /f HTTP/0.9\r\nHost: h\r\n\r\n": 505,
    b"GET /f HTTP/2.0\r\nHost: h\r\n\r\n": 505,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": 505,
    b"get /f HTTP/1.1\r\nHost: h\r\n\r\n": 501,
    b"FROB /f HTTP/1.1\r\nHost: h\r\n\r\n": 501,
    b"G(T /f HTTP/1.1\r\nHost: h\r\n\r\n": 400,
    # too large
    b"GET /" + b"a" * 8192 + b" HTTP/1.1\r\nHost: h\r\n\r\n": 414,
    b"GET /" + b"a" * 100_000: 414,
    GET + b"X: " + b"a" * 20_000 + b"\r\n\r\n": 431,
    GET + b"X: " + b"a" * 100_000: 431,
    GET + b"X: a\r\n" * 101 + b"\r\n": 431,
    GET + b"X: a\r\n" * 50_000: 431,
    b"GET /" + b"a" * 600 + b" HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n": 414,
}


@pytest.mark.parametrize("request_", REFUSED, ids=lambda r: repr(r)[2:60])
def test_refused_and_closed(served: Served, request_: bytes) -> None:
    """What follows is not read as a request."""
    answer = served.tell(request_ + LAST, finish=False)
    assert statuses(answer) == [REFUSED[request_]]
    assert b"\r\nConnection: close\r\n" in answer and b"last" not in answer


TAKEN = {
    GET + b"Content-Length: 3\r\n\r\nabc": b"body",
    GET + b"Content-Length: 0\r\n\r\n": b"body",
    GET + b"Content-Length: 007\r\n\r\nabcdefg": b"body",
    GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n": b"body",
    GET
    + b'Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\nA;x="y"\r\n0123456789\r\n00\r\nT: v\r\n\r\n': b"body",
    GET + b"X:\r\nY: \t \r\nZ: \xe4\tb\r\n\r\n": b"body",
    b"\r\n\r\n" + GET + b"\r\n": b"body",
    b"GET /f HTTP/1.9\r\nHost: [::1]:80\r\n\r\n": b"body",
    b"GET http://h/f HTTP/1.1\r\nHost: h\r\n\r\n": b"body",
    b"POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nGET /": b"405",
    b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n": b"405",
    b"GET /" + b"a" * 500 + b" HTTP/1.1\r\nHost: h\r\n\r\n": b"404",
}


@pytest.mark.parametrize("slowly", [False, True], ids=["at once", "byte by byte"])
@pytest.mark.parametrize("request_", TAKEN, ids=lambda r: repr(r)[2:60])
def test_taken_and_gone_on_with(served: Served, request_: bytes, slowly: bool) -> None:
    """Its body is dropped and the next request found."""
    answer = served.tell(request_ + LAST, slowly=slowly, finish=False)
    assert len(statuses(answer)) == 2 and TAKEN[request_] in answer and answer.endswith(b"last")


CHUNKS = [
    b"x\r\n",
    b"\r\n",
    b"-1\r\n",
    b"3 \r\nabc\r\n0\r\n\r\n",
    b"3\nabc\n0\n\n",
    b"3\r\nabcd\r\n0\r\n\r\n",
    b"3\r\nabc0\r\n\r\n",
    b"0x3\r\nabc\r\n0\r\n\r\n",
    b";x\r\n",
    b"ffffffffffffffff1\r\n",
    b"100001\r\n",
    b"100000000\r\n",
    b"1\r\na\r\n0\r\n : x\r\n\r\n",
    b"1;" + b"x" * 1000,
    b"0\r\nX: " + b"y" * 20_000,
]


@pytest.mark.parametrize("body", CHUNKS, ids=lambda b: repr(b)[2:40])
def test_chunks_that_are_malformed_end_the_connection(served: Served, body: bytes) -> None:
    answer = served.tell(GET + b"Transfer-Encoding: chunked\r\n\r\n" + body + LAST, finish=False)
    assert statuses(answer) == [200] and b"last" not in answer


def test_a_client_that_waits_for_leave_to_send(served: Served) -> None:
    answer = served.tell(
        b"POST /f HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n" + LAST,
        finish=False,
    )
    assert statuses(answer) == [405] and b"Connection: close" in answer


@pytest.mark.parametrize(
    "target",
    [
        "/../secret",
        "/%2e%2e/secret",
        "/..%2fsecret",
        "/x/../../secret",
        "/%2e%2e%2fsecret",
        "/.%2e/secret",
        "/..%5csecret",
        "/....//secret",
        "/%252e%252e/secret",
        "//../secret",
        "/%c0%ae%c0%ae/secret",
        "/./../secret",
    ],
)
def test_no_way_out_of_the_root(served: Served, target: str) -> None:
    answer = served.tell(f"GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
    assert statuses(answer)[0] in (400, 404) and not answer.endswith(b"secret")


def test_a_redirect_stays_on_the_server(start: Start, root: Path) -> None:
    (root / "evil.example").mkdir(exist_ok=True)
    served = start("http", "--root", root)
    answer = served.tell(b"GET //evil.example HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert b"\r\nLocation: /evil.example/\r\n" in answer


def test_many_ranges_are_answered_by_the_whole(served: Served) -> None:
    answer = served.tell(GET + b"Range: bytes=0-0,2-2\r\nConnection: close\r\n\r\n")
    assert statuses(answer) == [200] and answer.endswith(b"body")


def test_closed_in_the_middle(served: Served) -> None:
    generator = random.Random(3)
    request = (b"GET /big HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n" + b"x" * 100) * 3
    for _ in range(100):
        with served.connect() as raw:
            raw.sendall(request[: generator.randrange(len(request))])
            if generator.random() < 0.5:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert served.tell(LAST).endswith(b"last")


def test_a_reader_that_is_slow(served: Served, root: Path) -> None:
    whole = (root / "big").read_bytes()
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", served.port))
        raw.sendall(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n" * 3)
        time.sleep(0.2)
        assert served.tell(LAST).endswith(b"last")
        raw.shutdown(socket.SHUT_WR)
        got = everything(raw)
    assert got.count(whole) == 3


def test_little_memory(start: Start, root: Path) -> None:
    """Connections with half a head each, until there is none left; then they go, and all is well again."""
    served = start("http", "--root", root, "--memory", "100000")
    waiting = []
    for _ in range(200):
        raw = served.connect()
        raw.sendall(GET + b"X: " + b"a" * 2000)
        waiting.append(raw)
    time.sleep(0.3)
    for raw in waiting:
        raw.close()
    until = time.monotonic() + TIMEOUT_S
    while not served.tell(LAST).endswith(b"last"):  # it has not seen all of them go
        assert time.monotonic() < until
        time.sleep(0.05)


def test_random_bytes(served: Served) -> None:
    generator = random.Random(11)
    pieces = [
        b"GET",
        b" ",
        b"/",
        b"f",
        b" HTTP/1.1",
        b"\r\n",
        b"\n",
        b"Host: h",
        b"Content-Length: ",
        b"9",
        b"\0\xff",
    ]
    pieces += [b"Transfer-Encoding: chunked", b"Range: bytes=", b"-", b"%2e", b"\r\n\r\n", b"HEAD ", b"5"]
    for _ in range(300):
        served.tell(b"".join(generator.choices(pieces, k=generator.randrange(1, 60))))
    assert served.tell(LAST).endswith(b"last")
