"""A server's life in a deployment: started, ready, watched, stopped."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import STDOUT, Popen

from targets.lab import LabPlace
from targets.process.console import Console
from targets.process.ending import how_it_ended, kill_session, session, wait
from targets.process.readiness import NotReadyError
from targets.process.servers import Server, configure, server_for
from vocabulary.errors import HostError, TargetError, UnsupportedError
from vocabulary.protocols import Endpoint, Place, Service

READY_WITHIN_S = 10.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.001, 0.05
STOP_WITHIN_S = 3.0
# A client sees its connection reset when the kernel closes a dying server's descriptors, a little before the
# server can be waited for.
DEATH_SEEN_WITHIN_S = 3.0


class RunningServer:
    """A started server. `check` raises TargetError once it, or a worker that it had when ready, has died."""

    def __init__(self, name: str, process: Popen[bytes], place: Place, console: Console) -> None:
        self.name, self.process = name, process
        self._place, self._console = place, console
        self._workers: frozenset[int] = frozenset()
        self._ready = False
        self._killed = False  # by us, in `stop`

    def await_ready(self, server: Server, address: str, watch_from: Place) -> None:
        """Ask from the suite's place until it answers. Raises TargetError after 10 s or when it dies."""
        deadline = time.monotonic() + READY_WITHIN_S
        pause_s = FIRST_PAUSE_S
        with watch_from.entered():
            while True:
                self.check()
                try:
                    server.answers(address, server.port)
                    break
                except (OSError, NotReadyError) as error:
                    if time.monotonic() > deadline:
                        raise self._error(
                            f"{self.name} does not answer within {READY_WITHIN_S:g} s: {error}"
                        ) from error
                if wait(self.process, pause_s) is None:
                    pause_s = min(1.5 * pause_s, LONGEST_PAUSE_S)
        self.check()
        self._ready = True
        # redis forks for BGSAVE and such children come and go; nginx's and nsd's are to stay
        if not server.single:
            self._workers = frozenset(session(self._place, self.process.pid))

    def check(self, patience_s: float = 0.0) -> None:
        """Raises TargetError when it died on its own, saying how; waits ``patience_s`` for it to die."""
        self._check_process(patience_s)
        if lost := self._workers and self._workers - set(session(self._place, self.process.pid)):
            self._check_process(DEATH_SEEN_WITHIN_S)  # workers that die with it may be gone first
            pids = ", ".join(map(str, sorted(lost)))
            raise self._error(f"a worker process of {self.name} (pid {pids}) died while serving")

    def _check_process(self, patience_s: float) -> None:
        code = wait(self.process, patience_s) if self.process.returncode is None else self.process.returncode
        if code is not None:
            when = "while serving" if self._ready else "before it answered"
            raise self._error(f"{self.name} (pid {self.process.pid}) {how_it_ended(code)} {when}")

    def stop(self) -> None:
        """Asked politely first; gone, with all its children, on return."""
        if self.process.poll() is None:
            self.process.terminate()
            self._killed = wait(self.process, STOP_WITHIN_S) is None
        kill_session(self._place, self.process)

    def check_stopped(self) -> None:
        """After `stop`: raises TargetError when it was not our asking that ended it. A server that dies as
        the ``with`` ends may not be dead yet when `check` looks."""
        code = self.process.returncode
        if not self._killed and code not in (0, -signal.SIGTERM):
            raise self._error(f"{self.name} (pid {self.process.pid}) {how_it_ended(code)} while serving")

    def _error(self, what: str) -> TargetError:
        return TargetError(what, where=f"deployment {self._place.netns}", console=self._console.tail())


@contextmanager
def serving(
    service: Service, place: LabPlace, address: str, watch_from: Place, scratch: Path, console: Console
) -> Iterator[Endpoint]:
    """A server that has answered ``watch_from`` once; stopped at the end of the ``with``.

    Raises TargetError when it does not get ready and, at the end of the ``with`` or in place of the
    exception that leaves it, when it has died meanwhile; UnsupportedError when it is not installed."""
    server, program = server_for(service)
    _check_port(place, address, server)
    log = console.new(server.program)
    state = scratch / log.stem
    state.mkdir(parents=True, exist_ok=True)
    arguments = configure(server, service, address, state)
    try:
        with log.open("wb") as output:
            process = place.popen(
                [program, *arguments], cpus=service.cpus or None, cwd=state, stdout=output, stderr=STDOUT
            )
    except HostError as error:
        raise TargetError(f"cannot start {server.program}: {error}", where=place.netns) from error
    running = RunningServer(server.program, process, place, console)
    endpoint = Endpoint(service.kind, address, server.port, process.pid)
    with watched(running, server, endpoint, watch_from):
        yield endpoint


@contextmanager
def watched(
    running: RunningServer, server: Server, endpoint: Endpoint, watch_from: Place
) -> Iterator[Endpoint]:
    """``running`` as a service from its first answer to the end of the ``with``; see `serving`."""
    try:
        running.await_ready(server, endpoint.host, watch_from)
        try:
            yield endpoint
        except UnsupportedError:
            raise
        except Exception as error:
            try:
                running.check(DEATH_SEEN_WITHIN_S)
            except TargetError as death:
                raise death from error
            raise
        running.check()
    finally:
        running.stop()
    running.check_stopped()


def _check_port(place: Place, address: str, server: Server) -> None:
    """Somebody else's answer must not be taken for the server's."""
    with place.entered(), contextlib.ExitStack() as stack:
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            probe = stack.enter_context(socket.socket(socket.AF_INET, kind))
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, server.port))
            except OSError as error:
                raise TargetError(
                    f"{server.program} cannot have port {server.port}: {error.strerror}",
                    where=f"{address} in {place.netns}",
                    remedy="one service of a kind a deployment: end the other's `with` first",
                ) from error
