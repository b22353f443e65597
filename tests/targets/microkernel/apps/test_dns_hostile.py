"""Bytes that are no queries, and connections that are not what they should be."""

import random
import socket
import time
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.local import HOST
from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.serving import TIMEOUT_S, Served, everything
from tests.targets.microkernel.apps.zones import ORIGIN, zone_text

QUERY = dns.message.make_query(f"several.{ORIGIN}", "A")
BIG = dns.message.make_query(f"big.{ORIGIN}", "TXT")


@pytest.fixture(scope="module")
def served(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Served:
    file = tmp_path_factory.mktemp("zone") / "kxbench.test.zone"
    file.write_text(zone_text())
    return start("dns", "--zone", file)


def framed(wire: bytes) -> bytes:
    return len(wire).to_bytes(2, "big") + wire


def alive(served: Served) -> None:
    assert len(dns.query.tcp(QUERY, HOST, TIMEOUT_S, served.port).answer[0]) == 3
    assert len(dns.query.udp(QUERY, HOST, TIMEOUT_S, served.port).answer[0]) == 3


def taken(served: Served) -> None:
    """Returns when the server has taken all datagrams that wait for it: of more the kernel keeps none."""
    until = time.monotonic() + TIMEOUT_S
    while True:
        rows = (line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:])
        (waiting,) = (row[4].partition(":")[2] for row in rows if row[1].endswith(f":{served.port:04X}"))
        if not int(waiting, 16):
            return
        assert time.monotonic() < until
        time.sleep(0.01)


def test_pipelined_and_byte_by_byte(served: Served) -> None:
    sent = framed(QUERY.to_wire()) + framed(BIG.to_wire()) + framed(QUERY.to_wire())
    whole = served.tell(sent)
    assert whole == served.tell(sent, slowly=True)
    answers = []
    while whole:
        length = int.from_bytes(whole[:2], "big")
        answers.append(dns.message.from_wire(whole[2 : 2 + length]))
        whole = whole[2 + length :]
    assert [q.is_response(a) for q, a in zip((QUERY, BIG, QUERY), answers, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    "sent",
    [
        b"\0",
        b"\0\0",
        b"\0\5hello",
        b"\xff\xff",
        b"\x10\x01",
        framed(QUERY.to_wire())[:-1],
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_query_gets_no_answer(served: Served, sent: bytes) -> None:
    assert served.tell(sent) == b""
    alive(served)


def test_a_message_that_is_too_long_ends_the_connection(served: Served) -> None:
    with served.connect() as raw:
        raw.sendall(framed(b"x" * 5000))
        assert everything(raw) == b""


def test_closed_in_the_middle(served: Served) -> None:
    generator = random.Random(3)
    sent = framed(BIG.to_wire()) * 200
    for _ in range(100):
        with served.connect() as raw:
            raw.sendall(sent[: generator.randrange(len(sent))])
            if generator.random() < 0.5:
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    alive(served)


def test_random_datagrams(served: Served) -> None:
    """And right ones with bytes changed: whatever is answered is a message."""
    generator = random.Random(5)
    with socket.socket(type=socket.SOCK_DGRAM) as raw:
        raw.setblocking(False)
        raw.connect((HOST, served.port))
        for number in range(5000):
            wire = bytearray(QUERY.to_wire() if number % 2 else generator.randbytes(generator.randrange(80)))
            for _ in range(generator.randrange(4)):
                if wire:
                    wire[generator.randrange(len(wire))] = generator.randrange(256)
            raw.send(wire)
            try:
                answer = raw.recv(65535)
            except BlockingIOError:
                continue
            assert len(answer) >= 12 and answer[2] & 0x80
        taken(served)
    alive(served)
