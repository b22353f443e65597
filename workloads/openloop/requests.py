"""Writes the requests file that the generator reads (its form is in ``requests.h``)."""

import os
import struct
from collections.abc import Iterable
from pathlib import Path

from vocabulary import ServiceKind, UsageError

MAGIC, VERSION = b"KXBREQ\r\n", 1
PROTOCOLS = {ServiceKind.REDIS: 1, ServiceKind.HTTP: 2, ServiceKind.DNS: 3}
MOST_BYTES = 1 << 30
DNS_BYTES = range(12, 1233)  # a header; the message size that DNS over UDP can rely on (flag day 2020)


def encode_requests(path: Path, protocol: ServiceKind, requests: Iterable[bytes]) -> int:
    """Write ``requests``, each of which must get exactly one response, and return their number.

    The file appears whole or not at all. DNS requests are whole messages; the generator replaces
    their id. HTTP requests must not be HEAD (its responses cannot be framed without knowing that).
    Raises UsageError when there is none, or one is empty or too long; OSError when it cannot be written.
    """
    where = f"requests file {path.name}"
    making = path.with_name(f".{path.name}.{os.getpid()}")
    count, size = 0, 20
    try:
        with making.open("wb") as file:
            file.write(bytes(size))
            for request in requests:
                if not request or (protocol is ServiceKind.DNS and len(request) not in DNS_BYTES):
                    raise UsageError(f"request {count} has {len(request)} bytes", where=where)
                count += 1
                size += 4 + len(request)
                if size > MOST_BYTES:
                    raise UsageError(f"over {MOST_BYTES} bytes at request {count}", where=where)
                file.write(struct.pack("<I", len(request)))
                file.write(request)
            if not count:
                raise UsageError("no requests", where=where)
            file.seek(0)
            file.write(MAGIC + struct.pack("<III", VERSION, PROTOCOLS[protocol], count))
        making.replace(path)
    finally:
        making.unlink(missing_ok=True)
    return count
