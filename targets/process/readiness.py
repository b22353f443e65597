"""Whether a service answers: one question each over a raw socket, in the place of whoever calls."""

import socket
import struct

ATTEMPT_S = 0.5
_SOA_ID = 0x6B78


class NotReadyError(Exception):
    """It answered, but not as a service that is ready does."""


def redis_answers(host: str, port: int) -> None:
    """PING, +PONG (https://redis.io/docs/reference/protocol-spec). Raises OSError, NotReadyError."""
    _expect(_ask(host, port, b"PING\r\n"), b"+PONG")


def http_answers(host: str, port: int) -> None:
    """GET /, any status: a document root without an index is ready too. Raises OSError, NotReadyError."""
    _expect(_ask(host, port, b"GET / HTTP/1.0\r\nHost: kxbench.test\r\n\r\n"), b"HTTP/1.")


def dns_answers(host: str, port: int) -> None:
    """SOA of kxbench.test over UDP (RFC 1035, 4.1): a positive answer. Raises OSError, NotReadyError."""
    question = b"\x07kxbench\x04test\x00" + struct.pack("!HH", 6, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(ATTEMPT_S)
        client.connect((host, port))  # so that a closed port is an error at once
        client.send(struct.pack("!HHHHHH", _SOA_ID, 0, 1, 0, 0, 0) + question)
        reply = client.recv(4096)
    if len(reply) < 12:
        raise NotReadyError(f"a DNS reply of {len(reply)} bytes")
    number, flags, _, answers, _, _ = struct.unpack("!HHHHHH", reply[:12])
    if number != _SOA_ID or flags & 0x000F or not answers:
        raise NotReadyError(f"no SOA record for kxbench.test (rcode {flags & 0x000F}, {answers} answers)")


def _ask(host: str, port: int, request: bytes) -> bytes:
    with socket.create_connection((host, port), timeout=ATTEMPT_S) as client:
        client.sendall(request)
        return client.recv(4096)


def _expect(reply: bytes, start: bytes) -> None:
    if not reply.startswith(start):
        raise NotReadyError(f"it said {reply[:80]!r}, not {start!r}")
