"""The seams: what a target, a deployment, a place, a case and a probe offer one another."""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from subprocess import Popen
from typing import IO, Any, Protocol

from pydantic import BaseModel

from vocabulary.measure import Samples


class Capability(StrEnum):
    """What a target can be asked to do; a case names what it needs and a target what it offers."""

    MICRO = "micro"  # run a micro program of workloads/micro
    REDIS = "redis"
    HTTP = "http"
    DNS = "dns"
    LIBRARIES = "libraries"  # dlopen from a directory of the host's
    KERNEL = "kernel"  # run the kernel cases' program, or the target's own build of it


class ServiceKind(StrEnum):
    REDIS = "redis"
    HTTP = "http"
    DNS = "dns"


@dataclass(frozen=True, slots=True)
class Service:
    """A service to start on a deployment. ``data`` is a directory made by the workload: pages for
    http (the document root), ``zone`` and its file for dns (``kxbench.test.zone``), unused for redis.
    ``workers`` is how many worker processes serve; ``cpus`` where they may run, empty for anywhere."""

    kind: ServiceKind
    data: Path | None = None
    workers: int = 1
    cpus: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a service answers, reachable from the suite's own place. ``pid`` is the server's main
    process where it has one."""

    kind: ServiceKind
    host: str
    port: int
    pid: int | None = None


class Place(Protocol):
    """A network namespace and a cgroup of ours in which programs may be started.

    Everything started in a place dies with it, and with the suite, even on ``kill -9``."""

    @property
    def netns(self) -> str: ...  # its name under /run/netns
    @property
    def cgroup(self) -> Path: ...  # its cgroup-v2 directory
    @property
    def cgroup_id(self) -> int: ...  # what bpf_get_current_cgroup_id() returns in it
    def popen(
        self,
        argv: Sequence[str | Path],
        *,
        cpus: Collection[int] | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdin: int | IO[Any] | None = None,
        stdout: int | IO[Any] | None = None,
        stderr: int | IO[Any] | None = None,
    ) -> Popen[bytes]:
        """Start a program; ``cpus`` None leaves the scheduler free. ``env`` is added to ours."""
        ...

    def entered(self) -> AbstractContextManager[None]:
        """The calling thread is in the place's network namespace inside the ``with``: sockets made
        there stay there."""
        ...

    def pids(self) -> list[int]:
        """The processes in the place now."""
        ...


class Deployment(Protocol):
    """One boot of a target: the unit of replication."""

    @property
    def target(self) -> str: ...
    @property
    def place(self) -> Place: ...
    @property
    def interface(self) -> str | None:
        """The suite-side end of the target's link, in the suite's namespace: where ``wire`` watches."""
        ...

    @property
    def probe_points(self) -> Mapping[str, Path]:
        """Binaries with USDT probes of ours by provider name, for a target that has some."""
        ...

    def run_micro(self, program: Path, args: Sequence[str], *, timeout_s: float) -> str:
        """Run a micro program to its end and return its standard output. A target that cannot execute the
        host's programs runs its own of that name (the micro kernel: ``kernel``).

        Raises TargetError (with the console's tail) on a bad exit or on time-out."""
        ...

    def run_beside(self, program: Path, args: Sequence[str], *, timeout_s: float) -> str:
        """The same for a program that runs on the host, in the deployment's place: it starts targets."""
        ...

    def command(self, program: Path, args: Sequence[str]) -> list[str]:
        """What starts ``program`` in a fresh instance of the target when executed on the host in the
        deployment's place (of a process: the program itself). It may be executed again and again, and shares
        nothing with what the deployment runs otherwise."""
        ...

    def serve(self, service: Service) -> AbstractContextManager[Endpoint]:
        """A started service that has answered once; stopped at the end of the ``with``."""
        ...

    def console(self) -> str:
        """The tail of all that the deployment printed so far."""
        ...


class Target(Protocol):
    """A system that can be measured."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def emulated(self) -> bool:
        """Whether its processor is emulated: what a wall clock says of it is indicative (Clock.EMULATED)."""
        ...

    def missing(self) -> str:
        """Why it cannot be deployed on this host, with the remedy; empty when it can."""
        ...

    def capabilities(self) -> frozenset[Capability]: ...
    def build(self) -> None:
        """Idempotent. Raises TargetError."""
        ...

    def deploy(self, scratch: Path) -> AbstractContextManager[Deployment]:
        """A fresh deployment whose files may go under ``scratch``. Raises TargetError."""
        ...


@dataclass(frozen=True, slots=True)
class ProbeScope:
    """What a probe may look at: ``place`` is the target's (its cgroup filters events), ``interface`` is
    the suite-side link, watched from ``watch_from`` (the suite's place)."""

    place: Place
    watch_from: Place
    interface: str | None
    endpoint: Endpoint | None
    binaries: Mapping[str, Path] = field(default_factory=dict)  # USDT providers by name


@dataclass(slots=True)
class ProbeReading:
    """Filled in when the probe detaches."""

    samples: list[Samples] = field(default_factory=list)
    events: int = 0
    lost_events: int = 0


class Probe(Protocol):
    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    def missing(self) -> str:
        """Why it cannot attach here, with the remedy; empty when it can. Tried, not read off flags."""
        ...

    def attach(self, scope: ProbeScope) -> AbstractContextManager[ProbeReading]:
        """Compiled once a process, attached and detached at each ``with``. Raises UnsupportedError."""
        ...

    def close(self) -> None: ...


class Progress(Protocol):
    def __call__(self, what: str) -> None:
        """Tell the person what is going on in the cell; never more than some 10 times a second."""
        ...


@dataclass(frozen=True, slots=True)
class CaseContext:
    """What a case is given besides its deployment.

    ``place`` is the suite's own: generators and clients run there. ``observed`` opens the cell's probes
    around the timed part; a case calls it once, with the endpoint it loads, after its set-up and
    correctness pass, or around the whole micro program. ``generator_cpus`` is where load is to run,
    ``server_cpus`` where what it loads is: apart, so that neither slows the other; empty on one CPU."""

    place: Place
    scratch: Path
    cache: Path  # seeded data sets kept between runs
    seed: int
    generator_cpus: tuple[int, ...]
    observed: Callable[[Endpoint | None], AbstractContextManager[None]]
    progress: Progress
    server_cpus: tuple[int, ...] = ()


class CaseKind(Protocol):
    """A kind of case: a micro program or a service load, with its parameters."""

    @property
    def name(self) -> str: ...
    @property
    def summary(self) -> str: ...
    @property
    def params(self) -> type[BaseModel]:
        """Its parameters, each with a default, limits and a description; ``extra='forbid'``."""
        ...

    @property
    def needs(self) -> frozenset[Capability]: ...
    @property
    def probes(self) -> tuple[str, ...]:
        """The probes that make sense for it."""
        ...

    def missing(self) -> str:
        """Why it cannot run on this host (a generator that is not installed), with the remedy."""
        ...

    def run(self, params: BaseModel, deployment: Deployment, context: CaseContext) -> list[Samples]:
        """Measure once on a fresh deployment. Raises TargetError, UnsupportedError."""
        ...
