"""The correctness pass on DNS, by dnspython."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.SOA
import dns.rrset
import dns.xfr
import dns.zone
from dns.message import Message
from dns.rrset import RRset

from vocabulary import Endpoint, Place
from workloads.dns_load.zone import NEGATIVE_TTL_S, ORIGIN, SERIAL, TTL_S, Zone
from workloads.services.checks import Checks, Wrong, same, true

TIMEOUT_S = 20.0
_SAMPLED = 120
_EDNS_BYTES = 1232


@dataclass(frozen=True, slots=True)
class Client:
    host: str
    port: int
    zone: Zone

    def query(self, owner: str, kind: str, *, edns_bytes: int = 0) -> Message:
        """One question over UDP; a truncated answer is returned as it is. Raises DNSException."""
        return dns.query.udp(self._message(owner, kind, edns_bytes), self.host, TIMEOUT_S, self.port)

    def query_tcp(self, owner: str, kind: str) -> Message:
        return dns.query.tcp(self._message(owner, kind, 0), self.host, TIMEOUT_S, self.port)

    @staticmethod
    def _message(owner: str, kind: str, edns_bytes: int) -> Message:
        extended = {"use_edns": 0, "payload": edns_bytes} if edns_bytes else {"use_edns": False}
        return dns.message.make_query(owner, kind, **extended)

    def expected(self, owner: str, kind: str) -> RRset:
        """The record set that the zone's file has."""
        return rrset(owner, kind, self.zone.records[owner, kind])


CHECKS: Checks[Client] = Checks("DNS", (dns.exception.DNSException, EOFError))


def verify(data: Zone, place: Place, endpoint: Endpoint, features: Collection[str] = ()) -> int:
    """Ask from ``place``; all features when none are named. Returns how many questions were asked.

    Raises TargetError naming the first wrong answer, UsageError on an unknown feature."""
    with place.entered():
        client = Client(endpoint.host, endpoint.port, data)
        return CHECKS.run(client, f"{endpoint.host}:{endpoint.port}", features)


def rrset(owner: str, kind: str, data: Iterable[str]) -> RRset:
    return dns.rrset.from_text_list(owner, TTL_S, "IN", kind, list(data))


def _answers(what: str, message: Message, *expected: RRset) -> None:
    """NOERROR, authoritative, and exactly these record sets with the zone's time to live."""
    same(f"{what}: response code", dns.rcode.to_text(message.rcode()), "NOERROR")
    true(f"{what}: the answer is not authoritative", message.flags & dns.flags.AA)
    same(f"{what}: answer", sorted(map(_text, message.answer)), sorted(map(_text, expected)))


def _text(records: RRset) -> str:
    return "\n".join(sorted(records.to_text().lower().splitlines()))


def _simple(c: Client, owner: str, kind: str) -> None:
    _answers(f"{owner} {kind}", c.query(owner, kind), c.expected(owner, kind))


def _denies(what: str, message: Message, code: str) -> None:
    """No answer, but the SOA with the zone's negative time to live (RFC 2308 section 3)."""
    same(f"{what}: response code", dns.rcode.to_text(message.rcode()), code)
    same(f"{what}: answer", message.answer, [])
    same(f"{what}: types in authority", [dns.rdatatype.to_text(r.rdtype) for r in message.authority], ["SOA"])
    soa = message.authority[0]
    same(f"{what}: owner of the SOA", soa.name.to_text(), ORIGIN)
    same(f"{what}: time to live of the SOA", soa.ttl, NEGATIVE_TTL_S)


@CHECKS.of("records")
def _apex(c: Client) -> None:
    for kind in ("SOA", "NS", "MX", "TXT", "CAA"):
        _simple(c, ORIGIN, kind)
    soa = c.query(ORIGIN, "SOA").answer[0][0]
    assert isinstance(soa, dns.rdtypes.ANY.SOA.SOA)
    same("serial", soa.serial, SERIAL)


@CHECKS.of("records")
def _many_types(c: Client) -> None:
    for owner, kind in c.zone.records:
        label = owner.removesuffix(f".{ORIGIN}")
        if kind in ("SRV", "HINFO", "NAPTR", "SSHFP", "TLSA") and not label.startswith("n0"):
            _simple(c, owner, kind)
    _simple(c, f"several.{ORIGIN}", "A")
    _simple(c, f"ns1.{ORIGIN}", "AAAA")


@CHECKS.of("records")
def _names_of_the_data_set(c: Client) -> None:
    """An odd step, so that all ten types come up."""
    names = c.zone.names
    step = max(len(names) // _SAMPLED, 1) | 1
    for owner, kind in names[::step]:
        message = c.query(owner, kind)
        _answers(f"{owner} {kind}", message, c.expected(owner, kind))


@CHECKS.of("records")
def _case_does_not_matter(c: Client) -> None:
    owner = f"SEVERAL.{ORIGIN.upper()}"
    _answers(f"{owner} A", c.query(owner, "A"), c.expected(f"several.{ORIGIN}", "A"))


@CHECKS.of("negative")
def _nxdomain(c: Client) -> None:
    owner = f"no-such-name.{ORIGIN}"
    _denies(f"{owner} A", c.query(owner, "A"), "NXDOMAIN")


@CHECKS.of("negative")
def _nodata(c: Client) -> None:
    for owner in (f"several.{ORIGIN}", f"_tcp.{ORIGIN}"):  # another type there; an empty non-terminal
        _denies(f"{owner} AAAA", c.query(owner, "AAAA"), "NOERROR")


@CHECKS.of("negative")
def _another_zone_is_refused(c: Client) -> None:
    message = c.query("kxbench.example.", "A")
    same("a name of another zone: response code", dns.rcode.to_text(message.rcode()), "REFUSED")


@CHECKS.of("alias")
def _cname_chase(c: Client) -> None:
    chain = [(f"alias1.{ORIGIN}", "CNAME"), (f"alias2.{ORIGIN}", "CNAME"), (f"several.{ORIGIN}", "A")]
    message = c.query(chain[0][0], "A")
    _answers(f"{chain[0][0]} A", message, *(c.expected(*link) for link in chain))
    _simple(c, chain[0][0], "CNAME")


@CHECKS.of("wildcard")
def _wildcard(c: Client) -> None:
    for owner in (f"anything.wild.{ORIGIN}", f"a.b.wild.{ORIGIN}"):
        for kind in ("A", "TXT"):
            expected = rrset(owner, kind, c.zone.records[f"*.wild.{ORIGIN}", kind])
            _answers(f"{owner} {kind}", c.query(owner, kind), expected)
    _denies(f"wild.{ORIGIN} A", c.query(f"wild.{ORIGIN}", "A"), "NOERROR")  # not matched by its own wildcard


@CHECKS.of("delegation")
def _referral_with_glue(c: Client) -> None:
    owner = f"host.child.{ORIGIN}"
    message = c.query(owner, "A")
    same(f"{owner}: response code", dns.rcode.to_text(message.rcode()), "NOERROR")
    true(f"{owner}: a referral must not be authoritative", not message.flags & dns.flags.AA)
    same(f"{owner}: answer", message.answer, [])
    for name, section, key in (
        ("authority", message.authority, (f"child.{ORIGIN}", "NS")),
        ("additional", message.additional, (f"ns.child.{ORIGIN}", "A")),
    ):
        same(f"{owner}: {name}", [_text(r) for r in section], [_text(c.expected(*key))])


@CHECKS.of("edns")
def _edns0(c: Client) -> None:
    owner = f"medium.{ORIGIN}"
    message = c.query(owner, "TXT", edns_bytes=_EDNS_BYTES)
    same("EDNS version of the answer", message.edns, 0)
    true(f"{owner} fits EDNS0's {_EDNS_BYTES} bytes", not message.flags & dns.flags.TC)
    _answers(f"{owner} TXT with EDNS0", message, c.expected(owner, "TXT"))
    same("EDNS version of an answer to plain DNS", c.query(owner, "TXT").edns, -1)


@CHECKS.of("truncation")
def _truncated_then_tcp(c: Client) -> None:
    for owner, edns_bytes in ((f"medium.{ORIGIN}", 0), (f"big.{ORIGIN}", 0), (f"big.{ORIGIN}", _EDNS_BYTES)):
        message = c.query(owner, "TXT", edns_bytes=edns_bytes)
        limit = edns_bytes or 512
        true(f"{owner} TXT over {limit} bytes of UDP is not marked truncated", message.flags & dns.flags.TC)
        true(f"{owner} TXT is over {limit} bytes", len(message.to_wire()) <= limit)
        _answers(f"{owner} TXT over TCP", c.query_tcp(owner, "TXT"), c.expected(owner, "TXT"))


@CHECKS.of("transfer")
def _axfr_refused_or_right(c: Client) -> None:
    """Whether it is allowed is the server's configuration; a transfer that begins must be the zone."""
    got = dns.zone.Zone(ORIGIN, relativize=False)
    try:
        dns.query.inbound_xfr(c.host, got, port=c.port, timeout=TIMEOUT_S, lifetime=3 * TIMEOUT_S)
    except dns.xfr.TransferError as error:
        code = dns.rcode.to_text(error.rcode)
        true(f"AXFR: response code {code}", code in ("REFUSED", "NOTAUTH", "NOTIMP"))
    else:
        _is_the_zone(c, got)


def _is_the_zone(c: Client, got: dns.zone.Zone) -> None:
    """Both as sets of lines."""
    theirs = {
        (name.to_text().lower(), dns.rdatatype.to_text(data.rdtype)): {
            item.to_text().lower() for item in data
        }
        for name, data in got.iterate_rdatasets()
    }
    ours = {
        (owner.lower(), kind): {item.to_text().lower() for item in c.expected(owner, kind)}
        for owner, kind in c.zone.records
    }
    if theirs != ours:
        odd = sorted(key for key in theirs.keys() | ours.keys() if theirs.get(key) != ours.get(key))
        raise Wrong(f"AXFR: {len(odd)} record sets differ from the zone's, first {' '.join(odd[0])}")
