"""Clients that people have, on the guest's servers: dig, and a browser. (wrk, dnsperf and redis-benchmark are
generators of the suite's loads: test_loads.py.)"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from targets.lab import Lab, Site
from targets.microkernel import MicrokernelDeployment, building
from vocabulary import Endpoint, Service, ServiceKind
from workloads.dns_load.zone import ORIGIN, Zone, zone

pytestmark = pytest.mark.root
WITHIN_S = 120
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
]
PAGE = b"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>not yet</title><link rel="icon" href="data:,">
<script src="page.js"></script></head><body><p id="told"></p></body></html>
"""
SCRIPT = b"""addEventListener('DOMContentLoaded', () => {
  document.title = 'served'; document.getElementById('told').textContent = 'by script'; });
"""
FETCH = """async ([path, headers]) => {
  const answer = await fetch(path, { headers, cache: 'no-store' });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  return { status: answer.status, headers: Object.fromEntries(answer.headers), bytes: Array.from(bytes) };
}"""
MODIFIED_S = 1_767_225_600  # 2026-01-01
MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    building.build()


@pytest.fixture
def deployment(lab: Lab, site: Site, tmp_path: Path) -> MicrokernelDeployment:
    return MicrokernelDeployment("microkernel", lab, site, tmp_path / "scratch")


# ---- dig ----


@pytest.fixture
def names(tmp_path: Path) -> Zone:
    return zone(tmp_path, 1, 100)


@pytest.fixture
def resolver(deployment: MicrokernelDeployment, names: Zone) -> Iterator[Endpoint]:
    if not shutil.which("dig"):
        pytest.skip("dig is not installed")
    with deployment.serve(Service(ServiceKind.DNS, names.directory)) as endpoint:
        yield endpoint


def dig(lab: Lab, endpoint: Endpoint, *words: str) -> str:
    command = [
        "dig",
        "+tries=2",
        "+time=30",
        "+norecurse",
        f"@{endpoint.host}",
        "-p",
        str(endpoint.port),
        *words,
    ]
    asking = lab.place.popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        said, _ = asking.communicate(timeout=WITHIN_S)
    finally:
        asking.kill()
        asking.wait()
    assert asking.returncode == 0, said.decode(errors="replace")
    return said.decode()


def test_dig(resolver: Endpoint, lab: Lab, names: Zone) -> None:
    for (owner, kind), data in list(names.records.items()):
        if kind in ("A", "AAAA", "MX", "NS", "SOA", "TXT") and "*" not in owner and "child" not in owner:
            found = [shlex.split(line) for line in dig(lab, resolver, "+short", owner, kind).splitlines()]
            assert sorted(found) == sorted(shlex.split(one) for one in data), (owner, kind)


def test_dig_sees_what_is_not_there(resolver: Endpoint, lab: Lab) -> None:
    said = dig(lab, resolver, f"no-such-name.{ORIGIN}", "A")
    assert "status: NXDOMAIN" in said and "AUTHORITY: 1" in said and " SOA " in said.replace("\t", " ")
    assert "flags: qr aa" in said and "WARNING" not in said


def test_dig_turns_to_tcp_for_what_is_large(resolver: Endpoint, lab: Lab, names: Zone) -> None:
    said = dig(lab, resolver, f"big.{ORIGIN}", "TXT")
    assert "Truncated, retrying in TCP mode" in said and "(TCP)" in said
    strings = [line for line in said.splitlines() if line.startswith(f"big.{ORIGIN}")]
    assert len(strings) == len(names.records[f"big.{ORIGIN}", "TXT"])
    assert "EDNS: version: 0" in said


# ---- a browser ----


@pytest.fixture
def site_files(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    (root / "page.html").write_bytes(PAGE)
    (root / "page.js").write_bytes(SCRIPT)
    (root / "data.bin").write_bytes(bytes(range(256)) * 512)
    for path in root.iterdir():
        os.utime(path, (MODIFIED_S, MODIFIED_S))
    return root


@pytest.fixture
def page(deployment: MicrokernelDeployment, lab: Lab, site_files: Path, tmp_path: Path) -> Iterator[Page]:
    """The guest's page in a browser that runs in the suite's own network namespace."""
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed")
    inside = tmp_path / "chromium"
    entered = f"nsenter --net=/run/netns/{lab.place.netns}"
    inside.write_text(f'#!/bin/sh\nexec {entered} {chromium} "$@"\n')
    inside.chmod(0o755)
    with deployment.serve(Service(ServiceKind.HTTP, site_files)) as endpoint, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=inside, args=FLAGS, timeout=WITHIN_S * 1000)
        try:
            page = browser.new_page()
            page.set_default_timeout(WITHIN_S * 1000)
            complaints: list[str] = []
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"http://{endpoint.host}:{endpoint.port}/page.html")
            yield page
            assert complaints == []
        finally:
            browser.close()


def fetch(page: Page, path: str, headers: dict[str, str]) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(FETCH, [path, headers])
    return answer


def test_a_browser(page: Page, site_files: Path) -> None:
    """A page with a script; then by fetch() a file, a part of it, and it again if it is another by now."""
    assert page.title() == "served"
    assert page.inner_text("#told") == "by script"
    data = (site_files / "data.bin").read_bytes()

    whole = fetch(page, "data.bin", {})
    assert whole["status"] == 200 and bytes(whole["bytes"]) == data
    assert whole["headers"]["last-modified"] == MODIFIED

    part = fetch(page, "data.bin", {"Range": "bytes=1000-70999"})
    assert part["status"] == 206 and bytes(part["bytes"]) == data[1000:71000]
    assert part["headers"]["content-range"] == f"bytes 1000-70999/{len(data)}"
    assert fetch(page, "data.bin", {"Range": f"bytes={len(data)}-"})["status"] == 416

    again = fetch(page, "data.bin", {"If-Modified-Since": MODIFIED})
    assert again["status"] == 304 and again["bytes"] == []
    earlier = "Wed, 31 Dec 2025 00:00:00 GMT"
    assert fetch(page, "data.bin", {"If-Modified-Since": earlier})["status"] == 200


def test_many_fetches_at_once(page: Page, site_files: Path) -> None:
    """Over the connections that a browser keeps open to a server."""
    sums = page.evaluate(
        """async () => Promise.all(Array.from({ length: 40 }, async (_, i) => {
          const answer = await fetch(`data.bin?${i}`, { cache: 'no-store' });
          return new Uint8Array(await answer.arrayBuffer()).reduce((a, b) => a + b, 0); }))"""
    )
    assert sums == [sum((site_files / "data.bin").read_bytes())] * 40
