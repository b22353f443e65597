"""Servers on loopback ports, and raw sockets to them."""

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from tests.local import HOST

TIMEOUT_S = 60.0  # of a wait that must end: a shared machine stands still for seconds


@dataclass(frozen=True)
class Served:
    process: "subprocess.Popen[bytes]"
    port: int

    def connect(self) -> socket.socket:
        raw = socket.create_connection((HOST, self.port), TIMEOUT_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return raw

    def tell(self, request: bytes, *, slowly: bool = False, finish: bool = True) -> bytes:
        """All that is answered to these bytes until the server closes; ``slowly`` sends byte by byte."""
        with self.connect() as raw:
            with suppress(ConnectionError):
                if slowly:
                    for byte in request:
                        raw.sendall(bytes([byte]))
                else:
                    raw.sendall(request)
            if finish:
                with suppress(OSError):  # it has closed the connection for good: it is not connected
                    raw.shutdown(socket.SHUT_WR)
            return everything(raw)


def everything(raw: socket.socket) -> bytes:
    got = bytearray()
    with suppress(ConnectionError):
        while piece := raw.recv(1 << 16):
            got += piece
    return bytes(got)


@contextmanager
def serving(
    command: Sequence[str], port: int, *, env: Mapping[str, str] | None = None, unasked: bool = True
) -> Iterator[Served]:
    """The server while it runs; it must end by itself when told to, and a sanitized one without a word."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=dict(env) if env else None
        )
        try:
            _await(process, port)
            yield Served(process, port)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                code = process.wait(TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
        said.seek(0)
        text = said.read().decode(errors="replace")
        if unasked:
            assert code == 0 and not text, f"{command[0]} ended with {code}: {text[-4000:]}"


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    until = time.monotonic() + TIMEOUT_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) == 0:
                return
        assert process.poll() is None, f"it ended with {process.returncode}"
        assert time.monotonic() < until, f"it did not listen within {TIMEOUT_S:g} s"
        time.sleep(0.02)
