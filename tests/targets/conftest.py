from collections.abc import Iterator
from pathlib import Path

import pytest

from targets import make_target
from targets.lab import Lab, missing
from vocabulary import Deployment, Target

ZONE = """\
$ORIGIN kxbench.test.
$TTL 300
@ IN SOA ns.kxbench.test. hostmaster.kxbench.test. 1 3600 600 86400 60
@ IN NS ns
ns IN A 192.0.2.1
www IN A 192.0.2.80
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    if why := missing():
        pytest.skip(why)
    with Lab() as lab:
        yield lab


@pytest.fixture
def target(lab: Lab) -> Target:
    return make_target("process", lab)


@pytest.fixture
def deployment(target: Target, tmp_path: Path) -> Iterator[Deployment]:
    with target.deploy(tmp_path / "scratch") as deployment:
        yield deployment


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A page and a zone; the blank in its name is meant."""
    directory = tmp_path / "the data"
    directory.mkdir()
    (directory / "page.html").write_text("<p>a page</p>")
    (directory / "kxbench.test.zone").write_text(ZONE)
    return directory
