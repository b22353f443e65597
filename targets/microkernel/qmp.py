"""QMP, the protocol by which QEMU is told what to do: JSON lines over a Unix socket.

Reference: docs/interop/qmp-spec.rst of QEMU. Written here because `qemu.qmp` of PyPI is asyncio from end to
end: a loop in a thread of its own would be longer than this."""

import json
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from targets.process.ending import wait
from vocabulary.errors import TargetError

ANSWER_WITHIN_S = 20.0
LONGEST_LINE = 1 << 20
_MOST_EVENTS = 1024
START_WITHIN_S = 20.0
_END_SEEN_WITHIN_S = 0.5  # its connection is closed a little before a process can be waited for


@dataclass(frozen=True, slots=True)
class Event:
    """What QEMU told unasked: SHUTDOWN with its ``reason`` (guest-shutdown, guest-reset, host-qmp-quit),
    GUEST_PANICKED, STOP ..."""

    name: str
    data: Mapping[str, Any]


@contextmanager
def listening(directory: Path, name: str) -> Iterator[socket.socket]:
    """A socket ``directory/name`` for QEMU to connect to. QEMU as the client: nobody has to wait until its
    socket is there. The directory's path may be longer than a socket's (108 bytes): it goes by descriptor."""
    folder = os.open(directory, os.O_PATH | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(f"/proc/self/fd/{folder}/{name}")
            listener.listen(1)
            yield listener
    finally:
        os.close(folder)


class Qmp:
    """A connection in command mode. Everything that goes wrong in it is a TargetError; ``where`` names whose
    connection it is. One thread at a time."""

    def __init__(self, connection: socket.socket, where: str) -> None:
        """Takes ``connection`` over; reads the greeting, leaves negotiation mode."""
        self._connection, self._where = connection, where
        self._buffer = bytearray()
        self._events: list[Event] = []
        self._number = 0
        greeting = self._message(time.monotonic() + START_WITHIN_S)
        if not isinstance(greeting.get("QMP"), dict):
            raise self._error(f"QEMU greets with {_short(greeting)}")
        self.execute("qmp_capabilities")

    @classmethod
    def accept(cls, listener: socket.socket, process: Popen[bytes], where: str) -> "Qmp":
        """The connection of a QEMU that was just started. Raises TargetError when it ends, or does not
        connect."""
        descriptor = os.pidfd_open(process.pid)
        try:
            poller = select.poll()
            poller.register(descriptor, select.POLLIN)
            poller.register(listener, select.POLLIN)
            ready = dict(poller.poll(START_WITHIN_S * 1000))
        finally:
            os.close(descriptor)
        if listener.fileno() not in ready:
            what = "ends at once" if ready else f"does not connect within {START_WITHIN_S:g} s"
            raise TargetError(f"QEMU {what}", where=where)
        connection, _ = listener.accept()
        try:
            return cls(connection, where)
        except BaseException as error:
            connection.close()
            if isinstance(error, TargetError) and wait(process, _END_SEEN_WITHIN_S) is not None:
                raise TargetError("QEMU ends at once", where=where) from error
            raise

    def close(self) -> None:
        self._connection.close()

    def execute(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout_s: float = ANSWER_WITHIN_S,
    ) -> Any:
        """What the command returns. Events met on the way are kept for `events`."""
        self._number += 1
        request: dict[str, Any] = {"execute": command, "id": self._number}
        if arguments:
            request["arguments"] = dict(arguments)
        deadline = time.monotonic() + timeout_s
        try:
            self._connection.settimeout(timeout_s)
            self._connection.sendall(json.dumps(request).encode() + b"\n")
        except OSError as error:
            raise self._error(f"QEMU cannot be asked for {command}: {error}") from error
        while True:
            answer = self._message(deadline)
            if self._kept_as_event(answer):
                continue
            if "error" in answer:
                why = answer["error"]
                told = why.get("desc") if isinstance(why, dict) else None
                raise self._error(f"QEMU refuses {command}: {told or _short(why)}")
            if "return" not in answer:
                raise self._error(f"QEMU answers {command} with {_short(answer)}")
            if answer.get("id") == self._number:  # else the late answer to one that was given up
                return answer["return"]

    def events(self) -> list[Event]:
        """Those since the last call, without waiting; of a connection that ended, those before its end."""
        try:
            while self._kept_as_event(self._message(0.0)):
                pass
        except TargetError:
            pass  # nothing (more) there
        told, self._events = self._events, []
        return told

    def _kept_as_event(self, message: Mapping[str, Any]) -> bool:
        if not isinstance(message.get("event"), str):
            return False
        data = message.get("data")
        if len(self._events) < _MOST_EVENTS:
            self._events.append(Event(message["event"], data if isinstance(data, dict) else {}))
        return True

    def _message(self, deadline: float) -> dict[str, Any]:
        """The next line's object, waited for until ``deadline`` (CLOCK_MONOTONIC)."""
        while b"\n" not in self._buffer:
            if len(self._buffer) > LONGEST_LINE:
                raise self._error(f"QEMU sends a line of more than {LONGEST_LINE >> 10} KiB")
            try:
                self._connection.settimeout(max(deadline - time.monotonic(), 0.0))
                got = self._connection.recv(65536)
            except (TimeoutError, BlockingIOError) as error:
                raise self._error("QEMU does not answer") from error
            except OSError as error:
                raise self._error(f"the connection to QEMU broke: {error}") from error
            if not got:
                raise self._error("QEMU closed the connection")
            self._buffer += got
        line, _, rest = bytes(self._buffer).partition(b"\n")
        self._buffer = bytearray(rest)
        try:
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise self._error(f"QEMU sends what is not JSON: {_short(line)}") from error
        if not isinstance(message, dict):
            raise self._error(f"QEMU sends {_short(message)}")
        return message

    def _error(self, what: str) -> TargetError:
        return TargetError(what, where=self._where)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:120]}..."
