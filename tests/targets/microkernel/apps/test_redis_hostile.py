"""Requests that lie, that never end, that want more memory than there is."""

import random
import socket
from pathlib import Path

import pytest
import redis

from tests.local import HOST
from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.serving import TIMEOUT_S, Served, everything

PING = b"*1\r\n$4\r\nPING\r\n"
PONG = b"+PONG\r\n"


@pytest.fixture(scope="module")
def served(start: Start) -> Served:
    return start("redis")


def resident_bytes(served: Served) -> int:
    return int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1]) * 4096


PROTOCOL_ERRORS = {
    b"*1048577\r\n": b"-ERR Protocol error: invalid multibulk length\r\n",
    b"*99999999999999999999\r\n": b"-ERR Protocol error: invalid multibulk length\r\n",
    b"*x\r\n": b"-ERR Protocol error: invalid multibulk length\r\n",
    b"*01\r\n": b"-ERR Protocol error: invalid multibulk length\r\n",
    b"*1\r\nGET\r\n": b"-ERR Protocol error: expected '$', got 'G'\r\n",
    b"*1\r\n*1\r\n$4\r\nPING\r\n": b"-ERR Protocol error: expected '$', got '*'\r\n",
    b"*1\r\n$-1\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
    b"*1\r\n$x\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
    b"*1\r\n$536870913\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
    b"*1\r\n$9223372036854775808\r\n": b"-ERR Protocol error: invalid bulk length\r\n",
    b"*2\r\n$4\r\nPINGxx$1\r\n$$": b"",  # as Redis: what stands for the end of a line is not looked at
    b"*1\r\n$" + b"1" * 70000: b"-ERR Protocol error: too big bulk count string\r\n",
    b"*" + b"1" * 70000: b"-ERR Protocol error: too big mbulk count string\r\n",
    b"x" * 70000: b"-ERR Protocol error: too big inline request\r\n",
    b'get "\r\n': b"-ERR Protocol error: unbalanced quotes in request\r\n",
    b'get "a"b\r\n': b"-ERR Protocol error: unbalanced quotes in request\r\n",
    b"get 'a\r\n": b"-ERR Protocol error: unbalanced quotes in request\r\n",
}


SHORT = [request for request in PROTOCOL_ERRORS if len(request) < 1000]
OFFERED = [*((request, False) for request in PROTOCOL_ERRORS), *((request, True) for request in SHORT)]


@pytest.mark.parametrize(
    ("request_", "slowly"), OFFERED, ids=lambda v: v[:20].decode() if isinstance(v, bytes) else ""
)
def test_a_protocol_error_ends_the_connection(served: Served, request_: bytes, slowly: bool) -> None:
    assert served.tell(PING + request_, slowly=slowly).startswith(PONG + PROTOCOL_ERRORS[request_])
    assert served.tell(PING) == PONG


def test_empty_requests_are_none(served: Served) -> None:
    assert served.tell(b"*0\r\n*-1\r\n*-7\r\n\r\n\n  \r\n" + PING) == PONG


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (rb"echo hello", b"hello"),
        (rb'echo "a b\x41\n\t\"\\"', b'a bA\n\t"\\'),
        (rb"echo 'a \'b\n'", b"a 'b\\n"),
        (rb'   echo    a"b c"   ', b"ab c"),
        (rb'echo ""', b""),
    ],
)
def test_inline_commands(served: Served, line: bytes, words: bytes) -> None:
    for end in (b"\r\n", b"\n"):
        assert served.tell(line + end + PING) == b"$%d\r\n%s\r\n" % (len(words), words) + PONG


def test_lengths_that_are_never_filled(served: Served) -> None:
    """Many connections that promise the largest argument there may be and send little: no memory is taken."""
    waiting = []
    for _ in range(200):
        raw = served.connect()
        raw.sendall(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$16777216\r\nlittle")
        waiting.append(raw)
    assert served.tell(PING) == PONG
    assert resident_bytes(served) < 400 << 20
    for raw in waiting:
        raw.close()
    assert served.tell(PING) == PONG


def test_a_million_arguments(served: Served) -> None:
    count = 1 << 20
    request = b"*%d\r\n$6\r\nEXISTS\r\n" % count + b"$1\r\na\r\n" * (count - 1)
    assert served.tell(request) == b":0\r\n"


def test_closed_in_the_middle(served: Served) -> None:
    request = (
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100000\r\n"
        + b"v" * 100000
        + b"\r\n"
        + b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n" * 100
    )
    generator = random.Random(3)
    for _ in range(100):
        with served.connect() as raw:
            raw.sendall(request[: generator.randrange(len(request))])
            if generator.random() < 0.5:  # reset instead of an end
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert served.tell(PING) == PONG


def test_replies_that_nobody_takes(served: Served) -> None:
    """A client that sends and never reads is not served on, and its replies are not piled up."""
    with served.connect() as setup:
        setup.sendall(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$1000000\r\n" + b"v" * 1000000 + b"\r\n")
        assert setup.recv(100) == b"+OK\r\n"
    with served.connect() as raw:
        raw.setblocking(False)
        sent = 0
        try:
            while sent < 64 << 20:
                sent += raw.send(b"*2\r\n$3\r\nGET\r\n$3\r\nbig\r\n" * 1000)
        except BlockingIOError:
            pass
        assert sent < 64 << 20
        assert served.tell(PING) == PONG
        assert resident_bytes(served) < 400 << 20


@pytest.mark.parametrize("protocol", [2, 3])
def test_no_memory_is_an_error_reply(start: Start, protocol: int) -> None:
    """Filled until it refuses, by every command that needs memory; what is there stays right."""
    served = start("redis", "--memory", "3000000")
    with redis.Redis(HOST, served.port, socket_timeout=TIMEOUT_S, protocol=protocol) as client:
        kept = {f"kept:{n}": b"%d" % n * 20 for n in range(100)}
        client.mset(kept)
        refused = 0
        generator = random.Random(7)
        for n in range(3000):
            value = generator.randbytes(generator.randrange(4000))
            command = generator.choice(
                [
                    ("SET", f"s{n}", value),
                    ("APPEND", "append", value),
                    ("SETRANGE", "range", n * 100, value),
                    ("RPUSH", "list", value, value),
                    ("HSET", "hash", f"{n}", value),
                    ("SADD", "set", value, f"{n}"),
                    ("ZADD", "zset", n, value),
                    ("SET", f"s{n % 100}", value, "GET"),
                    ("MSET", f"m{n}", value, f"m{n + 1}", value),
                    ("KEYS", "*"),
                    ("LRANGE", "list", 0, -1),
                    ("SMEMBERS", "set"),
                    ("HGETALL", "hash"),
                    ("SUNION", "set", "set2"),
                    ("CLIENT", "SETNAME", "x" * (n % 100)),
                    ("RENAME", "kept:1", "kept:1"),
                    ("COMMAND",),
                ]
            )
            try:
                client.execute_command(*command)
            except redis.exceptions.OutOfMemoryError:
                refused += 1
            except redis.ConnectionError:  # no memory even for the error, or for the request
                refused += 1
        assert refused > 100
        client.delete("list", "hash", "set", "zset", "append", "range")
        assert {name: client.get(name) for name in kept} == kept
        client.flushall()
        assert client.set("after", "x" * 1_000_000)


def test_random_bytes(served: Served) -> None:
    generator = random.Random(11)
    pieces = [
        b"*3\r\n",
        b"$3\r\n",
        b"SET\r\n",
        b"\r\n",
        b"$",
        b"*",
        b"9",
        b"-",
        b"GET",
        b'"',
        b" ",
        b"\0\xff",
    ]
    for _ in range(300):
        served.tell(b"".join(generator.choices(pieces, k=generator.randrange(1, 60))))
    assert served.tell(PING) == PONG


def test_after_quit_nothing_is_run(served: Served) -> None:
    with served.connect() as raw:
        raw.sendall(b"QUIT\r\nSET quit:k v\r\n")
        assert everything(raw) == b"+OK\r\n"
    assert served.tell(b"EXISTS quit:k\r\n") == b":0\r\n"
