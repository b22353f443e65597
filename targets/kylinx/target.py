"""The KylinX target: the very binaries of the process target, each run in a family of its own."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from targets.kylinx import building, host
from targets.kylinx.building import NOW, Build
from targets.kylinx.image import Request, cached_image
from targets.kylinx.image.elf import is_elf
from targets.kylinx.toolstack.monitor import FamilyOptions
from targets.kylinx.toolstack.programs import ENVIRONMENT
from targets.kylinx.toolstack.symbols import Symbols
from targets.lab import Lab, Site
from targets.process.deploying import SiteDeployment, deployed
from targets.process.micro import run_micro
from vocabulary.errors import TargetError, UnsupportedError
from vocabulary.measure import commit_in
from vocabulary.protocols import Capability, Deployment, Endpoint, Service

_MOST_SIBLINGS = 64


class KylinxDeployment(SiteDeployment):
    """See `vocabulary.protocols.Deployment`. Each program gets a fresh family: monitor, memory, pVMs."""

    def __init__(
        self, target: str, site: Site, scratch: Path, *, build: Build = NOW, vm_per_pvm: bool = False
    ) -> None:
        super().__init__(target, site, scratch)
        self._build, self._vm_per_pvm = build, vm_per_pvm
        self._symbols = Symbols(None)

    @property
    def probe_points(self) -> Mapping[str, Path]:
        """The monitor's; what runs in a pVM cannot be probed from outside."""
        return {"kxmonitor": self._build.monitor}

    def run_micro(self, program: Path, args: Sequence[str], *, timeout_s: float) -> str:
        """As the process target's. The image is made, or found, before the clock starts."""
        image = _image_for(program, args)
        self._symbols = Symbols(image)
        runner = self._runner(image)
        try:
            return run_micro(self.place, self._console, self._scratch, program, args, timeout_s, runner)
        except TargetError as error:
            error.console = self._symbols.annotate(error.console)
            raise

    def command(self, program: Path, args: Sequence[str]) -> list[str]:
        """A monitor with a family for the program."""
        return [*self._runner(_image_for(program, args)), str(program.absolute()), *args]

    def serve(self, service: Service) -> AbstractContextManager[Endpoint]:
        """Raises UnsupportedError: pVMs have no network yet."""
        raise UnsupportedError(f"a pVM has no network: it cannot serve {service.kind}", where=self._target)

    def console(self) -> str:
        return self._symbols.annotate(self._console.tail())

    def _runner(self, image: Path) -> list[str]:
        """The words before a program that start a monitor with a family for it."""
        cpus = len(os.sched_getaffinity(0))
        options = FamilyOptions(image, cpus=cpus, vm_per_pvm=self._vm_per_pvm, build=self._build)
        words = options.command()
        for name, value in ENVIRONMENT.items():
            words += ["--env", f"{name}={value}"]
        return [*words, "--"]


def _image_for(program: Path, args: Sequence[str]) -> Path:
    """An image with the programs beside ``program`` and the files that ``args`` name."""
    if not program.is_file():
        raise TargetError("there is no such micro program", where=str(program), remedy="run ./kxbench setup")
    request = Request(_beside(program), _files_of(args), name=program.absolute().parent.parent.name)
    return cached_image(request).path


def _beside(program: Path) -> tuple[str, ...]:
    """The executables of the program's folder, which it may start; it alone in a folder of very many."""
    found = {str(program.absolute())}
    for path in program.absolute().parent.iterdir():
        if path.is_file() and path.stat().st_mode & 0o100:
            with path.open("rb") as file:
                if is_elf(file.read(4)):
                    found.add(str(path))
            if len(found) > _MOST_SIBLINGS:
                return (str(program.absolute()),)
    return tuple(sorted(found))


def _files_of(args: Sequence[str]) -> tuple[Path, ...]:
    """The host's files and directories that options name, as in ``--directory=/path``."""
    values = (argument.partition("=")[2] for argument in args)
    return tuple(sorted({Path(value) for value in values if value.startswith("/") and Path(value).exists()}))


class KylinxTarget:
    """See `vocabulary.protocols.Target`."""

    summary = "the process's own binaries in pVMs: a monitor on KVM, a LibOS that forks and talks"
    emulated = False
    vm_per_pvm = False

    def __init__(self, lab: Lab, name: str = "kylinx") -> None:
        self._lab, self._name, self._commit = lab, name, commit_in(name)

    @property
    def name(self) -> str:
        return self._name

    def missing(self) -> str:
        return self._lab.missing() or host.missing()

    def capabilities(self) -> frozenset[Capability]:
        """The micro programs; services need a network, which pVMs have not yet."""
        return frozenset({Capability.MICRO, Capability.LIBRARIES, Capability.KERNEL})

    def build(self) -> None:
        """Monitor and LibOS; images are made, and kept, when a program is first run. Raises TargetError, and
        UsageError for a commit that cannot be built."""
        if self._commit:
            building.build_commit(self._commit)
        else:
            building.build()

    @contextmanager
    def deploy(self, scratch: Path) -> Iterator[Deployment]:
        """A fresh place; each program that is run boots a family in it. Raises TargetError."""
        with deployed(self._lab, self._name, "kylinx", scratch) as site:
            build = building.of_commit(self._commit) if self._commit else NOW
            yield KylinxDeployment(
                self._name, site, scratch.absolute(), build=build, vm_per_pvm=self.vm_per_pvm
            )


class KylinxVmTarget(KylinxTarget):
    """The same, each pVM in a KVM VM of its own: what that isolation costs."""

    summary = "as kylinx, each pVM in a KVM VM of its own instead of one for the family"
    vm_per_pvm = True

    def __init__(self, lab: Lab, name: str = "kylinx-vm") -> None:
        super().__init__(lab, name)
