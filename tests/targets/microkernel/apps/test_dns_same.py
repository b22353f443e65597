"""The same zone in this server and in nsd, the same questions to both: the same answers."""

import random
import shutil
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from dns.message import Message
from dns.rrset import RRset

from tests.local import HOST, NSD_CONFIG, free_port
from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.serving import TIMEOUT_S, Served, serving
from tests.targets.microkernel.apps.zones import ORIGIN, zone_text

SEVERAL = ("A", "AAAA", "NS", "SOA", "MX", "TXT", "CNAME", "PTR", "SRV", "CAA", "DS", "HINFO", "TYPE1234")
_NAMES = """
@ ns1 ns2 mail mixed MIXED several many mail.deep.er deep.er er a.b.c.d.e b.c.d.e e _sip._tcp _tcp
1.2.0 2.0 info where key tlsa unknown empty ds alias alias2 alias3 out dangle nodata tochild towild
tocut wild *.wild x.wild x.y.wild *.x.wild there.wild x.there.wild ent.wild below.ent.wild
x.ent.wild x.*.wild walias x.walias *.walias child www.child ns.child a.b.child grand.child
www.grand.child occluded.child ns.grand.child far www.far medium big mediumname dotted\\.label
dotted.label \\000\\255 xn--bcher-kva sub www.sub deeper.sub www.deeper.sub ttl.deeper.sub
ttl0.deeper.sub nothing nothing.at.all a ns ns11 zns1 wildx
"""
NAMES = _NAMES.split()
OUTSIDE = ("example.net.", "test.", ".", "xkxbench.test.", "kxbench.test.example.", "www.example.net.")


@dataclass(frozen=True)
class Both:
    ours: Served
    theirs: Served


def answers(port: int) -> bool:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.settimeout(1)
        probe.connect((HOST, port))
        try:
            probe.send(dns.message.make_query(ORIGIN, "SOA").to_wire())
            return bool(probe.recv(512)[3] & 15 == 0)
        except OSError:
            return False


@pytest.fixture(scope="module")
def both(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    nsd = shutil.which("nsd") or shutil.which("nsd", path="/usr/sbin")
    if not nsd:
        pytest.skip("nsd is not installed")
    root, port = tmp_path_factory.mktemp("nsd"), free_port()
    file = root / "kxbench.test.zone"
    file.write_text(zone_text())
    (root / "conf").write_text(NSD_CONFIG.format(root=root, port=port))
    with serving([nsd, "-d", "-c", str(root / "conf")], port, unasked=False) as theirs:
        until = time.monotonic() + TIMEOUT_S
        while not answers(port):
            assert time.monotonic() < until, Path(root / "log").read_text()
        yield Both(start("dns", "--zone", file), theirs)


def absolute(name: str) -> str:
    return ORIGIN if name == "@" else f"{name}.{ORIGIN}" if not name.endswith(".") else name


def texts(section: list[RRset]) -> list[str]:
    return sorted(line.lower() for rrset in section for line in rrset.to_text().splitlines())


def described(message: Message) -> dict[str, object]:
    """What must be the same. With an answer, authority and additional are a service: they differ."""
    told: dict[str, object] = {
        "code": dns.rcode.to_text(message.rcode()),
        "flags": dns.flags.to_text(message.flags),
        "question": [r.to_text() for r in message.question],
        "edns": message.edns,
    }
    if message.flags & dns.flags.TC:
        return told
    told["answer"] = texts(message.answer)
    if not message.answer or message.rcode() == dns.rcode.NXDOMAIN:
        told["authority"] = texts(message.authority)
        told["additional"] = texts(message.additional)
    return told


def ask(served: Served, query: Message, *, tcp: bool = False) -> Message:
    return (dns.query.tcp if tcp else dns.query.udp)(query, HOST, TIMEOUT_S, served.port)


def compare(both: Both, query: Message, *, tcp: bool = False) -> None:
    ours, theirs = (described(ask(s, query, tcp=tcp)) for s in (both.ours, both.theirs))
    assert ours == theirs, query.question[0].to_text()


@pytest.mark.parametrize("name", [*NAMES, *OUTSIDE])
def test_names(both: Both, name: str) -> None:
    for kind in SEVERAL:
        query = dns.message.make_query(absolute(name), kind)
        compare(both, query)
        compare(both, dns.message.make_query(absolute(name), kind, use_edns=0, payload=4096))
        compare(both, query, tcp=True)


def test_aliases_that_go_in_circles(both: Both) -> None:
    """How often the same records come is the server's own choice."""
    for name in ("loop1", "loop2", "self", "x.wself"):
        ours = ask(both.ours, dns.message.make_query(absolute(name), "A"))
        assert 1 <= len(ours.answer) <= 3 and ours.flags & dns.flags.AA
        assert all(rrset.rdtype == dns.rdatatype.CNAME for rrset in ours.answer)


def test_any_has_one_set(both: Both) -> None:
    """RFC 8482."""
    ours = ask(both.ours, dns.message.make_query(f"several.{ORIGIN}", "ANY"))
    assert [r.rdtype for r in ours.answer] == [dns.rdatatype.A] and len(ours.answer[0]) == 3
    assert ask(both.ours, dns.message.make_query(f"none.{ORIGIN}", "ANY")).rcode() == dns.rcode.NXDOMAIN


def test_case_is_given_back(both: Both) -> None:
    generator = random.Random(1)
    for name in ("several", "www.sub", "nothing", "alias3", "www.child"):
        text = "".join(generator.choice([c.lower(), c.upper()]) for c in absolute(name))
        query = dns.message.make_query(text, "A")
        for served in (both.ours, both.theirs):
            wire = dns.query.udp(query, HOST, TIMEOUT_S, served.port, raise_on_truncation=False).to_wire()
            assert query.to_wire()[12:] == wire[12 : len(query.to_wire())]
        compare(both, query)


@pytest.mark.parametrize("payload", [0, 100, 512, 600, 1000, 1232, 4096, 65535])
def test_sizes(both: Both, payload: int) -> None:
    for name, kind in (("medium", "TXT"), ("big", "TXT"), ("many", "MX"), ("child", "A")):
        query = dns.message.make_query(absolute(name), kind, use_edns=0, payload=payload, want_dnssec=False)
        compare(both, query)
        wire = ask(both.ours, query).to_wire()
        assert len(wire) <= min(max(payload, 512), 1232)


def test_edns(both: Both) -> None:
    name = f"several.{ORIGIN}"
    for dnssec in (False, True):
        query = dns.message.make_query(name, "A", use_edns=0, want_dnssec=dnssec)
        ours, theirs = ask(both.ours, query), ask(both.theirs, query)
        assert (ours.ednsflags, ours.payload) == (theirs.ednsflags, theirs.payload)
    compare(both, dns.message.make_query(name, "A", use_edns=1))  # BADVERS
    assert ask(both.ours, dns.message.make_query(name, "A", use_edns=1)).rcode() == dns.rcode.BADVERS
    options: list[dns.edns.Option] = [
        dns.edns.GenericOption(dns.edns.OptionType.COOKIE, b"12345678"),
        dns.edns.GenericOption(dns.edns.OptionType.PADDING, b"x" * 100),
    ]
    compare(both, dns.message.make_query(name, "A", use_edns=0, options=options))


@pytest.mark.parametrize("flags", [0, dns.flags.RD, dns.flags.CD, dns.flags.AD, dns.flags.RA, dns.flags.TC])
def test_flags(both: Both, flags: int) -> None:
    query = dns.message.make_query(f"several.{ORIGIN}", "A")
    query.flags = dns.flags.Flag(flags)
    compare(both, query)


def wire_of(
    name: str, kind: int = 1, qclass: int = 1, flags: int = 0, counts: tuple[int, ...] = (1, 0, 0, 0)
) -> bytes:
    head = (
        (0x1234).to_bytes(2, "big")
        + flags.to_bytes(2, "big")
        + b"".join(n.to_bytes(2, "big") for n in counts)
    )
    question = dns.name.from_text(name).to_wire()
    assert question
    return head + question + kind.to_bytes(2, "big") + qclass.to_bytes(2, "big")


def code_of(served: Served, wire: bytes) -> int | None:
    """The answer's code, or None: the next query was answered and this one was not."""
    with socket.socket(type=socket.SOCK_DGRAM) as raw:
        raw.settimeout(TIMEOUT_S)
        raw.connect((HOST, served.port))
        raw.send(wire)
        another = bytes(255 - byte for byte in wire[:2].ljust(2, b"\0"))
        raw.send(another + wire_of(NAME)[2:])
        got = raw.recv(65535)
        if got[:2] == another:
            return None
        assert raw.recv(65535)[:2] == another
    assert got[:2] == wire[:2] and got[2] & 0x80
    return got[3] & 15


NAME = f"several.{ORIGIN}"
OPT = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
ODD = {
    "no question": (wire_of(NAME, counts=(0, 0, 0, 0))[:12], 1),
    "a question that is not there": (wire_of(NAME)[:12], 1),
    "two questions": (wire_of(NAME, counts=(2, 0, 0, 0)) + wire_of(NAME)[12:], 1),
    "an answer in it": (wire_of(NAME, counts=(1, 1, 0, 0)) + wire_of(NAME)[12:] + b"\0" * 6, 1),
    "a name cut off": (wire_of(NAME)[:20], 1),
    "a type cut off": (wire_of(NAME)[:-3], 1),
    "something behind": (wire_of(NAME) + b"x", 1),
    "a name that points to itself": (wire_of(".")[:12] + b"\xc0\x0c\0\1\0\1", 1),
    "a name that points ahead": (wire_of(".")[:12] + b"\xc0\x20\0\1\0\1" + b"\0" * 30, 1),
    "a label, then a loop": (wire_of(".")[:12] + b"\1a\xc0\x0c\0\1\0\1", 1),
    "a pointer cut off": (wire_of(".")[:12] + b"\1a\xc0", 1),
    "a label of 64 bytes": (wire_of(".")[:12] + b"\x40" + b"a" * 64 + b"\0\0\1\0\1", 1),
    "a name of 256 bytes": (wire_of(".")[:12] + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1", 1),
    "an update": (wire_of(NAME, flags=0x2800), 4),
    "a status request": (wire_of(NAME, flags=0x1000), 4),
    "an inverse query": (wire_of(NAME, flags=0x0800), 4),
    "class CH": (wire_of(NAME, qclass=3), 5),
    "class ANY": (wire_of(NAME, qclass=255), 0),
    "a transfer": (wire_of(ORIGIN, kind=252), 5),
    "MAILB": (wire_of(NAME, kind=253), 4),
    "OPT as a question": (wire_of(NAME, kind=41), 1),
    "two OPT": (wire_of(NAME, counts=(1, 0, 0, 2)) + OPT + OPT, 1),
    "OPT cut off": (wire_of(NAME, counts=(1, 0, 0, 1)) + OPT[:-1], 1),
    "OPT of a name": (wire_of(NAME, counts=(1, 0, 0, 1)) + b"\1a" + OPT, 1),
    "OPT whose length lies": (wire_of(NAME, counts=(1, 0, 0, 1)) + OPT[:-2] + b"\xff\xff", 1),
    "a count that lies": (wire_of(NAME, counts=(1, 0, 0, 65535)) + OPT, 1),
    "an answer": (wire_of(NAME, flags=0x8000), None),
    "11 bytes": (b"x" * 11, None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize("what", ODD)
def test_odd_queries(both: Both, what: str) -> None:
    """Their codes are given here: nsd chooses other refusals for some."""
    wire, code = ODD[what]
    assert code_of(both.ours, wire) == code
    assert code_of(both.ours, wire_of(NAME)) == 0


def test_every_cut_of_a_query(both: Both) -> None:
    whole = dns.message.make_query(NAME, "A", use_edns=0).to_wire()
    for length in range(12, len(whole)):
        assert code_of(both.ours, whole[:length]) == 1
    assert code_of(both.ours, whole) == 0
