"""Clients that know nothing of this server: the suite's checks and generators, httpx, curl, wrk."""

import hashlib
import os
import random
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.local import HOST, LocalPlace
from tests.targets.microkernel.apps.conftest import Start
from tests.targets.microkernel.apps.loads import all_received
from tests.targets.microkernel.apps.serving import TIMEOUT_S, Served, everything
from vocabulary import Endpoint, ServiceKind
from workloads import openloop
from workloads.http_load.cases import Http, HttpLoad
from workloads.http_load.checks import CHECKS, verify
from workloads.http_load.pages import Pages, name_of, pages
from workloads.native import wrk

PLACE = LocalPlace()


def endpoint(served: Served) -> Endpoint:
    return Endpoint(ServiceKind.HTTP, HOST, served.port, served.process.pid)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Pages:
    return pages(tmp_path_factory.mktemp("pages"), seed=1)


@pytest.fixture(scope="module")
def served(start: Start, data: Pages) -> Served:
    return start("http", "--root", data.root)


@pytest.mark.parametrize(("taken", "given"), [("16384", "16384"), ("1", "100"), ("7", "16384")])
def test_the_correctness_pass(start: Start, data: Pages, taken: str, given: str) -> None:
    served = start("http", "--root", data.root, "--in", taken, "--out", given)
    assert verify(data, PLACE, endpoint(served)) == len(CHECKS.chosen(()))


def test_the_open_loop_generator(served: Served, data: Pages, tmp_path: Path) -> None:
    requests = tmp_path / "requests"
    params = HttpLoad.model_validate({})
    openloop.encode_requests(requests, ServiceKind.HTTP, Http().requests(params, data, 1))
    assert all_received(PLACE, endpoint(served), requests, rate_per_s=1000) > 500


def test_wrk_as_the_suite_runs_it(served: Served) -> None:
    if why := wrk.missing():
        pytest.skip(why)
    for size in (612, 1 << 20):
        told = wrk.run(PLACE, endpoint(served), name_of(size), duration_s=1.5, connections=20, cpus=[])
        assert told.errors == 0


def test_curl(served: Served, data: Pages, tmp_path: Path) -> None:
    """Two files on one connection, and a download that is resumed."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    url, half = f"http://{HOST}:{served.port}/{name_of(1 << 20)}", tmp_path / "half"
    whole = (data.root / name_of(1 << 20)).read_bytes()
    half.write_bytes(whole[:500_000])
    subprocess.run(["curl", "-sf", "-C", "-", "-o", half, url], check=True, timeout=TIMEOUT_S)
    assert half.read_bytes() == whole
    said = subprocess.run(
        ["curl", "-sf", "-o", os.devnull, url, "-o", os.devnull, url, "-w", "%{num_connects} "],
        check=True,
        timeout=TIMEOUT_S,
        capture_output=True,
        text=True,
    )
    assert said.stdout == "1 0 "


def test_many_clients_at_once(served: Served, data: Pages) -> None:
    limits = httpx.Limits(max_connections=None)
    with httpx.Client(
        base_url=f"http://{HOST}:{served.port}", limits=limits, timeout=TIMEOUT_S, trust_env=False
    ) as client:
        streams = [
            client.send(client.build_request("GET", f"/{name_of(65536)}"), stream=True) for _ in range(50)
        ]
        for response in reversed(streams):
            assert hashlib.sha256(response.read()).hexdigest() == data.hashes[65536]


def test_pipelined(served: Served, data: Pages) -> None:
    """Requests of all kinds in one piece: the answers come in their order."""
    generator = random.Random(5)
    sizes = [generator.choice([612, 65536]) for _ in range(60)]
    request = b"".join(b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % name_of(size).encode() for size in sizes)
    with served.connect() as raw:
        raw.sendall(request + b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        got = everything(raw)
    for size in sizes:
        head, _, rest = got.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert rest[:size] == (data.root / name_of(size)).read_bytes()
        got = rest[size:]
    assert got.startswith(b"HTTP/1.1 403 ") and b"Connection: close" in got
