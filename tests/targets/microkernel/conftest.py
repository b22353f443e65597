"""The stand-in guest, assembled as a test wants it, and a site to run it in."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from targets.lab import Lab, Site
from targets.microkernel import MicrokernelDeployment, host
from targets.microkernel.building import Parts
from tests.targets.microkernel.stand_in import assemble

Guest = Callable[..., Parts]


@pytest.fixture(scope="session", autouse=True)
def _able() -> None:
    if why := host.missing():
        pytest.skip(why)


@pytest.fixture
def guest(tmp_path: Path) -> Guest:
    """See `stand_in.assemble`."""
    return partial(assemble, tmp_path)


@pytest.fixture
def site(lab: Lab) -> Iterator[Site]:
    with lab.site(lab.unused_name("guest"), tap=True) as site:
        yield site


Deploy = Callable[[Parts], MicrokernelDeployment]


@pytest.fixture
def deploy(lab: Lab, site: Site, tmp_path: Path) -> Deploy:
    """A deployment whose machines boot the given parts."""
    return lambda parts: MicrokernelDeployment("microkernel", lab, site, tmp_path / "scratch", parts)
