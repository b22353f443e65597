"""The guest's applications behind the tap: each passes the whole of the suite's correctness pass."""

from pathlib import Path

import pytest

from targets.lab import Lab, Site
from targets.microkernel import MicrokernelDeployment, building
from vocabulary import Service, ServiceKind
from workloads.dns_load import checks as dns_checks
from workloads.dns_load.zone import zone
from workloads.http_load import checks as http_checks
from workloads.http_load.pages import pages
from workloads.redis_load import checks as redis_checks
from workloads.redis_load.dataset import key_set, load

pytestmark = pytest.mark.root
SEED = 1
NAMES = 1000


@pytest.fixture(scope="session", autouse=True)
def _built() -> None:
    building.build()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where data sets are kept."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture
def deployment(lab: Lab, site: Site, tmp_path: Path) -> MicrokernelDeployment:
    return MicrokernelDeployment("microkernel", lab, site, tmp_path / "scratch")


def test_redis_is_right(deployment: MicrokernelDeployment, lab: Lab, data: Path) -> None:
    keys = key_set(data, SEED, 1000, 64)
    with deployment.serve(Service(ServiceKind.REDIS)) as endpoint:
        load(keys, lab.place, endpoint)
        assert redis_checks.verify(keys, lab.place, endpoint) > 0


def test_http_is_right(deployment: MicrokernelDeployment, lab: Lab, data: Path) -> None:
    site = pages(data, SEED)
    with deployment.serve(Service(ServiceKind.HTTP, site.root)) as endpoint:
        assert http_checks.verify(site, lab.place, endpoint) > 0


def test_dns_is_right(deployment: MicrokernelDeployment, lab: Lab, data: Path) -> None:
    names = zone(data, SEED, NAMES)
    with deployment.serve(Service(ServiceKind.DNS, names.directory)) as endpoint:
        assert dns_checks.verify(names, lab.place, endpoint) > 0
