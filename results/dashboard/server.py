"""Serving: a socket of our own, so that a port in use is an error with a remedy and not a traceback."""

import errno
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from results.dashboard.app import create_app
from results.dashboard.guard import Access
from results.dashboard.source import Source
from vocabulary import HostError, KxbenchError, UsageError

_KEEPING_S = 5.0


def bound(host: str, port: int) -> socket.socket:
    """A listening socket. Raises UsageError for a name that is none, HostError for a port in use."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise UsageError(f"cannot listen on {host!r}: {error.strerror}", remedy="give an address") from error
    made = socket.socket(family, kind, proto)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(address)
        made.listen(128)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise HostError(
                f"port {port} is in use", where=host, remedy="end what listens there, or give another --port"
            ) from error
        raise HostError(
            f"cannot listen: {error.strerror}", where=f"{host}:{port}", remedy="give another"
        ) from error
    return made


def serve(source: Source, access: Access, listening: socket.socket, keep: Callable[[], None]) -> None:
    """Until Ctrl-C or SIGTERM. ``keep`` is called now and then, and soon after an upload: it judges runs that
    are over, and marks those whose suite is gone."""
    wanted, ended = threading.Event(), threading.Event()
    app = create_app(source, access, taken=lambda _run: wanted.set())
    config = uvicorn.Config(
        app, log_level="warning", server_header=False, date_header=True, lifespan="off", ws="none"
    )

    def keeping() -> None:
        while not ended.is_set():
            with suppress(KxbenchError):  # a store that is busy or gone: the pages say so
                keep()
            wanted.wait(_KEEPING_S)
            wanted.clear()

    keeper = threading.Thread(target=keeping, name="keeper", daemon=True)
    keeper.start()
    try:
        uvicorn.Server(config).run(sockets=[listening])
    finally:
        ended.set()
        wanted.set()
        listening.close()
        keeper.join(timeout=_KEEPING_S)
