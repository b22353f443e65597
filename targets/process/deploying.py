"""What the deployments of all targets have in common: a site of the lab, a console, programs beside them."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from targets.lab import Lab, LabPlace, Site
from targets.process.console import Console
from targets.process.micro import run_micro
from vocabulary.errors import HostError, TargetError


class SiteDeployment:
    """The part of `vocabulary.protocols.Deployment` that follows from its site."""

    def __init__(self, target: str, site: Site, scratch: Path) -> None:
        self._target, self._site, self._scratch = target, site, scratch
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

    def run_beside(self, program: Path, args: Sequence[str], *, timeout_s: float) -> str:
        """See `targets.process.micro.run_micro`."""
        return run_micro(self.place, self._console, self._scratch, program, args, timeout_s)

    def console(self) -> str:
        return self._console.tail()


@contextmanager
def deployed(lab: Lab, target: str, base: str, scratch: Path, *, tap: bool = False) -> Iterator[Site]:
    """A fresh site, called ``base`` and a number, and ``scratch`` for its files. Raises TargetError."""
    with ExitStack() as stack:
        try:
            scratch.mkdir(parents=True, exist_ok=True)
            site = stack.enter_context(lab.site(lab.unused_name(base), tap=tap))
        except HostError as error:
            raise TargetError(f"cannot deploy: {error}", where=target, remedy=error.remedy) from error
        except OSError as error:
            raise TargetError(f"cannot deploy: {error}", where=target) from error
        yield site
