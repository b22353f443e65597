"""Redis as a workload, and its case kinds."""

import random
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, model_validator

from vocabulary import CaseContext, Endpoint, Samples, Service, ServiceKind
from workloads.native import redis_benchmark
from workloads.redis_load.dataset import MOST_BYTES, KeySet, key, key_set, load, record_bytes
from workloads.services.cases import LoadCase, SweepCase
from workloads.services.datasets import seeded_bytes
from workloads.services.params import Data, Load, Sweep
from workloads.services.workload import Ready, Workload

_MIX = 8192
_MOST_MIX_BYTES = 64 << 20
Feature = Literal[
    "ping",
    "get_set",
    "data",
    "keys",
    "strings",
    "binary",
    "expiry",
    "counters",
    "lists",
    "hashes",
    "sets",
    "zsets",
    "pipelines",
    "transactions",
    "scan",
    "big",
    "errors",
]


class RedisData(Data):
    keys: int = Field(10_000, ge=0, le=1_000_000, description="keys loaded first, of 16 bytes each")
    value_bytes: int = Field(64, ge=1, le=1 << 20, description="size of each value, bytes")
    get_ratio: float = Field(0.9, ge=0, le=1, description="share of GET; the rest is SET")
    pipeline: int = Field(1, ge=1, le=1000, description="most requests in flight on a connection")
    features: tuple[Feature, ...] = Field((), description="features to check before timing; none named: all")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.keys * record_bytes(self.value_bytes) > MOST_BYTES:
            raise ValueError(f"keys x value_bytes is more than {MOST_BYTES >> 30} GiB of requests")
        return self


class RedisLoad(RedisData, Load):
    pass


class RedisSweep(RedisData, Sweep):
    pass


class Redis(Workload[RedisData, KeySet]):
    kind = ServiceKind.REDIS

    def missing(self) -> str:
        return redis_benchmark.missing()

    def prepare(self, params: RedisData, context: CaseContext) -> KeySet:
        return key_set(context.cache, params.data_seed, params.keys, params.value_bytes)

    def service(self, params: RedisData, data: KeySet) -> Service:
        return Service(self.kind)

    def fill(self, params: RedisData, data: KeySet, endpoint: Endpoint, context: CaseContext) -> None:
        load(data, context.place, endpoint, count=not params.features or "keys" in params.features)

    def verify(self, params: RedisData, data: KeySet, endpoint: Endpoint, context: CaseContext) -> None:
        from workloads.redis_load.checks import verify

        verify(data, context.place, endpoint, params.features)

    def requests(self, params: RedisData, data: KeySet, seed: int) -> Sequence[bytes]:
        """Up to 8192 seeded GETs and SETs of keys drawn evenly; with no keys, of one key that is absent
        until it is set."""
        rng = random.Random(f"kxbench redis {seed}")
        count = max(min(_MIX, _MOST_MIX_BYTES // record_bytes(params.value_bytes)), 1)
        value = seeded_bytes(params.value_bytes, seed, params.value_bytes)
        mix = []
        for _ in range(count):
            name = key(rng.randrange(max(params.keys, 1)))
            is_get = rng.random() < params.get_ratio
            mix.append(encode(b"GET", name) if is_get else encode(b"SET", name, value))
        return mix

    def pipeline(self, params: RedisData) -> int:
        return params.pipeline

    def native(
        self,
        params: RedisData,
        ready: Ready[KeySet],
        context: CaseContext,
        *,
        duration_s: float,
        connections: int,
    ) -> list[Samples]:
        """It knows no mixture: GET and SET apart, each for half of the time if both occur."""
        ops = [op for op, share in (("get", params.get_ratio), ("set", 1 - params.get_ratio)) if share > 0]
        told = redis_benchmark.run(
            context.place,
            ready.endpoint,
            ops,
            duration_s=duration_s / len(ops),
            connections=connections,
            pipeline=params.pipeline,
            keys=params.keys,
            value_bytes=params.value_bytes,
            cpus=context.generator_cpus,
        )
        return [sample for one in told for sample in one.samples()]


def encode(*words: bytes) -> bytes:
    """A command in RESP."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


REDIS = LoadCase("redis", "Redis GET and SET at fixed rates, and at saturation", Redis(), RedisLoad)
REDIS_SWEEP = SweepCase("redis_sweep", "Redis GET and SET at rising rates, to the knee", Redis(), RedisSweep)
