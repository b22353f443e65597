"""Master files: what they may be written like, and what is refused with its line."""

import subprocess
from pathlib import Path

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.zone
import pytest

from tests.local import HOST
from tests.targets.microkernel.apps.conftest import Build, Start
from tests.targets.microkernel.apps.serving import TIMEOUT_S, Served
from tests.targets.microkernel.apps.zones import ORIGIN, zone_text

HEAD = "$TTL 300\n@ SOA ns h 1 2 3 4 5\n NS ns\n"


def ask(served: Served, name: str, kind: str) -> list[str]:
    answer = dns.query.tcp(dns.message.make_query(name, kind), HOST, TIMEOUT_S, served.port)
    assert answer.rcode() == dns.rcode.NOERROR
    return sorted(line for rrset in answer.answer for line in rrset.to_text().splitlines())


def test_all_records_as_dnspython_reads_them(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "kxbench.test.zone"
    file.write_text(zone_text())
    served = start("dns", "--zone", file)
    zone = dns.zone.from_text(zone_text(), ORIGIN, relativize=False, check_origin=False)
    asked = 0
    for name, rdataset in zone.iterate_rdatasets():
        text, kind = name.to_text(), dns.rdatatype.to_text(rdataset.rdtype)
        if "child." in text or text.startswith(("child", "far", "*")):
            continue
        expected = sorted(f"{text} {rdataset.ttl} IN {kind} {data.to_text()}".lower() for data in rdataset)
        query = dns.message.make_query(name, rdataset.rdtype)
        answer = dns.query.tcp(query, HOST, TIMEOUT_S, served.port).answer[0]
        assert sorted(line.lower() for line in answer.to_text().splitlines()) == expected
        asked += 1
    assert asked > 45


@pytest.mark.parametrize(
    ("file", "name", "kind", "expected"),
    [
        ("$ORIGIN a\nx A 192.0.2.1\n", "x.a.z.test.", "A", "300 IN A 192.0.2.1"),
        ("$ORIGIN a\n$ORIGIN b\nx A 192.0.2.1\n", "x.b.a.z.test.", "A", "300 IN A 192.0.2.1"),
        ("x 1w2d3h4m5s A 192.0.2.1\n", "x.z.test.", "A", "788645 IN A 192.0.2.1"),
        ("x IN 7 A 192.0.2.1", "x.z.test.", "A", "7 IN A 192.0.2.1"),
        ("x in a 192.0.2.1 ; c", "x.z.test.", "A", "300 IN A 192.0.2.1"),
        ("x ( A\n\n192.0.2.1 ) ; c\n", "x.z.test.", "A", "300 IN A 192.0.2.1"),
        ("x\tTXT\t( a\n ; c\n b )\r\n", "x.z.test.", "TXT", '300 IN TXT "a" "b"'),
        ("$TTL 9\nx A 192.0.2.1\n$TTL 8\n", "x.z.test.", "A", "9 IN A 192.0.2.1"),
        ('x.z.test. A 192.0.2.1\n   \n ; c\n TXT ""\n', "x.z.test.", "TXT", '300 IN TXT ""'),
        ("x NS a\n", "z.test.", "NS", "300 IN NS ns.z.test."),
        ('x TXT \\"\\;\\(\n', "x.z.test.", "TXT", '300 IN TXT "\\";("'),
        ('x CAA 128 tbs "\\000"\n', "x.z.test.", "CAA", '300 IN CAA 128 tbs "\\000"'),
        ("x AAAA ::1:2:3:4:5:6:7\n", "x.z.test.", "AAAA", "300 IN AAAA 0:1:2:3:4:5:6:7"),
        ("x AAAA 1::\n", "x.z.test.", "AAAA", "300 IN AAAA 1::"),
        ("x TYPE1 \\# 4 C0000201\n", "", "", "refused"),
        ("0 A 192.0.2.1\n", "0.z.test.", "A", "300 IN A 192.0.2.1"),
        ("in A 192.0.2.1\n", "in.z.test.", "A", "300 IN A 192.0.2.1"),
    ],
)
def test_odd_but_right(start: Start, tmp_path: Path, file: str, name: str, kind: str, expected: str) -> None:
    path = tmp_path / "z.test.zone"
    path.write_text(HEAD + file)
    if expected == "refused":
        with pytest.raises(AssertionError, match="ended with 1"):
            start("dns", "--zone", path)
    else:
        assert ask(start("dns", "--zone", path), name, kind) == [f"{name} {expected}"]


REFUSED = {
    "": "no record",
    "a A 192.0.2.1\n": "line 1: no time to live",
    "$TTL 1\na A 192.0.2.1\n": "line 2: the first record must be the SOA",
    "$TTL 1\n@ SOA ns h 1 2 3 4 5\n": "no NS record at its apex",
    HEAD + "a A 192.0.2.256\n": "line 4: data that do not fit the type",
    HEAD + "a A 192.0.2\n": "line 4: data that do not fit the type",
    HEAD + "a A 192.0.2.1 x\n": "line 4: more data than the type has",
    HEAD + "a A\n": "line 4: data are missing",
    HEAD + "a MX 10\n": "line 4: data are missing",
    HEAD + "a MX 70000 b\n": "line 4: data that do not fit the type",
    HEAD + "a AAAA 1:2:3:4:5:6:7\n": "line 4: data that do not fit the type",
    HEAD + "a AAAA 1::2::3\n": "line 4: data that do not fit the type",
    HEAD + "a AAAA 12345::\n": "line 4: data that do not fit the type",
    HEAD + "a AAAA 1:2:3:4:5:6:7:8:9\n": "line 4: data that do not fit the type",
    HEAD + "a TXT " + "x" * 256 + "\n": "line 4: data that do not fit the type",
    HEAD + "a TXT " + "x" * 5000 + "\n": "line 4: a word that is too long",
    HEAD + 'a TXT "open\n': "line 4: a quoted string that does not end on its line",
    HEAD + "a TXT ( open\n\n": "an open parenthesis",
    HEAD + "a TXT ( ( x ) )\n": "line 4: a parenthesis within another",
    HEAD + "a TXT x )\n": "line 4: a closing parenthesis without an open one",
    HEAD + "a FROB x\n": "line 4: a type that is not known",
    HEAD + "a CH A 192.0.2.1\n": "line 4: a class that is not IN",
    HEAD + "a 60\n": "line 4: no type",
    HEAD + "a..b A 192.0.2.1\n": "line 4: a name that is none",
    HEAD + "a" * 64 + " A 192.0.2.1\n": "line 4: a name that is none",
    HEAD + ".".join(["a" * 60] * 5) + " A 192.0.2.1\n": "line 4: a name that is none",
    HEAD + "\\256 A 192.0.2.1\n": "line 4: a name that is none",
    HEAD + "a.example. A 192.0.2.1\n": "line 4: a name outside of the zone",
    HEAD + "a SOA ns h 1 2 3 4 5\n": "line 4: a second SOA",
    HEAD + "@ SOA ns h 2 2 3 4 5\n": "line 4: a second CNAME or SOA",
    HEAD + "a CNAME b\na CNAME c\n": "line 5: a second CNAME or SOA",
    HEAD + "a CNAME b\na A 192.0.2.1\n": "a CNAME beside other records",
    HEAD + "$INCLUDE x\n": "line 4: a directive that is not supported",
    HEAD + "$TTL x\n": "line 4: a time that is none",
    HEAD + "$ORIGIN\n": "line 4: a directive without its argument",
    HEAD + "a TYPE999 \\# 3 abcd\n": "line 4: data of another length than said",
    HEAD + "a TYPE999 \\# 2 abxx\n": "line 4: data that are not hexadecimal",
    HEAD + "a TYPE41 \\# 0\n": "line 4: a type that is not known",
}


@pytest.mark.parametrize("file", REFUSED, ids=lambda f: f.removeprefix(HEAD)[:30] or "empty")
def test_refused_with_its_line(build: Build, tmp_path: Path, file: str) -> None:
    path = tmp_path / "z.test.zone"
    path.write_text(file)
    command = [str(build(True) / "mk-dns"), "--port", "0", "--zone", str(path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert said.returncode == 1
    assert said.stderr.startswith("mk-dns: ") and said.stderr.endswith(f"{REFUSED[file]}\n")


def test_the_root_zone(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "root"
    path.write_text(
        "$ORIGIN .\n. 60 SOA ns. h. 1 2 3 4 5\n. 60 NS ns.\nns. 60 A 192.0.2.1\ntest. 60 NS ns.test.\n"
    )
    served = start("dns", "--zone", path)
    assert ask(served, ".", "NS") == [". 60 IN NS ns."]
    assert ask(served, "ns.", "A") == ["ns. 60 IN A 192.0.2.1"]
    answer = dns.query.udp(dns.message.make_query("x.example.", "A"), HOST, TIMEOUT_S, served.port)
    assert answer.rcode() == dns.rcode.NXDOMAIN and answer.flags & dns.flags.AA
    answer = dns.query.udp(dns.message.make_query("x.test.", "A"), HOST, TIMEOUT_S, served.port)
    assert answer.authority[0].to_text() == "test. 60 IN NS ns.test."
