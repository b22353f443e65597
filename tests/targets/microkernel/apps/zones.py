"""A zone that has something of everything, in the odd ways that master files allow."""

ORIGIN = "kxbench.test."
ZONE = r"""
; a comment, then the SOA over several lines with units
$TTL 1h
@   IN  SOA  ns1 hostmaster.kxbench.test. (
        2026010100 ; serial
        2h 15M
        2w  ; expire
        5m )
    IN  NS   ns1
        NS   ns2.kxbench.test.
    600 IN MX 10 mail
    IN 600 MX 20 mail.example.net.
        TXT  "v=spf1 -all"
        CAA  0 issue "ca.example.net"
ns1     A    192.0.2.1
        AAAA 2001:db8::1
ns2     A    192.0.2.2
mail    A    192.0.2.25
MiXeD   A    192.0.2.26
several 60 A 192.0.2.10
        60 A 192.0.2.11
        60 A 192.0.2.12
        60 A 192.0.2.11
        TXT  one "two words" three\ escaped \"quoted\" \100ecimal "semi;colon (and) parentheses"
        AAAA ::
        AAAA ::ffff:192.0.2.1
        AAAA 1:2:3:4:5:6:7:8
        AAAA fe80::1:0:0:1
many    MX   10 mail.kxbench.test.
        MX   20 mail.deep.er.kxbench.test.
        MX   30 MAIL.DEEP.ER.kxbench.test.
        MX   40 other.deep.er
        MX   50 .
mail.deep.er A 192.0.2.77
a.b.c.d.e A  192.0.2.78
_sip._tcp SRV 10 60 5060 mail
          SRV 20 0 5060 elsewhere.example.net.
1.2.0   PTR  host.kxbench.test.
info    HINFO "X86-64" "LINUX"
where   NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@kxbench.test!" .
key     SSHFP 4 2 ( 123456789abcdef67890123456789abcdef67890
                    123456789abcdef123456789 )
tlsa    TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
unknown TYPE1234 \# 4 DEADBEEF
empty   TYPE1235 \# 0
ds      DS   60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
alias   CNAME several
alias2  CNAME alias
alias3  CNAME alias2.kxbench.test.
out     CNAME www.example.net.
dangle  CNAME nowhere
nodata  CNAME mail
loop1   CNAME loop2
loop2   CNAME loop1
self    CNAME self
tochild CNAME www.child
towild  CNAME x.wild
tocut   CNAME child
*.wild  A    192.0.2.80
        TXT  "any name here"
*.wild  MX   10 mail
there.wild A 192.0.2.81
below.ent.wild A 192.0.2.82
*.walias CNAME several
*.wself CNAME x.wself
child   NS   ns.child
        NS   ns1
        NS   ns.example.net.
        DS   60485 5 1 2BB183AF5F22588179A53B0A98631FAD1A292118
ns.child A   192.0.2.90
         AAAA 2001:db8::90
grand.child NS ns.grand.child
ns.grand.child A 192.0.2.91
occluded.child A 192.0.2.92
far     NS   ns.example.net.
medium  TXT  MEDIUM
big     TXT  BIG
mediumname A 192.0.2.99
dotted\.label A 192.0.2.100
\000\255  A 192.0.2.101
xn--bcher-kva A 192.0.2.102
$ORIGIN sub.kxbench.test.
@       A    192.0.2.110
www     A    192.0.2.111
$ORIGIN deeper.sub.kxbench.test.
www     A    192.0.2.112
$TTL 1d1h
ttl     A    192.0.2.113
ttl0  0 A    192.0.2.114
"""


def zone_text() -> str:
    """The zone, with TXT records of more than 512 and more than 1232 bytes."""
    lines = ZONE.splitlines()
    for name, count in (("MEDIUM", 6), ("BIG", 20)):
        at = next(i for i, line in enumerate(lines) if line.endswith(f"TXT  {name}"))
        data = " ".join(f'"{chr(97 + n) * 120}"' for n in range(count))
        lines[at] = lines[at].removesuffix(name) + data
    return "\n".join(lines) + "\n"
