"""Redis's closed-loop throughput: by the suite's case, by redis-benchmark alone, by our generator."""

import subprocess
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vocabulary import Better, CaseContext, Clock, Metric, Samples, Source, TargetError
from workloads import openloop
from workloads.agreement.rounds import interleaved, ratio
from workloads.native import program, redis_benchmark
from workloads.redis_load.cases import Redis, RedisData
from workloads.services.cases import ServiceCase, write_requests
from workloads.services.workload import Ready

_LIMIT_S = 60.0
_OP = "get"


class AgreementRedis(RedisData):
    get_ratio: float = Field(1.0, ge=1, le=1, description="GET only")
    connections: int = Field(50, ge=1, le=1000, description="connections of each generator")
    rounds: int = Field(5, ge=1, le=1000, description="interleaved rounds")
    duration_s: float = Field(0.5, ge=0.05, le=60, description="of each run")


def _rate(name: str, summary: str) -> Metric:
    return Metric(name, "ops/s", Clock.MONOTONIC, Better.HIGHER, summary)


SUITE = _rate("suite", "redis-benchmark by the suite: in its place, on its generator's processors")
ALONE = _rate("alone", "the same command line as a plain subprocess in the same namespace")
CLOSED = _rate("closed_rate", "our generator's closed loop")


class AgreementRedisCase(ServiceCase):
    probes = ()

    def measure(self, params: Any, ready: Ready[Any], context: CaseContext) -> list[Samples]:
        assert isinstance(params, AgreementRedis)
        requests = write_requests(self.workload, params, ready.data, context)
        sizes = {
            "connections": params.connections,
            "pipeline": params.pipeline,
            "keys": params.keys,
            "value_bytes": params.value_bytes,
        }
        first = redis_benchmark.run(
            context.place,
            ready.endpoint,
            [_OP],
            duration_s=params.duration_s,
            cpus=context.generator_cpus,
            **sizes,
        )[0]
        count = redis_benchmark.enough(first.rate_per_s, params.duration_s, 1000)
        argv = redis_benchmark.arguments(ready.endpoint, _OP, requests=count, **sizes)

        def suite() -> NDArray[np.float64]:
            text = program.run(context.place, argv, cpus=context.generator_cpus, limit_s=_LIMIT_S)
            return _told(text)

        def alone() -> NDArray[np.float64]:
            with context.place.entered():  # a child is born in its parent thread's namespace
                try:
                    done = subprocess.run(argv, capture_output=True, text=True, timeout=_LIMIT_S, check=True)
                except (OSError, subprocess.SubprocessError) as error:
                    raise TargetError(f"redis-benchmark alone: {error}", where=" ".join(argv)) from error
            return _told(done.stdout)

        def closed() -> NDArray[np.float64]:
            samples = openloop.run(
                context.place,
                ready.endpoint,
                requests,
                rate_per_s=None,
                duration_s=params.duration_s,
                warmup_s=0.1,
                connections=params.connections,
                pipeline=params.pipeline,
                seed=context.seed,
                cpus=context.generator_cpus or None,
            )
            return np.array([openloop.one(samples, "rate")])

        context.progress(f"{self.name}: {params.rounds} rounds")
        with context.observed(ready.endpoint):
            found = interleaved(
                params.rounds, {"suite": suite, "alone": alone, "closed": closed}, context.seed
            )
        return [
            Samples(SUITE, Source.NATIVE, np.concatenate(found["suite"])),
            Samples(ALONE, Source.NATIVE, np.concatenate(found["alone"])),
            Samples(CLOSED, Source.GENERATOR, np.concatenate(found["closed"])),
            ratio("suite_to_alone", found["suite"], found["alone"]),
            ratio("closed_to_alone", found["closed"], found["alone"]),
        ]


def _told(text: str) -> NDArray[np.float64]:
    return np.array([redis_benchmark.parse(text, [_OP])[0].rate_per_s])


AGREEMENT_REDIS = AgreementRedisCase(
    "agreement_redis",
    "Redis throughput by the suite, by redis-benchmark alone, by our generator: interleaved",
    Redis(),
    AgreementRedis,
)
