"""HTTP as a workload, and its case kinds."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from vocabulary import CaseContext, Endpoint, Samples, Service, ServiceKind
from workloads.http_load.pages import Pages, name_of, pages
from workloads.native import wrk
from workloads.services.cases import LoadCase, SweepCase
from workloads.services.params import Data, Load, Rates, Sweep
from workloads.services.workload import Ready, Workload

Feature = Literal["get", "head", "keep_alive", "range", "conditional"]


class HttpData(Data):
    page_bytes: Literal[612, 65536, 1048576] = Field(612, description="size of the page asked for, bytes")
    workers: int = Field(1, ge=1, le=256, description="worker processes of the server")
    features: tuple[Feature, ...] = Field((), description="features to check before timing; none named: all")


class HttpLoad(HttpData, Load):
    rate_per_s: Rates = Field((5_000,), description="requests a second: one number, or a list run in turn")


class HttpSweep(HttpData, Sweep):
    pass


class Http(Workload[HttpData, Pages]):
    kind = ServiceKind.HTTP

    def missing(self) -> str:
        return wrk.missing()

    def prepare(self, params: HttpData, context: CaseContext) -> Pages:
        return pages(context.cache, params.data_seed)

    def service(self, params: HttpData, data: Pages) -> Service:
        return Service(self.kind, data.root, params.workers)

    def verify(self, params: HttpData, data: Pages, endpoint: Endpoint, context: CaseContext) -> None:
        from workloads.http_load.checks import verify

        verify(data, context.place, endpoint, params.features)

    def requests(self, params: HttpData, data: Pages, seed: int) -> Sequence[bytes]:
        path = name_of(params.page_bytes).encode()
        return [b"GET /" + path + b" HTTP/1.1\r\nHost: kxbench.test\r\n\r\n"]

    def native(
        self,
        params: HttpData,
        ready: Ready[Pages],
        context: CaseContext,
        *,
        duration_s: float,
        connections: int,
    ) -> list[Samples]:
        told = wrk.run(
            context.place,
            ready.endpoint,
            name_of(params.page_bytes),
            duration_s=duration_s,
            connections=connections,
            cpus=context.generator_cpus,
        )
        return told.samples()


HTTP = LoadCase("http", "HTTP pages at fixed rates, and at saturation", Http(), HttpLoad)
HTTP_SWEEP = SweepCase("http_sweep", "HTTP pages at rising rates, to the knee", Http(), HttpSweep)
