"""Key sets: ``key:000000000000`` and up (16 bytes, the names redis-benchmark asks for), random values of one
size, kept as the pipelined SETs that load them."""

import json
import mmap
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vocabulary import Endpoint, Place, TargetError
from workloads.services.datasets import cached, seeded_bytes

KEY_BYTES = 16
MOST_BYTES = 2 << 30
"""Largest file of SETs that is made."""
_ROWS = 1 << 16  # records encoded at a time
_CHUNK = 1 << 20  # bytes sent before their replies are awaited; those stay well under a socket's buffer
_OK = b"+OK\r\n"
_TIMEOUT_S = 10.0


def key(index: int) -> bytes:
    return b"key:%012d" % index


def _frame(value_bytes: int) -> tuple[bytes, bytes]:
    """What is around a record's key digits and value."""
    head = b"*3\r\n$3\r\nSET\r\n$%d\r\nkey:" % KEY_BYTES
    return head, b"\r\n$%d\r\n" % value_bytes


@dataclass(frozen=True, slots=True)
class KeySet:
    """``keys`` SETs of equal length in ``file``."""

    file: Path
    keys: int
    value_bytes: int

    @property
    def record_bytes(self) -> int:
        return record_bytes(self.value_bytes)

    def value(self, index: int) -> bytes:
        """What key(index) holds. Raises IndexError."""
        if not 0 <= index < self.keys:
            raise IndexError(f"key {index} of {self.keys}")
        with self.file.open("rb") as file:
            file.seek((index + 1) * self.record_bytes - self.value_bytes - 2)
            return file.read(self.value_bytes)


def record_bytes(value_bytes: int) -> int:
    head, middle = _frame(value_bytes)
    return len(head) + 12 + len(middle) + value_bytes + 2


def key_set(cache: Path, seed: int, keys: int, value_bytes: int) -> KeySet:
    """Made once a cache. Raises HostError if it cannot be written."""

    def build(directory: Path) -> None:
        with (directory / "load.resp").open("wb") as file:
            for start in range(0, keys, _ROWS):
                file.write(_records(seed, start, min(start + _ROWS, keys), value_bytes))
        sizes = {"seed": seed, "keys": keys, "key_bytes": KEY_BYTES, "value_bytes": value_bytes}
        (directory / "manifest.json").write_text(json.dumps(sizes))

    sizes = {"seed": seed, "keys": keys, "value": value_bytes}
    return KeySet(cached(cache, "redis", sizes, build) / "load.resp", keys, value_bytes)


def _records(seed: int, start: int, stop: int, value_bytes: int) -> bytes:
    """SETs of keys start..stop-1, built as one matrix of bytes: a row a record."""
    head, middle = _frame(value_bytes)
    count = stop - start
    rows = np.empty((count, record_bytes(value_bytes)), np.uint8)
    column = 0

    def put(block: bytes | np.ndarray) -> None:
        nonlocal column
        piece = np.frombuffer(block, np.uint8) if isinstance(block, bytes) else block
        rows[:, column : column + piece.shape[-1]] = piece
        column += piece.shape[-1]

    digits = np.arange(start, stop)[:, None] // 10 ** np.arange(11, -1, -1) % 10
    put(head)
    put((digits + ord("0")).astype(np.uint8))
    put(middle)
    values = seeded_bytes(count * value_bytes, seed, start, value_bytes)
    put(np.frombuffer(values, np.uint8).reshape(count, value_bytes))
    put(b"\r\n")
    return rows.tobytes()


@contextmanager
def connection(place: Place, endpoint: Endpoint) -> Iterator[socket.socket]:
    """A raw socket to the server from ``place``."""
    with place.entered(), socket.create_connection((endpoint.host, endpoint.port), _TIMEOUT_S) as raw:
        raw.settimeout(_TIMEOUT_S)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield raw


def load(data: KeySet, place: Place, endpoint: Endpoint, *, count: bool = True) -> None:
    """Send all SETs, then ask DBSIZE (unless ``count`` is false: smaller servers lack it).

    Raises TargetError when a SET is refused, the server does not answer for 10 s, or the count differs."""
    where = f"{endpoint.host}:{endpoint.port}"
    try:
        with connection(place, endpoint) as raw:
            if data.keys:
                with data.file.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as whole:
                    _send(data, memoryview(whole).toreadonly(), raw, where)
            if count and (size := _dbsize(raw)) != b":%d" % data.keys:
                raise TargetError(f"DBSIZE says {size!r} after {data.keys} keys were set", where=where)
    except OSError as error:
        raise TargetError(f"loading {data.keys} keys: {error}", where=where) from error


def _send(data: KeySet, whole: memoryview, raw: socket.socket, where: str) -> None:
    rows = max(_CHUNK // data.record_bytes, 1)
    with whole:
        for start in range(0, data.keys, rows):
            stop = min(start + rows, data.keys)
            with whole[start * data.record_bytes : stop * data.record_bytes] as piece:
                raw.sendall(piece)
            replies = _receive(raw, (stop - start) * len(_OK))
            if replies != _OK * (stop - start):
                raise TargetError(f"a SET of keys {start} to {stop - 1} was not answered by OK", where=where)


def _receive(raw: socket.socket, count: int) -> bytes:
    """``count`` bytes, or fewer if the replies so far cannot be that many OKs."""
    replies = bytearray()
    while len(replies) < count and (not replies or replies.startswith(b"+")):
        piece = raw.recv(min(1 << 20, count - len(replies)))
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        replies += piece
    return bytes(replies)


def _dbsize(raw: socket.socket) -> bytes:
    raw.sendall(b"*1\r\n$6\r\nDBSIZE\r\n")
    reply = b""
    while not reply.endswith(b"\r\n") and len(reply) < 1024:
        piece = raw.recv(1024)
        if not piece:
            break
        reply += piece
    return reply.rstrip()
