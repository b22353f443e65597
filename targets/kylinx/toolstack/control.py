"""A connection to a monitor's control socket (monitor/PROTOCOL.md): requests, answers, events."""

import array
import contextlib
import json
import select
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from vocabulary.errors import TargetError

PACKET_BYTES = 65_536
REQUEST_BYTES = 32_768
ANSWER_WITHIN_S = 10.0
Event = dict[str, Any]


class MonitorGoneError(TargetError):
    """The monitor closed the connection: the family has ended."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program to spawn in a family. ``path`` is in the guest; ``arguments`` begin with argv[0].

    ``keep``: it goes on when the connection that spawned it closes."""

    path: str
    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: str = "/"
    uid: int = 0
    tty: bool = False
    keep: bool = False


class Control:
    """Requests are answered in order; events that come between are kept for `event`. For one thread."""

    def __init__(self, connection: socket.socket, where: str) -> None:
        self._socket, self.where = connection, where
        self._events: deque[Event] = deque()
        self._last = 0

    @classmethod
    def connect(cls, path: Path, where: str = "") -> Self:
        """To a family that runs, called ``where`` in errors. Raises MonitorGoneError when nobody listens."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            connection.connect(str(path))
        except OSError as error:
            connection.close()
            raise MonitorGoneError(
                f"its monitor does not answer: {error.strerror}", where=str(path), remedy="kxbench pvm list"
            ) from error
        return cls(connection, where or str(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def request(
        self,
        verb: str,
        fields: Sequence[tuple[str, object]] = (),
        descriptors: Sequence[int] = (),
        timeout_s: float = ANSWER_WITHIN_S,
    ) -> dict[str, Any]:
        """The answer to one request. Raises TargetError when it is refused, MonitorGoneError."""
        self._last += 1
        words = [verb, f"id={self._last}", *(f"{key}={value}" for key, value in fields)]
        packet = b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in words)
        if len(packet) > REQUEST_BYTES:
            raise TargetError(f"a request of {len(packet)} bytes; {REQUEST_BYTES} at most", where=verb)
        if any("\0" in word for word in words):
            raise TargetError("a NUL byte in an argument", where=verb)
        rights = (
            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        )
        try:
            self._socket.sendmsg([packet], rights)
        except OSError as error:
            raise self._gone(error.strerror or "broken connection") from error
        deadline = time.monotonic() + timeout_s
        while True:
            answer = self._receive(deadline)
            if answer is None:
                raise TargetError(f"no answer to {verb!r} within {timeout_s:g} s", where=self.where)
            if "ok" not in answer:
                self._events.append(answer)
            elif answer.get("id") == self._last:
                if not answer["ok"]:
                    raise TargetError(f"{verb}: {answer.get('error', answer.get('errno'))}", where=self.where)
                return answer

    def spawn(self, program: Program, descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """Start a program; ``descriptors`` are its 0, 1, 2. The answer has ``slot``, ``console``, ``id``."""
        fields: list[tuple[str, object]] = [
            ("program", program.path),
            ("cwd", program.cwd),
            ("uid", program.uid),
        ]
        fields += [("arg", argument) for argument in program.arguments]
        fields += [("env", f"{name}={value}") for name, value in program.environment.items()]
        fields += [("tty", 1)] if program.tty else []
        fields += [("keep", 1)] if program.keep else []
        return self.request("spawn", fields, descriptors)

    def event(self, timeout_s: float | None = None) -> Event | None:
        """The next event; None when none came in time. Raises MonitorGoneError."""
        if self._events:
            return self._events.popleft()
        return self._receive(None if timeout_s is None else time.monotonic() + timeout_s)

    def _receive(self, deadline: float | None) -> dict[str, Any] | None:
        """The next packet. Sleeps in poll(2)."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        left_ms = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        if not poller.poll(left_ms):
            return None
        try:
            try:
                data = self._socket.recv(PACKET_BYTES)
            except ConnectionResetError:  # it left a request unread; what it sent before that is still there
                data = self._socket.recv(PACKET_BYTES)
        except OSError as error:
            raise self._gone(error.strerror or "broken connection") from error
        if not data:
            raise self._gone("it closed the connection")
        try:
            packet = json.loads(data)
        except ValueError as error:
            raise TargetError(f"the monitor sent what is no JSON: {data[:80]!r}", where=self.where) from error
        if not isinstance(packet, dict):
            raise TargetError(f"the monitor sent no object: {data[:80]!r}", where=self.where)
        return packet

    def _gone(self, why: str) -> MonitorGoneError:
        return MonitorGoneError(f"the monitor is gone: {why}", where=self.where, remedy="kxbench pvm list")

    def destroy(self) -> None:
        """End the family. No error when it has ended already."""
        with contextlib.suppress(MonitorGoneError):
            self.request("destroy")
