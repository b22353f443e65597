"""DNS as a workload, and its case kinds."""

import random
from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from vocabulary import CaseContext, Endpoint, Samples, Service, ServiceKind
from workloads.dns_load.zone import Zone, zone
from workloads.native import dnsperf
from workloads.services.cases import LoadCase, SweepCase
from workloads.services.params import Data, Load, Rates, Sweep
from workloads.services.workload import Ready, Workload

_MIX = 8192
_OUTSTANDING = 100


Feature = Literal["records", "negative", "alias", "wildcard", "delegation", "edns", "truncation", "transfer"]


class DnsData(Data):
    names: int = Field(10_000, ge=10, le=900_000, description="names in the zone")
    workers: int = Field(1, ge=1, le=256, description="worker processes of the server")
    features: tuple[Feature, ...] = Field((), description="features to check before timing; none named: all")


class DnsLoad(DnsData, Load):
    rate_per_s: Rates = Field((10_000,), description="queries a second: one number, or a list run in turn")


class DnsSweep(DnsData, Sweep):
    pass


class Dns(Workload[DnsData, Zone]):
    kind = ServiceKind.DNS

    def missing(self) -> str:
        return dnsperf.missing()

    def prepare(self, params: DnsData, context: CaseContext) -> Zone:
        return zone(context.cache, params.data_seed, params.names)

    def service(self, params: DnsData, data: Zone) -> Service:
        return Service(self.kind, data.directory, params.workers)

    def verify(self, params: DnsData, data: Zone, endpoint: Endpoint, context: CaseContext) -> None:
        from workloads.dns_load.checks import verify

        verify(data, context.place, endpoint, params.features)

    def questions(self, data: Zone, seed: int) -> list[tuple[str, str]]:
        """8192 seeded draws from the zone's names, each asked for the type it has."""
        return random.Random(f"kxbench queries {seed}").choices(data.names, k=_MIX)

    def requests(self, params: DnsData, data: Zone, seed: int) -> Sequence[bytes]:
        return [encode_query(owner, kind) for owner, kind in self.questions(data, seed)]

    def native(
        self,
        params: DnsData,
        ready: Ready[Zone],
        context: CaseContext,
        *,
        duration_s: float,
        connections: int,
    ) -> list[Samples]:
        queries = context.scratch / "queries.txt"
        lines = [f"{owner} {kind}\n" for owner, kind in self.questions(ready.data, context.seed)]
        queries.write_text("".join(lines))
        told = dnsperf.run(
            context.place,
            ready.endpoint,
            queries,
            duration_s=duration_s,
            connections=connections,
            outstanding=max(_OUTSTANDING, connections),
            cpus=context.generator_cpus,
        )
        return told.samples()


_TYPE_NUMBERS = {"A": 1, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33}


def encode_query(owner: str, kind: str) -> bytes:
    """A question of class IN without recursion (RFC 1035 section 4.1); the generator fills in the id."""
    labels = b"".join(bytes([len(label)]) + label.encode("ascii") for label in owner.rstrip(".").split("."))
    header = bytes([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    return header + labels + b"\0" + _TYPE_NUMBERS[kind].to_bytes(2, "big") + b"\0\1"


DNS = LoadCase("dns", "DNS queries at fixed rates, and at saturation", Dns(), DnsLoad)
DNS_SWEEP = SweepCase("dns_sweep", "DNS queries at rising rates, to the knee", Dns(), DnsSweep)
