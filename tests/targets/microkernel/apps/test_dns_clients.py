"""The suite's checks and generators on the DNS server, and dnsperf."""

import random
import socket
from pathlib import Path

import dns.message
import dns.query
import pytest

from tests.local import HOST, LocalPlace
from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.loads import all_received
from tests.targets.microkernel.apps.serving import TIMEOUT_S, Served
from vocabulary import Endpoint, ServiceKind
from workloads import openloop
from workloads.dns_load.cases import Dns, DnsLoad
from workloads.dns_load.checks import CHECKS, verify
from workloads.dns_load.zone import FILE, Zone, zone
from workloads.native import dnsperf

PLACE = LocalPlace()
NAMES = 1000


def endpoint(served: Served) -> Endpoint:
    return Endpoint(ServiceKind.DNS, HOST, served.port, served.process.pid)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Zone:
    return zone(tmp_path_factory.mktemp("zone"), seed=1, names=NAMES)


@pytest.fixture(scope="module")
def served(start: Start, data: Zone) -> Served:
    return start("dns", "--zone", data.directory / FILE)


def test_the_correctness_pass(served: Served, data: Zone) -> None:
    assert verify(data, PLACE, endpoint(served)) == len(CHECKS.chosen(()))


def test_the_zone_is_found_in_the_file_tree(start: Start, data: Zone) -> None:
    """And the connection is offered little at a time."""
    served = start("dns", "--root", data.directory, "--in", "1", "--out", "3")
    assert verify(data, PLACE, endpoint(served)) == len(CHECKS.chosen(()))


def test_every_name_of_the_data_set(served: Served, data: Zone) -> None:
    """Over one connection, pipelined."""
    with served.connect() as raw:
        for first in range(0, len(data.names), 100):
            part = data.names[first : first + 100]
            queries = [dns.message.make_query(owner, kind) for owner, kind in part]
            raw.sendall(b"".join(len(w).to_bytes(2, "big") + w for w in (q.to_wire() for q in queries)))
            for query, (owner, kind) in zip(queries, part, strict=True):
                answer, _ = dns.query.receive_tcp(raw)
                assert query.is_response(answer)
                assert {r.to_text().split(" ", 4)[4] for r in answer.answer[:1]} and answer.rcode() == 0, (
                    owner,
                    kind,
                )


def test_the_open_loop_generator(served: Served, data: Zone, tmp_path: Path) -> None:
    params = DnsLoad.model_validate({"names": NAMES})
    requests = tmp_path / "requests"
    openloop.encode_requests(requests, ServiceKind.DNS, Dns().requests(params, data, 1))
    assert all_received(PLACE, endpoint(served), requests, rate_per_s=2000) > 1000


def test_dnsperf_as_the_suite_runs_it(served: Served, data: Zone, tmp_path: Path) -> None:
    if why := dnsperf.missing():
        pytest.skip(why)
    queries = tmp_path / "queries"
    queries.write_text("".join(f"{owner} {kind}\n" for owner, kind in data.names))
    told = dnsperf.run(
        PLACE, endpoint(served), queries, duration_s=1.5, connections=4, outstanding=100, cpus=[]
    )
    assert told.errors == 0


def test_a_large_zone(start: Start, tmp_path: Path) -> None:
    """Its hash table grows; a name of each thousand is there, its neighbour beyond the end is not."""
    big = zone(tmp_path, seed=2, names=30_000)
    served = start("dns", "--zone", big.directory / FILE, sanitized=False)
    for owner, kind in random.Random(1).sample(big.names, 200):
        answer = dns.query.udp(dns.message.make_query(owner, kind), HOST, TIMEOUT_S, served.port)
        assert answer.rcode() == 0 and answer.answer
    answer = dns.query.udp(dns.message.make_query("n030000.kxbench.test", "A"), HOST, TIMEOUT_S, served.port)
    assert answer.rcode() == 3


def test_no_memory_for_the_zone(start: Start, data: Zone) -> None:
    with pytest.raises(AssertionError, match="ended with 1"):
        start("dns", "--zone", data.directory / FILE, "--memory", "200000")


def test_a_connection_for_each_query(served: Served) -> None:
    query = dns.message.make_query("several.kxbench.test", "A")
    for _ in range(50):
        assert len(dns.query.tcp(query, HOST, TIMEOUT_S, served.port).answer[0]) == 4


def test_datagrams_from_many(served: Served) -> None:
    wire = dns.message.make_query("several.kxbench.test", "A").to_wire()
    clients = [socket.socket(type=socket.SOCK_DGRAM) for _ in range(100)]
    for client in clients:
        client.settimeout(TIMEOUT_S)
        client.sendto(wire, (HOST, served.port))
    assert len({client.recv(512) for client in clients}) == 1
    for client in clients:
        client.close()
