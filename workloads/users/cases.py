"""Users by locust as case kinds: of all three services at once, or of one."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, Field

from vocabulary import (
    Better,
    Capability,
    CaseContext,
    Clock,
    Deployment,
    Endpoint,
    Metric,
    Samples,
    ServiceKind,
    Source,
)
from workloads.dns_load.cases import Dns, DnsData
from workloads.http_load.cases import Http, HttpData
from workloads.redis_load.cases import Redis, RedisData
from workloads.services.params import Params
from workloads.services.workload import Workload
from workloads.users import distributed
from workloads.users.settings import Settings

REQUESTS = Metric("users_requests", "1", Clock.NONE, Better.NEITHER, "requests that the users made")
FAILURES = Metric("users_failures", "1", Clock.NONE, Better.LOWER, "requests failed or answered wrongly")
THROUGHPUT = Metric(
    "users_throughput",
    "ops/s",
    Clock.MONOTONIC,
    Better.HIGHER,
    "requests a second of users who pause between them: bounded by their number and pauses",
)
_KEYS, _VALUE_BYTES, _NAMES = 10_000, 64, 10_000

Part = tuple[Workload[Any, Any], Params, str]
_PARTS: Mapping[ServiceKind, Part] = {
    ServiceKind.REDIS: (
        Redis(),
        RedisData.model_validate({"keys": _KEYS, "value_bytes": _VALUE_BYTES}),
        "RedisUser",
    ),
    ServiceKind.HTTP: (Http(), HttpData.model_validate({}), "PageUser"),
    ServiceKind.DNS: (Dns(), DnsData.model_validate({"names": _NAMES}), "DnsUser"),
}


class Users(Params):
    """The data sets are those of the services' own cases at their defaults."""

    users: int = Field(6, ge=1, le=10_000, description="users of each service")
    workers: int = Field(2, ge=1, le=64, description="locust worker processes; one master besides")
    think_ms: float = Field(10, ge=0, le=60_000, description="a user's mean pause between tasks")
    spawn_per_s: float = Field(100, ge=1, le=10_000, description="users started a second")
    duration_s: int = Field(3, ge=1, le=3600, description="run time; locust takes whole seconds")


@dataclass(frozen=True, slots=True)
class LocustCase:
    """Master and workers in the suite's place, against ``services`` of one deployment."""

    name: str
    summary: str
    services: Sequence[ServiceKind]
    params: type[BaseModel] = Users
    probes: tuple[str, ...] = ("wire", "sched", "memory")

    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset(Capability(kind.value) for kind in self.services)

    def missing(self) -> str:
        return ""

    def run(self, params: BaseModel, deployment: Deployment, context: CaseContext) -> list[Samples]:
        """Measure once on a fresh deployment. Raises TargetError, UnsupportedError."""
        assert isinstance(params, Users)
        with ExitStack() as stack:
            endpoints: dict[ServiceKind, Endpoint] = {}
            for kind in self.services:
                workload, data, _ = _PARTS[kind]
                ready = stack.enter_context(workload.ready(data, deployment, context))
                endpoints[kind] = ready.endpoint
            context.progress(f"{self.name}: {params.workers} workers for {params.duration_s} s")
            with context.observed(endpoints[self.services[0]]):
                counted = distributed.run(
                    context.place,
                    _settings(endpoints, params, context.seed),
                    {_PARTS[kind][2]: params.users for kind in self.services},
                    workers=params.workers,
                    spawn_per_s=params.spawn_per_s,
                    duration_s=params.duration_s,
                    cpus=context.generator_cpus,
                    scratch=context.scratch / "locust",
                )
        return [sample for service in sorted(counted) for sample in _told(service, counted[service])]


def _settings(endpoints: Mapping[ServiceKind, Endpoint], params: Users, seed: int) -> Settings:
    at = {kind.value: f"{endpoint.host}:{endpoint.port}" for kind, endpoint in endpoints.items()}
    if "http" in at:
        at["http"] = f"http://{at['http']}"
    return Settings(seed, params.think_ms, **at, keys=_KEYS, value_bytes=_VALUE_BYTES, names=_NAMES)


def _told(service: str, counted: distributed.Counted) -> list[Samples]:
    figures = ((REQUESTS, counted.requests), (FAILURES, counted.failures), (THROUGHPUT, counted.rate_per_s))
    labels = {"tool": "locust", "service": service}
    return [
        Samples(metric, Source.NATIVE, np.array([float(value)]), labels=labels) for metric, value in figures
    ]


LOCUST = LocustCase("locust", "users of Redis, HTTP and DNS at once, by distributed locust", tuple(_PARTS))
LOCUST_REDIS = LocustCase("locust_redis", "users of Redis, by distributed locust", (ServiceKind.REDIS,))
LOCUST_HTTP = LocustCase("locust_http", "users of HTTP, by distributed locust", (ServiceKind.HTTP,))
LOCUST_DNS = LocustCase("locust_dns", "users of DNS, by distributed locust", (ServiceKind.DNS,))
