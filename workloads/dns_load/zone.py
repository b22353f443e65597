"""A zone ``kxbench.test`` of a stated number of seeded names, and the answer expected to each."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from workloads.services.datasets import cached

ORIGIN = "kxbench.test."
FILE = "kxbench.test.zone"
SERIAL = 2026010100
TTL_S = 3600
NEGATIVE_TTL_S = 300
_TYPES = ("A", "A", "A", "AAAA", "AAAA", "MX", "TXT", "CNAME", "SRV", "PTR")
"""Name number i has type i modulo 10: 30 % A, 20 % AAAA, 10 % each of the others."""

Records = Mapping[tuple[str, str], tuple[str, ...]]
"""Record data in presentation form by (absolute owner, type)."""


@dataclass(frozen=True, slots=True)
class Zone:
    """``directory`` holds the zone's file; ``names`` are the counted names, in order, with their types."""

    directory: Path
    names: tuple[tuple[str, str], ...]
    records: Records


def zone(cache: Path, seed: int, names: int) -> Zone:
    """Made once a cache. Raises HostError if it cannot be written."""
    counted = counted_names(names)
    records = dict(_records(seed, counted))

    def build(directory: Path) -> None:
        (directory / FILE).write_text(zone_text(records), encoding="ascii")

    return Zone(cached(cache, "dns", {"seed": seed, "names": names}, build), counted, records)


def counted_names(count: int) -> tuple[tuple[str, str], ...]:
    return tuple((f"n{index:06d}.{ORIGIN}", _TYPES[index % len(_TYPES)]) for index in range(count))


def _records(
    seed: int, counted: tuple[tuple[str, str], ...]
) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    rng = random.Random(f"kxbench zone {seed} {len(counted)}")
    soa = f"ns1.{ORIGIN} hostmaster.{ORIGIN} {SERIAL} 7200 900 1209600 {NEGATIVE_TTL_S}"
    yield (ORIGIN, "SOA"), (soa,)
    yield (ORIGIN, "NS"), (f"ns1.{ORIGIN}", f"ns2.{ORIGIN}")
    yield (ORIGIN, "MX"), (f"10 mail.{ORIGIN}", f"20 mail2.{ORIGIN}")
    yield (ORIGIN, "TXT"), ('"v=spf1 -all"',)
    yield (ORIGIN, "CAA"), ('0 issue "ca.example.net"',)
    for host in ("ns1", "ns2", "mail", "mail2"):
        yield (f"{host}.{ORIGIN}", "A"), (_ipv4(rng),)
    yield (f"ns1.{ORIGIN}", "AAAA"), (_ipv6(rng),)
    yield from _special(rng)
    for owner, kind in counted:
        yield (owner, kind), (_data(rng, kind),)


def _special(rng: random.Random) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    """Names for the correctness pass: wildcard, alias chain, several addresses, big answers, delegation."""
    yield (f"*.wild.{ORIGIN}", "A"), (_ipv4(rng),)
    yield (f"*.wild.{ORIGIN}", "TXT"), ('"any name here"',)
    yield (f"alias1.{ORIGIN}", "CNAME"), (f"alias2.{ORIGIN}",)
    yield (f"alias2.{ORIGIN}", "CNAME"), (f"several.{ORIGIN}",)
    yield (f"several.{ORIGIN}", "A"), tuple(_ipv4(rng) for _ in range(4))
    # 8 strings: over the 512 bytes of plain UDP, under the 1232 of EDNS0; 40: over both, so TCP only
    yield (f"medium.{ORIGIN}", "TXT"), tuple(_text(rng, 96) for _ in range(8))
    yield (f"big.{ORIGIN}", "TXT"), tuple(_text(rng, 96) for _ in range(40))
    yield (f"_kx._tcp.{ORIGIN}", "SRV"), (f"10 60 6379 several.{ORIGIN}", f"20 40 6380 mail.{ORIGIN}")
    yield (f"info.{ORIGIN}", "HINFO"), ('"X86-64" "LINUX"',)
    yield (f"where.{ORIGIN}", "NAPTR"), (f'100 10 "u" "E2U+sip" "!^.*$!sip:info@{ORIGIN[:-1]}!" .',)
    yield (f"key.{ORIGIN}", "SSHFP"), (f"4 2 {rng.randbytes(32).hex()}",)
    yield (f"_443._tcp.several.{ORIGIN}", "TLSA"), (f"3 1 1 {rng.randbytes(32).hex()}",)
    yield (f"child.{ORIGIN}", "NS"), (f"ns.child.{ORIGIN}",)
    yield (f"ns.child.{ORIGIN}", "A"), (_ipv4(rng),)


def _data(rng: random.Random, kind: str) -> str:
    if kind == "A":
        return _ipv4(rng)
    if kind == "AAAA":
        return _ipv6(rng)
    if kind == "MX":
        return f"{rng.randrange(100)} mail.{ORIGIN}"
    if kind == "TXT":
        return _text(rng, rng.randrange(8, 120))
    if kind == "SRV":
        return f"{rng.randrange(100)} {rng.randrange(100)} {rng.randrange(1, 65536)} several.{ORIGIN}"
    return f"several.{ORIGIN}"  # CNAME, PTR


def _ipv4(rng: random.Random) -> str:
    return f"198.{18 + rng.randrange(2)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"  # RFC 2544


def _ipv6(rng: random.Random) -> str:
    return f"2001:db8::{rng.randrange(1, 0x10000):x}:{rng.randrange(1, 0x10000):x}"  # RFC 3849


def _text(rng: random.Random, length: int) -> str:
    return f'"{rng.randbytes(length).hex()[:length]}"'


def zone_text(records: Records) -> str:
    """A master file (RFC 1035 section 5), the SOA first."""
    lines = [f"$ORIGIN {ORIGIN}", f"$TTL {TTL_S}"]
    for (owner, kind), data in records.items():
        lines += [f"{owner} IN {kind} {item}" for item in data]
    return "\n".join(lines) + "\n"
