"""The case kinds that every service has: open loop at fixed rates with the native generator as cross-check,
and open loop at rising rates. See README.md for the flow."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from vocabulary import Capability, CaseContext, Deployment, Samples
from workloads import openloop
from workloads.services.params import Load, Sweep
from workloads.services.workload import Ready, Workload


class ServiceCase:
    """A case kind on one workload. Its parameters are a model with the workload's own and the case's."""

    probes: tuple[str, ...] = ()  # the workload's, unless the kind has its own

    def __init__(
        self, name: str, summary: str, workload: Workload[Any, Any], params: type[BaseModel]
    ) -> None:
        self.name, self.summary, self.workload, self.params = name, summary, workload, params
        self.probes = self.probes or workload.probes

    @property
    def needs(self) -> frozenset[Capability]:
        return frozenset({Capability(self.workload.kind.value)})

    def missing(self) -> str:
        return self.workload.missing()

    def run(self, params: BaseModel, deployment: Deployment, context: CaseContext) -> list[Samples]:
        """Measure once on a fresh deployment. Raises TargetError, UnsupportedError."""
        assert isinstance(params, self.params)
        with self.workload.ready(params, deployment, context) as ready:
            return self.measure(params, ready, context)

    def measure(self, params: Any, ready: Ready[Any], context: CaseContext) -> list[Samples]:
        """The timed part on a service that is ready."""
        raise NotImplementedError


def write_requests(workload: Workload[Any, Any], params: Any, data: Any, context: CaseContext) -> Path:
    """The generator's requests file, in the cell's scratch folder."""
    path = context.scratch / f"{workload.kind.value}.requests"
    openloop.encode_requests(path, workload.kind, workload.requests(params, data, context.seed))
    return path


class LoadCase(ServiceCase):
    """Fixed rates one after another inside ``observed``; then, unobserved, the native generator."""

    def measure(self, params: Any, ready: Ready[Any], context: CaseContext) -> list[Samples]:
        assert isinstance(params, Load)
        requests = write_requests(self.workload, params, ready.data, context)
        samples: list[Samples] = []
        with context.observed(ready.endpoint):
            for rate_per_s in params.rate_per_s:
                context.progress(f"{self.name}: {rate_per_s} requests a second")
                samples += openloop.run(
                    context.place,
                    ready.endpoint,
                    requests,
                    rate_per_s=rate_per_s,
                    duration_s=params.duration_s,
                    warmup_s=params.warmup_s,
                    connections=params.connections,
                    pipeline=self.workload.pipeline(params),
                    arrivals=params.arrivals,
                    seed=context.seed,
                    cpus=context.generator_cpus or None,
                    labels={"rate_per_s": rate_per_s},
                )
        if params.native_s:
            context.progress(f"{self.name}: native generator")
            samples += self.workload.native(
                params, ready, context, duration_s=params.native_s, connections=params.connections
            )
        return samples


class SweepCase(ServiceCase):
    """Rising rates inside ``observed``."""

    def measure(self, params: Any, ready: Ready[Any], context: CaseContext) -> list[Samples]:
        assert isinstance(params, Sweep)
        requests = write_requests(self.workload, params, ready.data, context)
        context.progress(f"{self.name}: rising rates")
        with context.observed(ready.endpoint):
            return openloop.sweep(
                context.place,
                ready.endpoint,
                requests,
                duration_s=params.duration_s,
                warmup_s=params.warmup_s,
                connections=params.connections,
                pipeline=self.workload.pipeline(params),
                lowest_share=params.lowest_share,
                highest_share=params.highest_share,
                per_decade=params.per_decade,
                seed=context.seed,
                cpus=context.generator_cpus or None,
                progress=context.progress,
                arrivals=params.arrivals,
            )
