"""The QMP client against a QEMU that is a script of ours: what it says, late, wrong or not at all."""

import json
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from targets.microkernel import qmp
from targets.microkernel.qmp import Event, Qmp
from vocabulary import TargetError

GREETING: dict[str, object] = {"QMP": {"version": {}, "capabilities": []}}


def line(message: object) -> bytes:
    return json.dumps(message).encode() + b"\n"


@contextmanager
def connected(*answers: bytes) -> Iterator[Callable[[], Qmp]]:
    """A client whose QEMU sends ``answers``: the first at once, each other after a command was received."""
    ours, theirs = socket.socketpair()

    def qemu() -> None:
        with theirs, suppress(ConnectionError):  # the client need not wait for all
            for number, answer in enumerate(answers):
                if number and not theirs.recv(65536):
                    return
                theirs.sendall(answer)
            theirs.recv(65536)

    thread = threading.Thread(target=qemu)
    thread.start()
    made: list[Qmp] = []

    def client() -> Qmp:
        made.append(Qmp(ours, "a machine"))
        return made[0]

    try:
        yield client
    finally:
        ours.close()
        thread.join()


READY = (line(GREETING), line({"return": {}, "id": 1}))


def test_answers_and_events() -> None:
    shutdown = line({"event": "SHUTDOWN", "data": {"reason": "guest-shutdown"}})
    late = line({"return": "late", "id": 1})
    status = line({"return": {"status": "running"}, "id": 2})
    stop = line({"event": "STOP"})
    with connected(*READY, shutdown + late + status + stop) as client:
        control = client()
        assert control.events() == []
        assert control.execute("query-status") == {"status": "running"}
        assert control.events() == [Event("SHUTDOWN", {"reason": "guest-shutdown"}), Event("STOP", {})]
        assert control.events() == []


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (line({"error": {"class": "GenericError", "desc": "no such thing"}, "id": 2}), "no such thing"),
        (line({"error": 3, "id": 2}), "refuses stop: 3"),
        (b"{]\n", "not JSON"),
        (b"[" * 100_000 + b"\n", "not JSON"),
        (b"\xff\xfe\n", "not JSON"),
        (line([1]), r"sends \[1\]"),
        (line({"id": 2}), "answers stop with"),
        (b"x" * (qmp.LONGEST_LINE + 2), "more than 1024 KiB"),
    ],
)
def test_wrong_answers(answer: bytes, told: str) -> None:
    with connected(*READY, answer) as client, pytest.raises(TargetError, match=told) as caught:
        client().execute("stop")
    assert caught.value.where == "a machine"


def test_an_answer_that_does_not_come() -> None:
    with connected(*READY, b"{") as client, pytest.raises(TargetError, match="does not answer"):
        client().execute("stop", timeout_s=0.05)


def test_a_greeting_of_something_else() -> None:
    with connected(line({"hello": 1})) as client, pytest.raises(TargetError, match="greets with"):
        client()


def test_the_end_of_the_connection() -> None:
    with connected(line(GREETING)) as client, pytest.raises(TargetError, match=r"closed|broke"):
        client()


def test_a_qemu_that_ends_at_once(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)  # longer than a socket's path may be
    deep.mkdir()
    with qmp.listening(deep, "qmp.sock") as listener:
        assert (deep / "qmp.sock").is_socket()
        with (
            subprocess.Popen(["true"]) as process,
            pytest.raises(TargetError, match="a machine: QEMU ends at once"),
        ):
            Qmp.accept(listener, process, "a machine")
