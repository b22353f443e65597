"""A machine that serves Redis, HTTP or DNS: the guest's own server behind the tap."""

from pathlib import Path

from targets.microkernel.initrd import below
from targets.microkernel.qemu import Machine
from targets.process.console import Console
from targets.process.servers import ZONE_FILE
from targets.process.serving import RunningServer
from vocabulary.errors import TargetError, UnsupportedError
from vocabulary.protocols import Place, Service, ServiceKind

PAGES, ZONE = "www", "zone"


def files_of(service: Service) -> dict[str, Path]:
    """What the service's server finds in the initrd: pages under ``www/``, the zone as ``zone``.

    Raises UnsupportedError for more than one worker, TargetError when the data are not there."""
    if service.workers != 1:
        raise UnsupportedError(f"the micro kernel's {service.kind} server is one task, not {service.workers}")
    if service.kind is ServiceKind.REDIS:
        return {}
    needed = service.data / ZONE_FILE if service.data and service.kind is ServiceKind.DNS else service.data
    if needed is None or not needed.exists():
        raise TargetError(
            "the data to serve are not there",
            where=f"{service.kind}: {needed or 'no directory given'}",
            remedy="the workload must make them first",
        )
    return {ZONE: needed} if service.kind is ServiceKind.DNS else below(needed, PAGES)


class MachineServer(RunningServer):
    """A server in a machine: it has died as well when the kernel has, or a task was ended for a fault."""

    def __init__(self, kind: ServiceKind, machine: Machine, place: Place, console: Console) -> None:
        super().__init__(f"the guest's {kind} server", machine.process, place, console)
        self._machine = machine

    def check(self, patience_s: float = 0.0) -> None:
        """Raises TargetError when it died on its own, saying how; waits ``patience_s`` for that."""
        self._machine.check(patience_s)

    def stop(self) -> None:
        self._machine.stop()

    def check_stopped(self) -> None:
        """What it printed last may tell of its death."""
        self._machine.check(may_end=True)
