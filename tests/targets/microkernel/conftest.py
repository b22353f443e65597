"""The stand-in guest, assembled as a test wants it, and a site to run it in."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from targets.lab import Lab, Site
from targets.microkernel import MicrokernelDeployment, host, qemu, target
from targets.microkernel.building import Parts
from targets.process import serving
from tests.targets.microkernel.stand_in import assemble
from workloads.dns_load import checks as dns_checks
from workloads.http_load import checks as http_checks
from workloads.redis_load import checks as redis_checks
from workloads.redis_load import dataset

Guest = Callable[..., Parts]
PATIENCE_S = 60.0


@pytest.fixture(scope="session", autouse=True)
def _able() -> None:
    if why := host.missing():
        pytest.skip(why)


@pytest.fixture(scope="module", autouse=True)
def _patient() -> Iterator[None]:
    """What is asked here is whether an answer is right: a shared machine stands still for seconds."""
    with pytest.MonkeyPatch.context() as patch:
        for module, limit in (
            *((checks, "TIMEOUT_S") for checks in (dns_checks, http_checks, redis_checks)),
            *((dataset, "_TIMEOUT_S"), (qemu, "BANNER_WITHIN_S"), (qemu, "QUIT_WITHIN_S")),
            *((module, "READY_WITHIN_S") for module in (serving, target)),
        ):
            patch.setattr(module, limit, PATIENCE_S)
        yield


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
