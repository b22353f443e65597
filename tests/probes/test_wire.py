"""wire against servers and clients that do known things."""

import socket
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from probes.wire import Attachment, WireProbe
from targets.lab import Lab, Site
from tests.probes.conftest import COUNT, Made, counts, serving
from vocabulary import Endpoint, ProbeScope, ServiceKind, UnsupportedError

pytestmark = [pytest.mark.root, pytest.mark.bcc]

TCP_PORT, DNS_PORT = 7001, 7053
SERVER = Path(__file__).parent / "answering.py"
WAYS = (Attachment.TC, Attachment.PACKET)


@pytest.fixture
def tcp_scope(scope: ProbeScope, site: Site) -> Iterator[ProbeScope]:
    argv = [sys.executable, str(SERVER), "tcp", site.address, str(TCP_PORT)]
    with serving(argv, site.place, TCP_PORT, tcp=True):
        yield replace(scope, endpoint=Endpoint(ServiceKind.REDIS, site.address, TCP_PORT))


@pytest.fixture
def dns_scope(scope: ProbeScope, site: Site) -> Iterator[ProbeScope]:
    argv = [sys.executable, str(SERVER), "udp", site.address, str(DNS_PORT)]
    with serving(argv, site.place, DNS_PORT, tcp=False):
        yield replace(scope, endpoint=Endpoint(ServiceKind.DNS, site.address, DNS_PORT))


@contextmanager
def connection(lab: Lab, scope: ProbeScope) -> Iterator[socket.socket]:
    assert scope.endpoint
    with lab.place.entered():
        client = socket.create_connection((scope.endpoint.host, scope.endpoint.port), 60)
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with client:
        yield client


def ask(client: socket.socket, what: bytes) -> None:
    client.sendall(what)
    wanted = 250000 if what == b"b" else 5
    while wanted > 0:
        wanted -= len(client.recv(65536))


def retransmissions(client: socket.socket) -> int:
    """Of its whole life, as its kernel counts them: tcpi_total_retrans of linux/tcp.h."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return int(struct.unpack_from("=I", info, 100)[0])


def query(number: int, last: bytes = b"\0") -> bytes:
    return struct.pack("!6H", number, 0x0100, 1, 0, 0, 0) + b"\x01a\0\0\x01\0\x01" + last


@pytest.mark.parametrize("by", WAYS)
def test_every_tcp_request_is_matched(made: Made, lab: Lab, tcp_scope: ProbeScope, by: Attachment) -> None:
    probe = made(WireProbe, by=by)
    again = 0
    with probe.attach(tcp_scope) as reading:
        for _ in range(3):
            with connection(lab, tcp_scope) as client:
                for _ in range(COUNT):
                    ask(client, b"n")
                again += retransmissions(client)
    found = counts(reading)
    assert found.pop("unmatched{reason=retransmitted}", 0) <= again  # which counts SYN, too
    assert found == {"wire_latency": 3 * COUNT, "requests": 3 * COUNT}
    assert reading.lost_events == 0


@pytest.mark.parametrize("by", WAYS)
def test_every_dns_query_is_matched(made: Made, lab: Lab, dns_scope: ProbeScope, by: Attachment) -> None:
    assert dns_scope.endpoint
    address = dns_scope.endpoint.host, dns_scope.endpoint.port
    with lab.place.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(60)
    with client, made(WireProbe, by=by).attach(dns_scope) as reading:
        for i in range(COUNT):  # all under way at once
            client.sendto(query(i), address)
        for _ in range(COUNT):
            client.recv(512)
        client.sendto(query(99, b"s"), address)  # unanswered
        client.sendto(query(99, b"s"), address)  # and asked again
        client.sendto(b"not DNS", address)
        client.sendto(query(100), address)
        for _ in range(2):
            client.recv(512)
    found = counts(reading)
    assert found["wire_latency"] == COUNT + 1
    assert found["requests"] == COUNT + 2
    assert found["in_flight"] == 1
    assert found["unmatched{reason=retransmitted}"] == 1
    assert found["unmatched{reason=malformed}"] == 2  # what is not DNS, and its answer
    assert reading.lost_events == 0


def test_the_time_is_the_servers(made: Made, lab: Lab, tcp_scope: ProbeScope) -> None:
    with made(WireProbe).attach(tcp_scope) as reading, connection(lab, tcp_scope) as client:
        for _ in range(5):
            ask(client, b"l")
            time.sleep(0.02)  # the client's own time, which is not to count
    (latency,) = (s.histogram for s in reading.samples if s.histogram)
    assert latency.percentile(0)[0] >= 19e6
    assert latency.count == 5
    assert latency.percentile(0)[0] < 40e6


def test_a_long_response_is_one(made: Made, lab: Lab, tcp_scope: ProbeScope) -> None:
    with made(WireProbe).attach(tcp_scope) as reading, connection(lab, tcp_scope) as client:
        for _ in range(COUNT):
            ask(client, b"b")
    found = counts(reading)
    assert found["wire_latency"] == found["requests"] == COUNT


def test_overlapping_requests_are_counted_not_guessed(made: Made, lab: Lab, tcp_scope: ProbeScope) -> None:
    with made(WireProbe).attach(tcp_scope) as reading, connection(lab, tcp_scope) as client:
        for _ in range(COUNT):
            client.sendall(b"w")  # unanswered until the next has come
            client.sendall(b"n")
            received = 0
            while received < 10:
                received += len(client.recv(100))
            time.sleep(0.005)  # longer than the millisecond after which the flow counts as drained
    found = counts(reading)
    assert found["wire_latency"] == COUNT
    assert found["requests"] == 2 * COUNT
    assert found["unmatched{reason=overlapped}"] == COUNT


def test_no_answer_is_counted(made: Made, lab: Lab, tcp_scope: ProbeScope) -> None:
    with made(WireProbe).attach(tcp_scope) as reading:
        with connection(lab, tcp_scope) as client:
            client.sendall(b"c")
            assert client.recv(10) == b""
        with connection(lab, tcp_scope) as client:
            client.sendall(b"s")
            client.settimeout(0.01)
            with pytest.raises(TimeoutError):
                client.recv(1)
    found = counts(reading)
    assert found["requests"] == 2
    assert "wire_latency" not in found
    assert found["unmatched{reason=unanswered}"] + found.get("in_flight", 0) == 2


def test_another_port_is_not_counted(made: Made, lab: Lab, tcp_scope: ProbeScope) -> None:
    assert tcp_scope.endpoint
    elsewhere = replace(tcp_scope, endpoint=replace(tcp_scope.endpoint, port=TCP_PORT + 1))
    with made(WireProbe).attach(elsewhere) as reading, connection(lab, tcp_scope) as client:
        for _ in range(COUNT):
            ask(client, b"n")
    assert counts(reading) == {"requests": 0}


def test_flows_that_do_not_fit_are_lost(made: Made, lab: Lab, tcp_scope: ProbeScope) -> None:
    clients = []
    with made(WireProbe, flows=4).attach(tcp_scope) as reading:
        for _ in range(8):
            client = connection(lab, tcp_scope)
            ask(client.__enter__(), b"n")
            clients.append(client)
    for client in clients:
        client.__exit__(None, None, None)
    assert reading.lost_events == 4
    assert counts(reading)["wire_latency"] == 4


def test_a_deployment_without_a_link_is_unsupported(made: Made, scope: ProbeScope) -> None:
    probe = made(WireProbe)
    with pytest.raises(UnsupportedError), probe.attach(replace(scope, interface=None)):
        pass


def test_nothing_is_left_on_the_interface(made: Made, lab: Lab, tcp_scope: ProbeScope) -> None:
    probe = made(WireProbe, by=Attachment.TC)
    for _ in range(5):  # a clsact left behind would make the next one fail
        with probe.attach(tcp_scope) as reading, connection(lab, tcp_scope) as client:
            ask(client, b"n")
        assert counts(reading)["wire_latency"] == 1


def frame(kind: int, payload: bytes) -> bytes:
    return b"\xff" * 6 + b"\x02\0\0\0\0\1" + struct.pack("!H", kind) + payload


def ipv4(
    protocol: int, body: bytes, *, first: int = 0x45, fragment: int = 0, length: int | None = None
) -> bytes:
    total = 20 + len(body) if length is None else length
    return (
        struct.pack("!BBHHHBBHII", first, 0, total, 1, fragment, 9, protocol, 0, 0x0A010101, 0x0A010102)
        + body
    )


def tcp(port: int, doff: int, payload: bytes = b"") -> bytes:
    return struct.pack("!HHIIBBHHH", port, 40000, 1, 1, doff << 4, 0x18, 0, 0, 0) + payload


def test_hostile_packets_are_counted_and_do_no_harm(
    made: Made, lab: Lab, site: Site, tcp_scope: ProbeScope
) -> None:
    cut = ipv4(6, tcp(TCP_PORT, 5))[:30]
    hostile = {
        "malformed": [
            ipv4(6, tcp(TCP_PORT, 5), first=0x44),  # a header shorter than a header
            ipv4(6, tcp(TCP_PORT, 5), first=0x65),  # version 6 in an IPv4 frame
            ipv4(6, tcp(TCP_PORT, 5), length=60000),  # longer than the packet
            ipv4(6, tcp(TCP_PORT, 5), length=10),  # shorter than its own header
            ipv4(6, tcp(TCP_PORT, 4)),  # a TCP header shorter than one
            ipv4(6, tcp(TCP_PORT, 15)),  # options beyond the end
            cut[:2] + struct.pack("!H", 30) + cut[4:],  # half a TCP header
            ipv4(6, tcp(TCP_PORT, 5))[:12],  # half an IP header
        ],
        "fragments": [ipv4(6, tcp(TCP_PORT, 5), fragment=0x2000), ipv4(17, b"", fragment=7)],
        "unasked": [ipv4(6, tcp(TCP_PORT, 5, b"answer"))],
    }
    with site.place.entered():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        wire.bind(("eth0", 0))
    with wire, made(WireProbe).attach(tcp_scope) as reading, connection(lab, tcp_scope) as client:
        for packets in hostile.values():
            for packet in packets:
                wire.send(frame(0x0800, packet))
        wire.send(frame(0x86DD, bytes(40)))
        ask(client, b"n")
    found = counts(reading)
    for reason, packets in hostile.items():
        assert found[f"unmatched{{reason={reason}}}"] == len(packets), reason
    assert found["unmatched{reason=ipv6}"] >= 1
    assert found["wire_latency"] == found["requests"] == 1


def test_random_packets_do_no_harm(made: Made, lab: Lab, site: Site, tcp_scope: ProbeScope) -> None:
    random = np.random.default_rng(23)
    with site.place.entered():
        wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        wire.bind(("eth0", 0))
    with wire, made(WireProbe).attach(tcp_scope) as reading, connection(lab, tcp_scope) as client:
        for _ in range(2000):
            body = random.bytes(int(random.integers(1, 200)))
            wire.send(frame(0x0800, b"\x45" + body))
        ask(client, b"n")
    assert counts(reading)["wire_latency"] == 1
