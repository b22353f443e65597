"""Programs in the guest that do not behave (targets/microkernel/tasks/trial) against its servers: what they
are answered, and that others, the shell and Redis, are served meanwhile and afterwards."""

import ipaddress
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from targets.lab import Lab, Site
from targets.microkernel import building
from tests.targets.microkernel.guests import Shell, shell
from tests.targets.microkernel.test_net import REDIS, SECONDS, connected, pong

pytestmark = pytest.mark.root
LISTENS, GIVES = 7100, 7104  # tasks/trial/net.c
HTTP = 80
TEXT, LONG = "of the archive", 200_000
RIGHT, DONE = "trial: 0 wrong answers", 120.0


@pytest.fixture(scope="session", autouse=True)
def _built() -> None:
    building.build()


@pytest.fixture
def guest(site: Site, tmp_path: Path) -> Iterator[Shell]:
    (tmp_path / "a").write_text(TEXT)
    (tmp_path / "long").write_text("x" * LONG)
    with shell(site, tmp_path, "redis", {f"www/{name}": tmp_path / name for name in ("a", "long")}) as guest:
        yield guest


@pytest.fixture
def served(lab: Lab, guest: Shell) -> Iterator[Callable[[], None]]:
    """Asks every server, as another client; at the end too, and that none of them had to be started again."""
    with connected(lab, guest, REDIS) as connection:

        def ask() -> None:
            pong(connection)
            for _ in range(20):
                with connected(lab, guest, REDIS) as other:
                    pong(other)
            assert TEXT in guest.ask("cat /www/a")
            guest.ask("run hello")
            guest.until("init: hello (space ")
            datagram(lab, guest)

        yield ask
        ask()
    assert "instead of" not in guest.text
    assert "mk: fault" not in guest.text
    assert "started again" not in guest.text
    assert "init: net" not in guest.text and "init: console" not in guest.text


def datagram(lab: Lab, guest: Shell) -> None:
    guest.type("datagram 7199")
    guest.until("datagram: socket")
    with lab.place.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(SECONDS)
        client.sendto(b"one", (guest.address, 7199))
        assert client.recv(100) == b"one"
    guest.until("datagram: 3 bytes")
    guest.until("\n> ")


def run(guest: Shell, case: str, address: str = "0.0.0.0") -> None:
    guest.ask(f"run trial case={case} to={int(ipaddress.IPv4Address(address))}")


def over(guest: Shell) -> None:
    """Of a case that ends."""
    guest.until(RIGHT, DONE, again=True)
    guest.ended("trial")


def nobody(site: Site) -> str:
    """An address of the network that nobody has."""
    return str(ipaddress.ip_interface(site.network).network[-2])


@pytest.mark.parametrize(
    "case",
    [
        *("handles", "stale", "notify", "console-wrong", "files-wrong", "files-others", "net-leave"),
        *("names-handles", "names-pages", "spaces"),
    ],
)
def test_wrong_calls(guest: Shell, served: Callable[[], None], case: str) -> None:
    run(guest, case, nobody(guest.site))
    over(guest)
    del served


@pytest.mark.parametrize("case", ["files-open", "net-sockets", "net-clients", "net-early"])
def test_all_that_there_is(guest: Shell, served: Callable[[], None], case: str) -> None:
    """While one client has all that it can get, others have what they need."""
    run(guest, case, nobody(guest.site))
    guest.until(RIGHT, DONE, again=True)
    served()
    guest.ask("kill trial")


def test_all_names(lab: Lab, guest: Shell) -> None:
    """Servers that are started again have theirs."""
    run(guest, "names-all")
    guest.until(RIGHT, DONE, again=True)
    for name in ("ramfs", "console", "net"):
        guest.type(f"kill {name}")
        guest.until(f"init: {name} (space ")
        guest.until("is started again")
        guest.until("> ")
    assert TEXT in guest.ask("cat /www/a")
    datagram(lab, guest)
    with connected(lab, guest, REDIS) as connection:
        pong(connection)


def test_pages_taken_back(lab: Lab, guest: Shell, served: Callable[[], None]) -> None:
    """From a server that is to write to them, when there is no memory for a copy of its own."""
    run(guest, "net-revoke")
    guest.until("trial: listens", DONE, again=True)
    with connected(lab, guest, LISTENS):
        guest.until(RIGHT, DONE)
        served()  # afterwards the server has written
    guest.ask("kill trial")


def test_a_full_file_system(guest: Shell, served: Callable[[], None]) -> None:
    """What is there can be read; what was made can be removed again."""
    run(guest, "files-full")
    guest.until("trial: full", DONE, again=True)
    assert TEXT in guest.ask("cat /www/a")
    over(guest)
    assert guest.ask("append /new x") == ""
    assert guest.ask("cat /new") == "x"
    del served


def test_readers_that_are_gone(guest: Shell, served: Callable[[], None]) -> None:
    """They have asked and given up while the shell was busy: it asks after them."""
    run(guest, "console-readers")
    guest.type("append /now x")  # their sign
    guest.type("cat /www/long")
    over(guest)
    assert TEXT in guest.ask("cat /www/a")
    assert "> > " not in guest.text  # as when it is refused, and asks again
    del served


def test_room_that_is_no_multiple(lab: Lab, guest: Shell, served: Callable[[], None]) -> None:
    """Events stay within the room that their client has for them."""
    run(guest, "net-odd-room")
    guest.until("trial: listens", again=True)
    with connected(lab, guest, LISTENS) as small:
        guest.until("trial: has one")
        with connected(lab, guest, LISTENS) as large:
            guest.until("trial: holds")
            small.sendall(b"x" * 65)
            large.sendall(b"y" * 20_000)
            with connected(lab, guest, LISTENS):
                guest.until(RIGHT, DONE)
    del served


def test_a_socket_that_could_not_be_bound(lab: Lab, guest: Shell, served: Callable[[], None]) -> None:
    """Closed by who guesses its number: what it had is not given back twice."""
    run(guest, "net-close-unbound", nobody(guest.site))
    guest.until("trial: listens", again=True)
    with lab.place.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for number in range(12):
            client.sendto(b"x" * (number % 4 + 1), (guest.address, LISTENS + number % 4))
    over(guest)
    del served


def test_what_was_sent_arrives_before_the_end(lab: Lab, guest: Shell, served: Callable[[], None]) -> None:
    """Also of a connection that its client first finishes and then closes."""
    with lab.place.entered(), socket.create_server((lab.address, GIVES)) as server:
        server.settimeout(SECONDS)
        run(guest, "net-finish", lab.address)
        connection, _ = server.accept()
        with connection:
            connection.settimeout(SECONDS)
            got = b""
            while data := connection.recv(65536):
                got += data
    assert len(got) == 15_000
    guest.until(RIGHT, DONE, again=True)
    del served


def test_open_files_of_a_server_that_went(lab: Lab, site: Site, tmp_path: Path) -> None:
    """Their numbers are not those of what is opened with the next one."""
    for name in ("big", "other"):
        (tmp_path / name).write_bytes(name[:1].encode() * (2 << 20))
    files = {f"www/{name}": tmp_path / name for name in ("big", "other")}
    with (
        shell(site, tmp_path, "http", files) as guest,
        connected(lab, guest, HTTP) as before,
        connected(lab, guest, HTTP) as after,
    ):
        before.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        before.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
        got = before.recv(4096)
        assert b" 200 OK\r\n" in got
        guest.ask("kill ramfs")
        after.sendall(b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 200 OK\r\n" in after.recv(4096)
        while data := before.recv(1 << 16):
            got += data
        body = got.partition(b"\r\n\r\n")[2]
        assert 0 < len(body) < 2 << 20 and set(body) == set(b"b")


def test_a_server_of_two_tasks(site: Site, tmp_path: Path) -> None:
    """One that faults is told and ends alone; with the last the server is started again, and serves."""
    with shell(site, tmp_path) as guest:
        run(guest, "faults")
        guest.until(RIGHT, DONE, again=True)
        said = guest.text
    assert said.count("mk: fault: ") == 2
    assert said.count("ended with 80000001, is started again") == 1
