"""Request-to-response time at the target's link. wire.bpf.c matches; README.md defines what and compares the
two ways to attach."""

import ctypes
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from threading import Thread

import numpy as np

from probes.base import BpfProbe
from probes.part import Layout, Part, duration, tally
from probes.program import Program
from vocabulary import (
    KxbenchError,
    ProbeReading,
    ProbeScope,
    Samples,
    ServiceKind,
    Source,
    UnsupportedError,
)

FLOWS = 65536
"""TCP flows, and DNS queries under way, that fit; more are counted as lost."""

_REASONS = {
    "overlapped": "sent while another request of the flow was unanswered, or within 1 ms of such a period",
    "retransmitted": "sent again: bytes seen before, or a DNS id under way",
    "unasked": "response bytes without a request seen",
    "stale": "response bytes sent before the request had come: the end of an earlier response",
    "unanswered": "the flow was closed by the target, or reset, without a response",
    "malformed": "a packet too short for its headers, or a DNS message in the wrong direction",
    "ipv6": "an IPv6 packet",
    "fragments": "a fragment of an IPv4 packet",
}
_IN_FLIGHT = tally("in_flight", "requests without a response when the probe was detached")
_LAYOUT = Layout(
    (
        duration(
            "wire_latency",
            "first request byte after idle, leaving towards the target, to first response byte coming back",
        ),
    ),
    (
        tally("requests", "packets with request bytes, or DNS queries", always=True),
        *(tally(reason, text, name="unmatched", reason=reason) for reason, text in _REASONS.items()),
    ),
    ("flows", "queries"),
)
_INGRESS, _EGRESS = "ffff:fff2", "ffff:fff3"  # TC_H_CLSACT with TC_H_MIN_INGRESS/EGRESS (linux/pkt_sched.h)
_EEXIST = 17
_SO_ATTACH_BPF = 50  # asm-generic/socket.h
_ETH_P_ALL = 3
_CLONE_NEWNET = 0x40000000


class Attachment(StrEnum):
    PACKET = "packet"  # a packet socket that receives nothing; goes with the process, however that ends
    TC = "tc"  # a clsact queueing discipline with two filters


@contextmanager
def _by_tc(program: Program, interface: str) -> Iterator[None]:
    from pyroute2 import IPRoute, NetlinkError  # 0.1 s

    functions = {_EGRESS: "on_egress", _INGRESS: "on_ingress"}
    loaded = {parent: program.load(function, "SCHED_CLS") for parent, function in functions.items()}
    with IPRoute() as route:
        index = socket.if_nametoindex(interface)
        try:
            route.tc("add", "clsact", index)
        except NetlinkError as error:
            remedy = "the kernel needs CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF"
            if error.code == _EEXIST:
                remedy = f"remove it: tc qdisc del dev {interface} clsact"
            raise UnsupportedError(f"no clsact: {error}", where=interface, remedy=remedy) from None
        try:
            for parent, function in functions.items():
                route.tc(
                    "add-filter",
                    "bpf",
                    index,
                    ":1",
                    fd=loaded[parent],
                    name=function,
                    parent=parent,
                    classid=1,
                    direct_action=True,
                )
            yield
        finally:
            route.tc("del", "clsact", index)


@contextmanager
def _by_packet_socket(program: Program, interface: str) -> Iterator[None]:
    function = program.load("on_packet", "SOCKET_FILTER")
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as tap:
        tap.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_BPF, function)
        tap.bind((interface, _ETH_P_ALL))
        yield


_WAYS = {Attachment.PACKET: _by_packet_socket, Attachment.TC: _by_tc}


def _in_fresh_namespace(action: Callable[[], None]) -> None:
    """Run it in a network namespace that vanishes with the thread made for it."""
    errors: list[BaseException] = []

    def run() -> None:
        try:
            if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET):
                problem = os.strerror(ctypes.get_errno())
                raise UnsupportedError(f"no network namespace: {problem}", remedy="run as root")
            action()
        except (KxbenchError, OSError) as error:
            errors.append(error)

    thread = Thread(target=run, name="kxbench-wire")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]


class WireProbe(BpfProbe):
    """``flows`` is how many fit, see FLOWS."""

    name = "wire"
    summary = "request-to-response time at the target's network interface, by TCP flow or DNS id"

    def __init__(self, *, by: Attachment = Attachment.PACKET, flows: int = FLOWS) -> None:
        super().__init__()
        self._by = by
        self._flows = flows

    def make_main(self) -> Part:
        return Part(("wire.bpf.c",), _LAYOUT, defines={"KXB_FLOWS": self._flows})

    def missing(self) -> str:
        """Attaches to the loopback device of a namespace of its own."""

        def attach() -> None:
            with _WAYS[self._by](self.main_program(), "lo"):
                pass

        try:
            _in_fresh_namespace(attach)
        except KxbenchError as error:
            return f"{error}; {error.remedy}" if error.remedy else str(error)
        except OSError as error:
            return f"cannot attach to a network interface: {error}; run as root"
        return ""

    def configuration(self, scope: ProbeScope) -> Mapping[str, int]:
        endpoint = scope.endpoint
        dns = endpoint is not None and endpoint.kind is ServiceKind.DNS
        return {
            "a": endpoint.port if endpoint else 0,
            "b": socket.IPPROTO_UDP if dns else socket.IPPROTO_TCP,
        }

    @contextmanager
    def watching(self, scope: ProbeScope, reading: ProbeReading) -> Iterator[None]:
        if not scope.interface:
            raise UnsupportedError(
                "this deployment has no network interface to watch", remedy="leave the probe 'wire' out"
            )
        program = self.main_program()
        with scope.watch_from.entered():
            way = _WAYS[self._by](program, scope.interface)
            way.__enter__()
        try:
            yield
        finally:
            with scope.watch_from.entered():
                way.__exit__(None, None, None)
        flows, queries = program.table("flows"), program.table("queries")
        left = sum(flow.waiting for flow in flows.values()) + sum(1 for _ in queries)
        if left:
            values = np.array([float(left)])
            reading.samples.append(Samples(_IN_FLIGHT.metric, Source.PROBE, values, probe=self.name))
