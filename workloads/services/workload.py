"""What differs between the services: a Workload makes the data, checks the answers, writes the requests."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import ClassVar, Generic, TypeVar

from vocabulary import CaseContext, Deployment, Endpoint, Samples, Service, ServiceKind
from workloads.services.params import Data

P = TypeVar("P", bound=Data)
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class Ready(Generic[D]):
    """A service that is loaded with its data and has passed its checks."""

    endpoint: Endpoint
    data: D


class Workload(ABC, Generic[P, D]):
    """``P`` are the parameters of its data and requests, ``D`` its data set."""

    kind: ClassVar[ServiceKind]
    probes: ClassVar[tuple[str, ...]] = ("wire", "sched", "memory")

    @abstractmethod
    def missing(self) -> str:
        """Why its native generator cannot run, with the remedy; empty when it can."""

    @abstractmethod
    def prepare(self, params: P, context: CaseContext) -> D:
        """Its data set, made or found in the cache. Raises HostError."""

    @abstractmethod
    def service(self, params: P, data: D) -> Service: ...

    def fill(self, params: P, data: D, endpoint: Endpoint, context: CaseContext) -> None:
        """Load what the server does not read itself. Raises TargetError."""
        del params, data, endpoint, context

    @abstractmethod
    def verify(self, params: P, data: D, endpoint: Endpoint, context: CaseContext) -> None:
        """The correctness pass. Raises TargetError naming the first wrong answer."""

    @abstractmethod
    def requests(self, params: P, data: D, seed: int) -> Sequence[bytes]:
        """What the generator sends round and round: each gets one response."""

    def pipeline(self, params: P) -> int:
        """Most requests in flight on a connection."""
        del params
        return 1

    @abstractmethod
    def native(
        self,
        params: P,
        ready: Ready[D],
        context: CaseContext,
        *,
        duration_s: float,
        connections: int,
    ) -> list[Samples]:
        """Its native generator's closed loop at saturation. Raises TargetError."""

    @contextmanager
    def ready(self, params: P, deployment: Deployment, context: CaseContext) -> Iterator[Ready[D]]:
        """The service started on the deployment, off the generator's CPUs, filled and checked, inside the
        ``with``."""
        name = self.kind.value
        context.progress(f"{name}: data set")
        data = self.prepare(params, context)
        context.progress(f"{name}: starting")
        with deployment.serve(replace(self.service(params, data), cpus=context.server_cpus)) as endpoint:
            context.progress(f"{name}: loading")
            self.fill(params, data, endpoint, context)
            context.progress(f"{name}: correctness")
            self.verify(params, data, endpoint, context)
            yield Ready(endpoint, data)
