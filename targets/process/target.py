"""The process target: ordinary Linux processes, the baseline."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from targets.lab import Lab, Site
from targets.process.deploying import SiteDeployment, deployed
from targets.process.serving import serving
from vocabulary.protocols import Capability, Deployment, Endpoint, Service


class ProcessDeployment(SiteDeployment):
    """See `vocabulary.protocols.Deployment`."""

    def __init__(self, target: str, lab: Lab, site: Site, scratch: Path) -> None:
        super().__init__(target, site, scratch)
        self._lab = lab

    @property
    def probe_points(self) -> Mapping[str, Path]:
        """None of its own: the micro programs carry theirs."""
        return {}

    def run_micro(self, program: Path, args: Sequence[str], *, timeout_s: float) -> str:
        """As what runs beside it."""
        return self.run_beside(program, args, timeout_s=timeout_s)

    def command(self, program: Path, args: Sequence[str]) -> list[str]:
        """The program itself."""
        return [str(program.absolute()), *args]

    def serve(self, service: Service) -> AbstractContextManager[Endpoint]:
        """See `targets.process.serving.serving`."""
        return serving(service, self.place, self._site.address, self._lab.place, self._scratch, self._console)


class ProcessTarget:
    """See `vocabulary.protocols.Target`. Nothing is built: the programs are the host's own."""

    summary = "ordinary Linux processes in a network namespace and a cgroup of their own: the baseline"
    emulated = False

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
        with deployed(self._lab, self._name, "process", scratch) as site:
            yield ProcessDeployment(self._name, self._lab, site, scratch.absolute())
