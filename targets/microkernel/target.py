"""The micro kernel target: QEMU's ARM `virt` board with our kernel, in a network namespace of its own."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from targets.lab import Lab, Site
from targets.microkernel import building, host, initrd
from targets.microkernel.building import PARTS, Parts
from targets.microkernel.qemu import Machine, MachineOptions, running
from targets.microkernel.serving import MachineServer, files_of
from targets.process.deploying import SiteDeployment, deployed
from targets.process.micro import EXIT_UNSUPPORTED
from targets.process.servers import SERVERS
from targets.process.serving import watched
from vocabulary.errors import UnsupportedError
from vocabulary.protocols import Capability, Deployment, Endpoint, Service

READY_WITHIN_S = 20.0
LEAST_MEMORY_MIB, MOST_SMALL_MIB = 64, 16
PROGRAMS = {"kernel": "bench"}  # what runs in the guest in place of a program of the host's
_MAC = bytes((0x52, 0x54, 0x00))  # QEMU's; locally administered


class MicrokernelDeployment(SiteDeployment):
    """See `vocabulary.protocols.Deployment`. Each program and each service boots a machine of its own."""

    def __init__(self, target: str, lab: Lab, site: Site, scratch: Path, parts: Parts = PARTS) -> None:
        super().__init__(target, site, scratch)
        self._lab, self._parts = lab, parts
        self._machines = 0

    @property
    def probe_points(self) -> Mapping[str, Path]:
        """None: what runs in the machine cannot be probed from outside."""
        return {}

    def run_micro(self, program: Path, args: Sequence[str], *, timeout_s: float) -> str:
        """The guest's own program in a machine in virtual time; ``--name=value`` becomes ``name=value`` on
        the kernel's command line. Returns all that the machine printed.

        Raises TargetError when it fails, UnsupportedError for a program that the guest has not."""
        name = PROGRAMS.get(program.name)
        if name is None:
            raise UnsupportedError(f"the micro kernel does not run Linux programs: {program.name}")
        words = [argument.removeprefix("--").replace("-", "_", argument.find("=")) for argument in args]
        arguments = " ".join([f"run={name}", *words])
        with self._machine(arguments, {}, virtual_time=True) as machine:
            machine.await_end(timeout_s)
            status = machine.log.status.get(name, 0)
            if status == EXIT_UNSUPPORTED:
                raise UnsupportedError(f"the guest's {name} cannot do that: {' '.join(words)}")
            if status:
                raise machine.error(f"the guest's {name} ended with status {status}")
            return machine.log.text()

    def command(self, program: Path, args: Sequence[str]) -> list[str]:
        """Raises UnsupportedError."""
        raise UnsupportedError(f"the micro kernel does not run Linux programs: {program.name}")

    @contextmanager
    def serve(self, service: Service) -> Iterator[Endpoint]:
        """A machine with the service's data and server; see `targets.process.serving.watched`."""
        files = files_of(service)
        server = SERVERS[service.kind]
        arguments = f"run={service.kind} ip={self._site.network}"
        with self._machine(arguments, files, tap=True, cpus=service.cpus) as machine:
            machine.await_ready(service.kind, READY_WITHIN_S)
            running = MachineServer(service.kind, machine, self.place, self._console)
            endpoint = Endpoint(service.kind, self._site.address, server.port, machine.process.pid)
            with watched(running, server, endpoint, self._lab.place):
                yield endpoint

    def _machine(
        self,
        arguments: str,
        files: Mapping[str, Path],
        *,
        virtual_time: bool = False,
        tap: bool = False,
        cpus: Sequence[int] = (),
    ) -> AbstractContextManager[Machine]:
        self._machines += 1
        directory = self._scratch / f"machine-{self._machines}"
        archive = directory / "initrd.cpio"
        directory.mkdir(parents=True)
        size = initrd.write(archive, self._parts.programs(), files)
        options = MachineOptions(
            self._parts.kernel,
            archive,
            arguments,
            memory_mib=_memory_mib(size),
            virtual_time=virtual_time,
            tap=self._site.tap if tap else None,
            mac=_mac(self._site.address),
        )
        return running(options, self.place, directory, self._console, cpus)


def _memory_mib(initrd_bytes: int) -> int:
    """The usual 64 MiB, and for a large initrd twice its size more: the guest may copy it."""
    large = math.ceil(initrd_bytes / (1 << 20)) - MOST_SMALL_MIB
    return LEAST_MEMORY_MIB + 2 * max(large, 0)


def _mac(address: str) -> str:
    """One for each address of the lab's network."""
    return (_MAC + bytes(map(int, address.split(".")))[1:]).hex(":")


class MicrokernelTarget:
    """See `vocabulary.protocols.Target`."""

    summary = "an ARM micro kernel on an emulated board: instructions counted; wall-clock figures indicative"
    emulated = True

    def __init__(self, lab: Lab, name: str = "microkernel") -> None:
        self._lab, self._name = lab, name

    @property
    def name(self) -> str:
        return self._name

    def missing(self) -> str:
        return self._lab.missing() or host.missing()

    def capabilities(self) -> frozenset[Capability]:
        """The kernel cases and the three services, by servers of its own."""
        return frozenset({Capability.KERNEL, Capability.REDIS, Capability.HTTP, Capability.DNS})

    def build(self) -> None:
        """Kernel and tasks. Raises TargetError."""
        building.build()

    @contextmanager
    def deploy(self, scratch: Path) -> Iterator[Deployment]:
        """A fresh place with a tap; each program and service boots a machine in it. Raises TargetError."""
        with deployed(self._lab, self._name, "microkernel", scratch, tap=True) as site:
            yield MicrokernelDeployment(self._name, self._lab, site, scratch.absolute())
