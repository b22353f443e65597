"""BGSAVE: how long the server's fork takes, and what its clients see while a snapshot is written."""

import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from vocabulary import Better, CaseContext, Clock, Endpoint, Metric, Samples, Source, TargetError
from workloads import openloop
from workloads.redis_load.cases import Redis, RedisData, encode
from workloads.redis_load.dataset import connection
from workloads.services.cases import ServiceCase, write_requests
from workloads.services.workload import Ready

FORK = Metric("fork", "ns", Clock.MONOTONIC, Better.LOWER, "the server's own figure (INFO latest_fork_usec)")
SAVE = Metric("save", "ns", Clock.MONOTONIC, Better.LOWER, "from sending BGSAVE until INFO says it is over")
REPLY = Metric("save_reply", "ns", Clock.MONOTONIC, Better.LOWER, "from sending BGSAVE to its reply")
COPIED = Metric("copied", "bytes", Clock.NONE, Better.LOWER, "INFO rdb_last_cow_size of each save")
SHARE = Metric("save_share", "1", Clock.NONE, Better.NEITHER, "share of phase 'during' with a save going on")

_HZ = 500
"""The server looks for its finished child this often: at the stock 10 a second a save would seem to last
0.1 s at the least. Set before both phases."""
_MOST_SAVES = 1000
_LAST_SAVE_WITHIN_S = 120.0
_TIMELINE_MS = 10


class RedisBgsave(RedisData):
    keys: int = Field(1_000, ge=0, le=1_000_000, description="keys loaded first, of 16 bytes each")
    rate_per_s: int = Field(2_000, ge=1, le=1_000_000, description="requests a second, before and during")
    duration_s: float = Field(0.5, ge=0.1, le=600, description="measured time of each phase")
    connections: int = Field(8, ge=1, le=1000, description="connections of the generator")


class Saver:
    """Asks for one BGSAVE after another on a connection of its own, in a thread, until told to stop.

    Figures are lists with an entry a save, in ns and bytes; ``busy_ns`` are the times (CLOCK_MONOTONIC)
    between which saves went on."""

    def __init__(self, raw: socket.socket, where: str) -> None:
        self._raw, self._where = raw, where
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="kxb-bgsave", daemon=True)
        self.fork_ns: list[float] = []
        self.save_ns: list[float] = []
        self.reply_ns: list[float] = []
        self.copied_bytes: list[float] = []
        self.busy_ns: list[tuple[int, int]] = []

    def __enter__(self) -> "Saver":
        self.ask(b"CONFIG", b"SET", b"hz", b"%d" % _HZ)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def start(self) -> None:
        self._thread.start()

    def finish(self) -> None:
        """Wait for the save that is going on. Raises TargetError if one failed."""
        self._stop.set()
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            while not self._stop.is_set() and len(self.save_ns) < _MOST_SAVES:
                self.save()
        except OSError as error:
            self._error = TargetError(f"BGSAVE: {error}", where=self._where)
        except BaseException as error:  # told in finish()
            self._error = error

    def save(self) -> None:
        """One BGSAVE to its end. Raises TargetError, OSError."""
        start = time.monotonic_ns()
        self.ask(b"BGSAVE")
        replied = time.monotonic_ns()
        info, end = self._await_end(start)
        if info.get("rdb_last_bgsave_status") != "ok":
            raise TargetError(
                "BGSAVE ended with an error", where=self._where, remedy="see the server's console"
            )
        forked = self._info(b"stats")
        self.fork_ns.append(1e3 * self._number(forked, "latest_fork_usec"))
        self.copied_bytes.append(self._number(info, "rdb_last_cow_size"))
        self.reply_ns.append(float(replied - start))
        self.save_ns.append(float(end - start))
        self.busy_ns.append((start, end))

    def _await_end(self, start: int) -> tuple[Mapping[str, str], int]:
        """Asked less often the longer it takes, so that it is known within 5 % and 1 ms."""
        while True:
            waited_s = (time.monotonic_ns() - start) / 1e9
            if waited_s > _LAST_SAVE_WITHIN_S:
                raise TargetError(f"BGSAVE is not over after {waited_s:.0f} s", where=self._where)
            time.sleep(min(0.001 + waited_s / 20, 0.05))
            info = self._info(b"persistence")
            if info.get("rdb_bgsave_in_progress") == "0":
                return info, time.monotonic_ns()

    def _info(self, section: bytes) -> Mapping[str, str]:
        text = self.ask(b"INFO", section).decode(errors="replace")
        return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)

    def _number(self, info: Mapping[str, str], name: str) -> float:
        text = info.get(name, "")
        if not text.isdigit():
            raise TargetError(f"INFO has no number {name}: {text[:40]!r}", where=self._where)
        return float(text)

    def ask(self, *words: bytes) -> bytes:
        """A simple or bulk string reply. Raises TargetError on an error reply, OSError."""
        self._raw.sendall(encode(*words))
        reply = self._more(b"")
        while b"\r\n" not in reply:
            reply = self._more(reply)
        head, _, rest = reply.partition(b"\r\n")
        if head[:1] == b"+":
            return head[1:]
        if head[:1] != b"$":
            command = b" ".join(words).decode()
            raise TargetError(f"{command}: {head.decode(errors='replace')[:200]}", where=self._where)
        while len(rest) < int(head[1:]) + 2:
            rest = self._more(rest)
        return rest[:-2]

    def _more(self, so_far: bytes) -> bytes:
        piece = self._raw.recv(1 << 16)
        if not piece or len(so_far) > 1 << 20:
            raise ConnectionResetError("the server closed the connection")
        return so_far + piece


class BgsaveCase(ServiceCase):
    """The same open-loop load twice, labelled ``phase=before`` and ``phase=during``: the second while one
    BGSAVE follows another. Probes are on during the second."""

    probes = ("fork", "wire", "sched", "memory")

    def measure(self, params: Any, ready: Ready[Any], context: CaseContext) -> list[Samples]:
        assert isinstance(params, RedisBgsave)
        requests = write_requests(self.workload, params, ready.data, context)

        def load(phase: str) -> list[Samples]:
            context.progress(f"{self.name}: {phase}")
            return openloop.run(
                context.place,
                ready.endpoint,
                requests,
                rate_per_s=params.rate_per_s,
                duration_s=params.duration_s,
                warmup_s=0.05,
                connections=params.connections,
                pipeline=params.pipeline,
                seed=context.seed,
                cpus=context.generator_cpus or None,
                timeline_ms=_TIMELINE_MS,
                labels={"phase": phase, "rate_per_s": params.rate_per_s},
            )

        where = _where(ready.endpoint)
        with connection(context.place, ready.endpoint) as raw, Saver(raw, where) as saver:
            before = load("before")
            with context.observed(ready.endpoint):
                began = time.monotonic_ns()
                saver.start()
                during = load("during")
                ended = time.monotonic_ns()
                saver.finish()
        return [*before, *during, *_told(saver, began, ended)]


def _where(endpoint: Endpoint) -> str:
    return f"{endpoint.host}:{endpoint.port}"


def _told(saver: Saver, began: int, ended: int) -> list[Samples]:
    busy = sum(max(0, min(end, ended) - max(start, began)) for start, end in saver.busy_ns)
    figures = (
        (FORK, Source.PROGRAM, saver.fork_ns),
        (COPIED, Source.PROGRAM, saver.copied_bytes),
        (SAVE, Source.HOST, saver.save_ns),
        (REPLY, Source.HOST, saver.reply_ns),
        (SHARE, Source.HOST, [busy / (ended - began)]),
    )
    return [Samples(metric, source, np.array(values, np.float64)) for metric, source, values in figures]


REDIS_BGSAVE = BgsaveCase(
    "redis_bgsave", "Redis BGSAVE: its fork, its duration, and client latency meanwhile", Redis(), RedisBgsave
)
