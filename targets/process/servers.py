"""Debian's redis-server, nginx and nsd: how each is configured, started and asked whether it is ready."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from string import Template

from targets.process.readiness import dns_answers, http_answers, redis_answers
from vocabulary.errors import TargetError, UnsupportedError
from vocabulary.protocols import Service, ServiceKind

CONFIG = Path(__file__).parent / "config"
ZONE_FILE = "kxbench.test.zone"
SBIN = "/usr/sbin:/sbin"  # not in every root's PATH (su without -)


@dataclass(frozen=True, slots=True)
class Server:
    """``arguments`` follow the program; ``{config}`` in them is the filled-in configuration. ``data`` is what
    the service's data directory must contain ("" for anything, None if it needs none). A server that is
    ``single`` serves from one process."""

    program: str
    package: str
    port: int
    config: str
    arguments: tuple[str, ...]
    answers: Callable[[str, int], None]
    data: str | None = None
    single: bool = False


SERVERS = {
    ServiceKind.REDIS: Server(
        "redis-server", "redis-server", 6379, "redis.conf", ("{config}",), redis_answers, single=True
    ),
    # -e: its compiled-in error log would be opened before the configuration is read
    ServiceKind.HTTP: Server(
        "nginx", "nginx", 80, "nginx.conf", ("-e", "stderr", "-c", "{config}"), http_answers, data=""
    ),
    ServiceKind.DNS: Server(
        "nsd", "nsd", 53, "nsd.conf", ("-d", "-c", "{config}"), dns_answers, data=ZONE_FILE
    ),
}


def server_for(service: Service) -> tuple[Server, Path]:
    """The server and its program. Raises UnsupportedError when it is not installed or cannot serve so,
    TargetError when its data are not there."""
    server = SERVERS[service.kind]
    found = shutil.which(server.program) or shutil.which(server.program, path=SBIN)
    if found is None:
        raise UnsupportedError(
            f"{server.program} is not installed",
            remedy=f"./kxbench setup, or apt-get install {server.package}",
        )
    if service.workers < 1 or (server.single and service.workers != 1):
        raise UnsupportedError(f"{server.program} cannot serve with {service.workers} worker processes")
    if server.data is not None:
        needed = service.data / server.data if service.data else None
        if needed is None or not needed.exists():
            raise TargetError(
                "the data to serve are not there",
                where=f"{server.program}: {needed or 'no directory given'}",
                remedy="the workload must make them first",
            )
    return server, Path(found)


def configure(server: Server, service: Service, address: str, state: Path) -> list[str]:
    """Write its configuration into ``state``; returns the arguments to start it with."""
    text = Template((CONFIG / server.config).read_text()).substitute(
        address=address,
        port=server.port,
        workers=service.workers,
        state=state,
        data=service.data.absolute() if service.data else "",
    )
    path = state / server.config
    path.write_text(text)
    return [argument.format(config=path) for argument in server.arguments]
