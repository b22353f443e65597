"""The keeper of a family: a background process that starts its monitor, holds its console, notes how it ends.

``python -m targets.kylinx.toolstack.keeper DESCRIPTOR`` with `families.Wanted` as JSON on standard input; it
writes ``ready``, or what went wrong and in a last line the remedy, to the descriptor. It dies with its
family, and the family with it."""

import contextlib
import fcntl
import json
import os
import pty
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from targets.kylinx.toolstack.control import Event, MonitorGoneError, Program
from targets.kylinx.toolstack.families import STATE, Family, Wanted
from targets.kylinx.toolstack.faults import Fault
from targets.kylinx.toolstack.monitor import Monitor, start_monitor
from targets.kylinx.toolstack.starting import refusal
from targets.kylinx.toolstack.symbols import Symbols
from vocabulary.errors import KxbenchError

TAIL_BYTES = 256 << 10
_CLIENT_BYTES = 1 << 20  # a client that reads slower than this is let go
_INPUT_BYTES = 64 << 10
_MOST_FAULTS = 32
_RETRY_INPUT_S = 0.05


@dataclass(slots=True)
class _Client:
    connection: socket.socket
    pending: bytearray = field(default_factory=bytearray)


class Keeper:
    """One family's. `run` returns when it has ended."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._family = Family(wanted.name)
        self._selector = selectors.DefaultSelector()
        self._clients: dict[int, _Client] = {}
        self._tail = bytearray()
        self._input = bytearray()
        self._symbols = Symbols(wanted.options.image)
        self._output, self._stdin = -1, -1
        self._main: int = -1
        self._slot: object = None
        self._program = Program(
            wanted.program, wanted.arguments, wanted.environment, wanted.cwd, tty=wanted.tty
        )
        self._over = False
        self._state: dict[str, Any] = {
            "state": "starting",
            "keeper": os.getpid(),
            "image": str(wanted.options.image),
            "program": list(wanted.arguments),
            "tty": wanted.tty,
            "created_s": time.time(),
            "status": None,
            "faults": [],
            "log": [],
        }

    def start(self) -> None:
        """The lock, the monitor, the program. Raises KxbenchError, OSError."""
        folder = self._family.folder
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)  # others only look at it, for a moment
        self._listening = _listen(self._family.console, socket.SOCK_STREAM)
        self._monitor: Monitor = start_monitor(
            self._wanted.name, self._wanted.options, _listen(self._family.control, socket.SOCK_SEQPACKET)
        )
        self._state |= {"monitor": self._monitor.process.pid, "unlimited": self._monitor.group.unlimited}
        try:
            if self._wanted.program:
                self._start_program()
        except BaseException:
            self._monitor.end()
            raise
        self._selector.register(self._monitor.control.fileno(), selectors.EVENT_READ, self._on_monitor)
        self._selector.register(self._listening, selectors.EVENT_READ, self._on_connection)
        self._tell("running")

    def _start_program(self) -> None:
        wanted = self._wanted
        if wanted.tty:
            self._output, theirs = pty.openpty()
            self._stdin = self._output
            given = [theirs, theirs, theirs]
        else:
            reader, self._stdin = os.pipe2(os.O_CLOEXEC)
            self._output, writer = os.pipe2(os.O_CLOEXEC)
            given = [reader, writer, writer]
        started = self._monitor.control.spawn(self._program, given)
        self._main, self._slot = started["id"], started.get("slot")
        for descriptor in set(given):
            os.close(descriptor)
        os.set_blocking(self._output, False)
        os.set_blocking(self._stdin, False)
        self._selector.register(self._output, selectors.EVENT_READ, self._on_output)

    def run(self) -> None:
        """Serve until the family is over."""
        try:
            while not self._over:
                for key, mask in self._selector.select(_RETRY_INPUT_S if self._input else None):
                    if key.fd in self._clients:
                        self._on_client(key.fd, mask)
                    elif key.data is not None:
                        key.data(mask)
                self._feed()
            self._drain()
        finally:
            self._monitor.end()
            self._finish()

    # ---- the monitor

    def _on_monitor(self, _mask: int) -> None:
        try:
            while (event := self._monitor.control.event(timeout_s=0)) is not None:
                self._on_event(event)
        except MonitorGoneError:
            self._over = True
            if self._state["state"] == "running":
                self._tell("ended")

    def _on_event(self, event: Event) -> None:
        kind = event.get("event")
        if kind == "fault":
            text = Fault.of(event).text(self._symbols)
            self._state["faults"] = [*self._state["faults"], text][-_MOST_FAULTS:]
            self._tell(self._state["state"])
        elif kind in ("log", "panic"):
            self._state["log"] = [*self._state["log"], str(event.get("text", ""))][-_MOST_FAULTS:]
            self._tell(self._state["state"])
        elif kind == "exit" and event.get("id") == self._main:
            self._state["status"] = event.get("status")
            self._note_refusal(int(event.get("status", 0)))
            self._tell("ended")
            self._over = True

    def _note_refusal(self, status: int) -> None:
        """Why the first program was not started, when it was not."""
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
        if why := refusal(self._monitor.control, self._slot, self._program, code):
            self._state["log"] = [*self._state["log"], f"{why} ({why.remedy})"][-_MOST_FAULTS:]

    # ---- the console

    def _on_output(self, _mask: int) -> None:
        try:
            data = os.read(self._output, 65536)
        except BlockingIOError:
            return
        except OSError:  # EIO: nobody has the terminal open any more
            data = b""
        if not data:
            self._selector.unregister(self._output)
            return
        self._tail += data
        del self._tail[:-TAIL_BYTES]
        for descriptor in list(self._clients):
            self._send(descriptor, data)

    def _on_connection(self, _mask: int) -> None:
        connection, _ = self._listening.accept()
        connection.setblocking(False)
        self._clients[connection.fileno()] = _Client(connection)
        self._selector.register(connection, selectors.EVENT_READ)
        self._send(connection.fileno(), bytes(self._tail))

    def _send(self, descriptor: int, data: bytes) -> None:
        client = self._clients[descriptor]
        client.pending += data
        try:
            sent = client.connection.send(client.pending) if client.pending else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._let_go(descriptor)
            return
        del client.pending[:sent]
        if len(client.pending) > _CLIENT_BYTES:
            self._let_go(descriptor)
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.pending else 0)
        self._selector.modify(client.connection, events)

    def _on_client(self, descriptor: int, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._send(descriptor, b"")
        if not mask & selectors.EVENT_READ or descriptor not in self._clients:
            return
        try:
            data = self._clients[descriptor].connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._let_go(descriptor)
        elif self._stdin >= 0:
            self._input += data
            del self._input[_INPUT_BYTES:]  # the program does not read: what is too much is lost

    def _feed(self) -> None:
        if self._input:
            with contextlib.suppress(OSError):
                del self._input[: os.write(self._stdin, self._input)]

    def _let_go(self, descriptor: int) -> None:
        client = self._clients.pop(descriptor)
        self._selector.unregister(client.connection)
        client.connection.close()

    def _drain(self) -> None:
        """What the program wrote before it ended."""
        deadline = time.monotonic() + 1.0
        while self._output >= 0:
            try:
                data = os.read(self._output, 65536)
            except OSError:
                break
            self._tail += data
            for descriptor in list(self._clients):
                self._send(descriptor, data)
            if not data or time.monotonic() > deadline:
                break

    # ---- the record

    def _tell(self, state: str) -> None:
        self._state["state"] = state
        if state == "ended":
            self._state["ended_s"] = time.time()
        path = self._family.folder / STATE
        temporary = path.with_suffix(".new")
        with contextlib.suppress(OSError):  # destroyed already
            temporary.write_text(json.dumps(self._state), encoding="utf-8")
            temporary.replace(path)

    def _finish(self) -> None:
        with contextlib.suppress(OSError):
            self._family.tail.write_bytes(bytes(self._tail[-TAIL_BYTES:]))
        for path in (self._family.control, self._family.console):
            path.unlink(missing_ok=True)
        self._tell("ended")
        for client in self._clients.values():
            client.connection.setblocking(True)
            client.connection.settimeout(1.0)
            with contextlib.suppress(OSError):
                client.connection.sendall(client.pending)


def _listen(path: Path, kind: socket.SocketKind) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX, kind)
    listening.bind(str(path))
    path.chmod(0o600)
    listening.listen(16)
    return listening


def main() -> int:
    answer = int(sys.argv[1])
    os.set_inheritable(answer, False)
    wanted = Wanted.from_json(sys.stdin.read())
    keeper = Keeper(wanted)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        keeper.start()
    except (KxbenchError, OSError) as error:
        os.write(answer, f"{error}\n{getattr(error, 'remedy', '')}".encode()[:4000])
        return 1
    os.write(answer, b"ready\n")
    os.close(answer)
    keeper.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
