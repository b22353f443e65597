import pytest

from workloads.micro.building import build, missing


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    if why := missing():
        pytest.skip(why)
    build()


@pytest.fixture(scope="session")
def sanitized() -> None:
    build("sanitize")
