"""The process target: ordinary Linux processes, the baseline."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from targets.lab import Lab, LabPlace, Site
from targets.process.console import Console
from targets.process.micro import run_micro
from targets.process.serving import serving
from vocabulary.errors import HostError, TargetError
from vocabulary.protocols import Capability, Deployment, Endpoint, Service


class ProcessDeployment:
    """See `vocabulary.protocols.Deployment`."""

    def __init__(self, target: str, lab: Lab, site: Site, scratch: Path) -> None:
        self._target, self._lab, self._site, self._scratch = target, lab, site, scratch
        self._console = Console(scratch / "console")

    @property
    def target(self) -> str:
        return self._target

    @property
    def place(self) -> LabPlace:
        return self._site.place

    @property
    def interface(self) -> str | None:
        return self._site.interface

    @property
    def probe_points(self) -> Mapping[str, Path]:
        """None of its own: the micro programs carry theirs."""
        return {}

    def run_micro(self, program: Path, args: Sequence[str], *, timeout_s: float) -> str:
        """See `targets.process.micro.run_micro`."""
        return run_micro(self.place, self._console, self._scratch, program, args, timeout_s)

    run_beside = run_micro

    def command(self, program: Path, args: Sequence[str]) -> list[str]:
        """The program itself."""
        return [str(program.absolute()), *args]

    def serve(self, service: Service) -> AbstractContextManager[Endpoint]:
        """See `targets.process.serving.serving`."""
        return serving(service, self.place, self._site.address, self._lab.place, self._scratch, self._console)

    def console(self) -> str:
        return self._console.tail()


class ProcessTarget:
    """See `vocabulary.protocols.Target`. Nothing is built: the programs are the host's own."""

    summary = "ordinary Linux processes in a network namespace and a cgroup of their own: the baseline"

    def __init__(self, lab: Lab, name: str = "process") -> None:
        self._lab, self._name = lab, name

    @property
    def name(self) -> str:
        return self._name

    def missing(self) -> str:
        return self._lab.missing()

    def capabilities(self) -> frozenset[Capability]:
        """All; a server that is not installed makes its cells end unsupported."""
        return frozenset(Capability)

    def build(self) -> None:
        """Nothing to do: the lab has built its launcher."""

    @contextmanager
    def deploy(self, scratch: Path) -> Iterator[Deployment]:
        """A fresh place with nothing running in it. Raises TargetError."""
        with ExitStack() as stack:
            try:
                scratch.mkdir(parents=True, exist_ok=True)
                site = stack.enter_context(self._lab.site(self._lab.unused_name("process")))
            except HostError as error:
                raise TargetError(f"cannot deploy: {error}", where=self._name, remedy=error.remedy) from error
            except OSError as error:
                raise TargetError(f"cannot deploy: {error}", where=self._name) from error
            yield ProcessDeployment(self._name, self._lab, site, scratch.absolute())
