"""The guest's network server: many connections, frames of any content, clients and servers that end."""

import errno
import itertools
import random
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from targets.lab import Lab, Site
from targets.microkernel import building
from tests.targets.microkernel.guests import Shell, Wire, shell

pytestmark = pytest.mark.root
REDIS, ECHO = 6379, 7000
MANY = 1000
SYN, RST, SYN_ACK = 0x02, 0x04, 0x12
SECONDS = 60.0  # of a wait that must end: the machine may stand still, and QEMU with it


@pytest.fixture(scope="session", autouse=True)
def _built() -> None:
    building.build()


@pytest.fixture
def guest(site: Site, tmp_path: Path) -> Iterator[Shell]:
    with shell(site, tmp_path, "redis") as guest:
        yield guest


@pytest.fixture
def wire(lab: Lab, site: Site) -> Iterator[Wire]:
    wire = Wire(lab, site)
    yield wire
    wire.close()


def connected(lab: Lab, guest: Shell, port: int, within_s: float = SECONDS) -> socket.socket:
    """Tries again while nobody listens, or the guest is too busy to say that the address is its own."""
    deadline = time.monotonic() + within_s
    with lab.place.entered():
        while True:
            try:
                return socket.create_connection((guest.address, port), timeout=SECONDS)
            except (ConnectionRefusedError, TimeoutError) as error:
                assert time.monotonic() < deadline, error
            except OSError as error:
                assert error.errno == errno.EHOSTUNREACH and time.monotonic() < deadline, error
            time.sleep(0.02)


def pong(connection: socket.socket) -> None:
    connection.sendall(b"PING\r\n")
    assert connection.recv(100) == b"+PONG\r\n"


def ended(connection: socket.socket) -> bool:
    try:
        return connection.recv(100) == b""
    except ConnectionResetError:
        return True


def test_many_connections_at_once(lab: Lab, guest: Shell) -> None:
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(connected(lab, guest, REDIS)) for _ in range(MANY)]
        for number, connection in enumerate(all_of_them):
            connection.sendall(f"SET key{number} {number}\r\n".encode())
        assert {connection.recv(100) for connection in all_of_them} == {b"+OK\r\n"}
        for number, connection in enumerate(all_of_them):
            connection.sendall(f"GET key{number}\r\n".encode())
        for number, connection in enumerate(all_of_them):
            assert connection.recv(100) == f"${len(str(number))}\r\n{number}\r\n".encode()
    with connected(lab, guest, REDIS) as connection:
        pong(connection)


def test_connections_one_after_another(lab: Lab, guest: Shell) -> None:
    """More than there are sockets: closed and reset ones are given back."""
    for number in range(3000):
        with connected(lab, guest, REDIS) as connection:
            if number % 3:
                pong(connection)
            if number % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def test_much_data_both_ways(lab: Lab, guest: Shell) -> None:
    """Through plain sockets that give back what they get: windows fill and empty again."""
    data = random.Random(1).randbytes(1 << 20)
    guest.type(f"echo {ECHO}")
    guest.until("echo: socket")
    with connected(lab, guest, ECHO) as connection:
        connection.settimeout(SECONDS)
        got = bytearray()
        connection.setblocking(False)
        view = memoryview(data)
        deadline = time.monotonic() + 2 * SECONDS
        while len(got) < len(data) and time.monotonic() < deadline:
            with suppress(BlockingIOError):
                view = view[connection.send(view[:65536]) :] if view else view
            try:
                got += connection.recv(65536)
            except BlockingIOError:
                time.sleep(0.001)
        assert got == data
        connection.shutdown(socket.SHUT_WR)
    guest.until(f"echo: {len(data)} bytes")


def test_a_receiver_that_does_not_read(lab: Lab, guest: Shell) -> None:
    """Its replies wait for it; others are served."""
    with connected(lab, guest, REDIS) as stalled, connected(lab, guest, REDIS) as other:
        stalled.sendall(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$100000\r\n" + b"x" * 100_000 + b"\r\n")
        assert stalled.recv(100) == b"+OK\r\n"
        stalled.sendall(b"GET big\r\n" * 30)
        time.sleep(0.3)
        pong(other)
        got = 0
        while got < 30 * 100_011:
            got += len(stalled.recv(1 << 20))
        assert got == 30 * 100_011


def test_a_datagram(lab: Lab, guest: Shell) -> None:
    guest.type(f"datagram {ECHO}")
    guest.until("datagram: socket")
    with lab.place.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(SECONDS)
        client.sendto(b"x" * 5000, (guest.address, ECHO))  # in fragments, both ways
        assert client.recv(8192) == b"x" * 5000
    guest.until("datagram: 5000 bytes")


def test_connections_to_others(lab: Lab, guest: Shell, site: Site) -> None:
    with lab.place.entered(), socket.create_server((lab.address, 0)) as server:
        server.settimeout(SECONDS)
        guest.type(f"get {lab.address} {server.getsockname()[1]} /page")
        connection, (address, _) = server.accept()
        with connection:
            assert address == site.address
            assert connection.recv(1000).startswith(b"GET /page HTTP/1.0\r\n")
            connection.sendall(b"the page\n")
    assert "the page\nget: 9 bytes" in guest.until("\n> ")
    assert guest.ask(f"get {lab.address} 1 /") == "get: error -6"  # refused


def test_a_program_that_ends_leaves_no_socket(lab: Lab, guest: Shell) -> None:
    with connected(lab, guest, REDIS) as connection:
        pong(connection)
        guest.ask("kill redis")
        assert ended(connection)
    assert "init: redis" in guest.text
    with lab.place.entered(), pytest.raises(ConnectionRefusedError):
        socket.create_connection((guest.address, REDIS), timeout=SECONDS)
    guest.ask("run redis")
    with connected(lab, guest, REDIS) as connection:
        pong(connection)


def test_the_server_is_started_again(lab: Lab, guest: Shell) -> None:
    """Under load; its clients find it, and no page of its own is written by the card after its end."""
    for _ in range(3):
        with connected(lab, guest, REDIS) as connection:
            pong(connection)
            connection.sendall(b"PING\r\n" * 1000)
            guest.ask("kill net")
    assert guest.text.count("is started again") == 3
    with connected(lab, guest, REDIS) as connection:
        pong(connection)


def test_a_wrong_checksum_is_no_segment(guest: Shell, wire: Wire) -> None:
    wire.send(wire.segment(REDIS, 40001, 1000, SYN, wrong=1))
    assert wire.answer(40001, 0.5) == b""
    wire.send(wire.segment(REDIS, 40002, 1000, SYN))
    answer = wire.answer(40002, SECONDS)
    assert answer[13] == SYN_ACK
    assert answer[8:12] == (1001).to_bytes(4, "big")
    del guest


def test_sequence_numbers_are_not_alike(guest: Shell, wire: Wire) -> None:
    numbers = []
    for own in range(41000, 41016):
        wire.send(wire.segment(REDIS, own, 1, SYN))
        numbers.append(int.from_bytes(wire.answer(own, SECONDS)[4:8], "big"))
    steps = {(b - a) % (1 << 32) for a, b in itertools.pairwise(numbers)}
    assert len(steps) == len(numbers) - 1
    assert max(steps) > 1 << 24
    del guest


def mutated(chance: random.Random, frame: bytes) -> bytes:
    changed = bytearray(frame)
    for _ in range(chance.randrange(1, 5)):
        if not changed:
            break
        at = chance.randrange(len(changed))
        what = chance.randrange(4)
        if what == 0:
            changed[at] = chance.randrange(256)
        elif what == 1:
            del changed[at:]
        elif what == 2:
            changed[at:at] = chance.randbytes(chance.randrange(40))
        else:
            changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed[:1500])


@pytest.mark.parametrize("seed", range(3))
def test_frames_that_are_wrong(lab: Lab, guest: Shell, wire: Wire, seed: int) -> None:
    """Mutations of whatever the guest speaks; those who behave are served meanwhile."""
    chance = random.Random(seed)
    arp = b"\0\1\x08\0\6\4\0\1" + wire.own_mac + wire.source + bytes(6) + wire.destination
    with connected(lab, guest, REDIS) as connection:
        own = connection.getsockname()[1]
        kinds = [
            (0x0806, arp),
            (0x0800, wire.ip(1, b"\x08\0\xf7\xff\0\0\0\0")),
            (0x0800, wire.ip(17, b"\x10\0\0\x35\0\x10\0\0" + b"a question")),
            (
                0x0800,
                wire.ip(17, chance.randbytes(64), flags=0x2000 + chance.randrange(100), identification=7),
            ),
            (0x0800, wire.segment(REDIS, 45000, 1, SYN)),
            (
                0x0800,
                wire.segment(REDIS, own, chance.getrandbits(32), chance.getrandbits(6) & ~RST, b"PING\r\n"),
            ),
        ]
        for number in range(3000):
            kind, frame = chance.choice(kinds)
            wire.send(mutated(chance, frame), kind if chance.random() < 0.97 else chance.getrandbits(16))
            if number % 500 == 0:
                wire.send(arp, 0x0806)  # it believes of who asks what its question says of our card
                pong(connection)
        wire.send(arp, 0x0806)
    with connected(lab, guest, REDIS) as connection:
        pong(connection)
    assert "fault" not in guest.text
    assert "ended with" not in guest.text
    assert guest.ask("memory").endswith("pages are free")


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_client_that_does_not_behave(lab: Lab, guest: Shell, seed: int) -> None:
    """Its nonsense changes while it is read; others, and all servers, go on."""
    with connected(lab, guest, REDIS) as connection:
        pong(connection)
        guest.ask(f"run trial seed={seed}")
        guest.until("trial: 0 wrong answers", 2 * SECONDS)
        guest.ended("trial")
        pong(connection)
    assert "fault" not in guest.text
    assert "started again" not in guest.text
    assert "init" in guest.ask("ls /")


def test_ends_of_before_are_not_taken_for_now(lab: Lab, guest: Shell) -> None:
    """A new server hears of all that ended, by numbers that others have now."""
    guest.ask("kill redis")
    guest.ask("run redis")
    guest.ask("kill net")
    with connected(lab, guest, REDIS) as connection:
        pong(connection)
        guest.ask("run hello")
        guest.until("hello (space")
        pong(connection)


def test_half_open_connections(lab: Lab, guest: Shell, wire: Wire) -> None:
    """More than there is room for: a connection that is open goes on."""
    with connected(lab, guest, REDIS) as connection:
        pong(connection)
        for own in range(10_000, 13_000):
            wire.send(wire.segment(REDIS, own, 1, SYN))
        pong(connection)
        for own in range(10_000, 13_000):
            wire.send(wire.segment(REDIS, own, 2, RST))
        with connected(lab, guest, REDIS) as other:
            pong(other)
        pong(connection)


def test_many_who_ask_and_do_not_read(lab: Lab, guest: Shell) -> None:
    """What they sent waits with the server: far more than the card has buffers."""
    with ExitStack() as stack:
        other = stack.enter_context(connected(lab, guest, REDIS))
        other.sendall(b"*3\r\n$3\r\nSET\r\n$3\r\nbig\r\n$20000\r\n" + b"x" * 20_000 + b"\r\n")
        assert other.recv(100) == b"+OK\r\n"
        for _ in range(100):
            stalled = stack.enter_context(connected(lab, guest, REDIS))
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.setblocking(False)
            with suppress(BlockingIOError):
                stalled.sendall(b"GET big\r\n" * 10_000)
        pong(other)
    with connected(lab, guest, REDIS) as connection:
        pong(connection)
