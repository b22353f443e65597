"""Each correctness pass passes on the real server, and names the wrong answer of a broken one."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import get_args

import pytest

from targets.lab import Lab
from vocabulary import Deployment, Endpoint, Service, ServiceKind, TargetError, UsageError
from workloads.dns_load import cases as dns_cases
from workloads.dns_load import checks as dns_checks
from workloads.dns_load.zone import FILE, ORIGIN, Zone, zone
from workloads.http_load import cases as http_cases
from workloads.http_load import checks as http_checks
from workloads.http_load.pages import Pages, name_of, pages
from workloads.redis_load import cases as redis_cases
from workloads.redis_load import checks as redis_checks
from workloads.redis_load.dataset import KeySet, connection, key, key_set, load
from workloads.services.checks import Checks, same, true

pytestmark = pytest.mark.root


def await_open(lab: Lab, endpoint: Endpoint) -> None:
    """Until its TCP port is open, half a minute at the most."""
    for _ in range(1500):
        try:
            with connection(lab.place, endpoint):
                return
        except OSError:
            time.sleep(0.02)


@contextmanager
def redis_with(deployment: Deployment, lab: Lab, data: KeySet, *options: str) -> Iterator[Endpoint]:
    """A redis-server of another configuration, loaded."""
    host = "127.0.0.1"
    server = lab.place.popen(
        ["redis-server", "--port", "7001", "--bind", host, "--save", "", *options],
        stdout=subprocess.DEVNULL,
    )
    endpoint = Endpoint(ServiceKind.REDIS, host, 7001, server.pid)
    try:
        await_open(lab, endpoint)
        yield endpoint
    finally:
        server.kill()
        server.wait()


@pytest.fixture
def keys(cache: Path) -> KeySet:
    return key_set(cache, 1, 1000, 64)


@pytest.fixture
def site(cache: Path) -> Pages:
    return pages(cache, 1)


@pytest.fixture
def names(cache: Path) -> Zone:
    return zone(cache, 1, 1000)


def test_features_that_parameters_allow_are_those_checked() -> None:
    assert set(get_args(redis_cases.Feature)) == set(redis_checks.CHECKS.features)
    assert set(get_args(http_cases.Feature)) == set(http_checks.CHECKS.features)
    assert set(get_args(dns_cases.Feature)) == set(dns_checks.CHECKS.features)


class TestRedis:
    def test_real_server_is_right(self, deployment: Deployment, lab: Lab, keys: KeySet) -> None:
        with deployment.serve(Service(ServiceKind.REDIS)) as endpoint:
            load(keys, lab.place, endpoint)
            assert redis_checks.verify(keys, lab.place, endpoint) == len(redis_checks.CHECKS.chosen(()))

    def test_an_empty_data_set_is_right_too(self, deployment: Deployment, lab: Lab, cache: Path) -> None:
        none = key_set(cache, 1, 0, 64)
        with deployment.serve(Service(ServiceKind.REDIS)) as endpoint:
            load(none, lab.place, endpoint)
            redis_checks.verify(none, lab.place, endpoint)

    @pytest.mark.parametrize(
        ("command", "feature"),
        [("INCR", "counters"), ("GETRANGE", "strings"), ("ZRANK", "zsets"), ("EXEC", "transactions")],
    )
    def test_missing_command_is_named(
        self, deployment: Deployment, lab: Lab, keys: KeySet, command: str, feature: str
    ) -> None:
        with redis_with(deployment, lab, keys, "--rename-command", command, "NOSUCH") as endpoint:
            load(keys, lab.place, endpoint)
            with pytest.raises(TargetError, match=f"Redis check '{feature}: .*unknown command"):
                redis_checks.verify(keys, lab.place, endpoint)
            assert redis_checks.verify(keys, lab.place, endpoint, ["ping", "get_set", "data"]) == 3

    def test_altered_value_is_named(self, deployment: Deployment, lab: Lab, keys: KeySet) -> None:
        with deployment.serve(Service(ServiceKind.REDIS)) as endpoint:
            load(keys, lab.place, endpoint)
            with connection(lab.place, endpoint) as raw:
                raw.sendall(redis_cases.encode(b"SET", key(999), b"altered"))
                assert raw.recv(64) == b"+OK\r\n"
            with pytest.raises(TargetError, match=r"GET key:000000000999: b'altered' instead of"):
                redis_checks.verify(keys, lab.place, endpoint)

    def test_extra_key_is_seen_by_the_load(self, deployment: Deployment, lab: Lab, keys: KeySet) -> None:
        with deployment.serve(Service(ServiceKind.REDIS)) as endpoint:
            with connection(lab.place, endpoint) as raw:
                raw.sendall(redis_cases.encode(b"SET", b"another", b"one"))
                assert raw.recv(64) == b"+OK\r\n"
            with pytest.raises(TargetError, match="DBSIZE says b':1001'"):
                load(keys, lab.place, endpoint)

    def test_refused_set_is_seen_by_the_load(self, deployment: Deployment, lab: Lab, cache: Path) -> None:
        big = key_set(cache, 1, 3000, 1024)
        with (
            redis_with(deployment, lab, big, "--maxmemory", "2mb") as endpoint,
            pytest.raises(TargetError, match="not answered by OK"),
        ):
            load(big, lab.place, endpoint)

    def test_nobody_there(self, lab: Lab, keys: KeySet) -> None:
        nobody = Endpoint(ServiceKind.REDIS, "127.0.0.1", 7999)
        with pytest.raises(TargetError, match="loading 1000 keys"):
            load(keys, lab.place, nobody)
        with pytest.raises(TargetError, match="check 'ping: ping'"):
            redis_checks.verify(keys, lab.place, nobody)


class TestHttp:
    def test_real_server_is_right(self, deployment: Deployment, lab: Lab, site: Pages) -> None:
        with deployment.serve(Service(ServiceKind.HTTP, site.root)) as endpoint:
            assert http_checks.verify(site, lab.place, endpoint) == len(http_checks.CHECKS.chosen(()))

    @pytest.mark.parametrize("size", [612, 1 << 20])
    def test_altered_page_is_named(
        self, deployment: Deployment, lab: Lab, site: Pages, tmp_path: Path, size: int
    ) -> None:
        root = self._copy(site, tmp_path)
        page = root / name_of(size)
        content = bytearray(page.read_bytes())
        content[-30] ^= 1
        page.write_bytes(content)
        self._must_fail(deployment, lab, site, root, f"SHA-256 of page-{size}")

    def test_missing_page_is_named(
        self, deployment: Deployment, lab: Lab, site: Pages, tmp_path: Path
    ) -> None:
        root = self._copy(site, tmp_path)
        (root / name_of(65536)).unlink()
        self._must_fail(deployment, lab, site, root, "GET page-65536.html: status: 404 instead of 200")

    def test_page_of_another_time_is_named(
        self, deployment: Deployment, lab: Lab, site: Pages, tmp_path: Path
    ) -> None:
        root = self._copy(site, tmp_path)
        (root / name_of(612)).touch()
        self._must_fail(deployment, lab, site, root, "conditional: .*Last-Modified")

    @staticmethod
    def _copy(site: Pages, tmp_path: Path) -> Path:
        return Path(shutil.copytree(site.root, tmp_path / "root"))

    @staticmethod
    def _must_fail(deployment: Deployment, lab: Lab, site: Pages, root: Path, match: str) -> None:
        with (
            deployment.serve(Service(ServiceKind.HTTP, root)) as endpoint,
            pytest.raises(TargetError, match=match),
        ):
            http_checks.verify(site, lab.place, endpoint)


class TestDns:
    def test_real_server_is_right(self, deployment: Deployment, lab: Lab, names: Zone) -> None:
        with deployment.serve(Service(ServiceKind.DNS, names.directory)) as endpoint:
            assert dns_checks.verify(names, lab.place, endpoint) == len(dns_checks.CHECKS.chosen(()))

    @pytest.mark.parametrize(
        ("old", "new", "match"),
        [
            (f"several.{ORIGIN} IN A", f"other.{ORIGIN} IN A", f"several.{ORIGIN} A"),
            (f"*.wild.{ORIGIN} IN A", f"*.wilt.{ORIGIN} IN A", "wildcard: wildcard"),
            (f"alias2.{ORIGIN} IN CNAME several", f"alias2.{ORIGIN} IN CNAME mail", "alias: cname chase"),
            (f"ns.child.{ORIGIN} IN A", f"nz.child.{ORIGIN} IN A", "delegation: referral"),
            ("$TTL 3600", "$TTL 3601", "records: apex"),
            (" 1209600 300", " 1209600 301", "records: apex"),
            (f"\nn000000.{ORIGIN} IN A 198", f"\nn000000.{ORIGIN} IN A 199", f"n000000.{ORIGIN} A: answer"),
        ],
    )
    def test_altered_record_is_named(
        self, deployment: Deployment, lab: Lab, names: Zone, tmp_path: Path, old: str, new: str, match: str
    ) -> None:
        text = (names.directory / FILE).read_text()
        assert old in text
        (tmp_path / FILE).write_text(text.replace(old, new))
        with (
            deployment.serve(Service(ServiceKind.DNS, tmp_path)) as endpoint,
            pytest.raises(TargetError, match=match),
        ):
            dns_checks.verify(names, lab.place, endpoint)

    def test_wrong_transfer_is_named(
        self, deployment: Deployment, lab: Lab, names: Zone, tmp_path: Path
    ) -> None:
        """A server that allows AXFR and misses a record the other checks do not ask for."""
        text = (names.directory / FILE).read_text()
        (tmp_path / FILE).write_text(text + f"extra.{ORIGIN} IN A 198.18.0.1\n")
        (tmp_path / "nsd.conf").write_text(
            f'server:\n ip-address: 127.0.0.1@5301\n username: ""\n chroot: ""\n zonesdir: "{tmp_path}"\n'
            f' pidfile: ""\n xfrdfile: ""\n xfrdir: "{tmp_path}"\n zonelistfile: "{tmp_path}/list"\n'
            f' database: ""\nremote-control:\n control-enable: no\n'
            f"zone:\n name: kxbench.test\n zonefile: {FILE}\n provide-xfr: 127.0.0.1 NOKEY\n"
        )
        server = lab.place.popen(["nsd", "-d", "-c", tmp_path / "nsd.conf"], stderr=subprocess.DEVNULL)
        endpoint = Endpoint(ServiceKind.DNS, "127.0.0.1", 5301, server.pid)
        try:
            await_open(lab, endpoint)
            with pytest.raises(TargetError, match=rf"1 record sets differ .* extra.{ORIGIN} A"):
                dns_checks.verify(names, lab.place, endpoint, ["transfer"])
        finally:
            server.terminate()
            server.wait()


class TestChecks:
    def test_unknown_feature(self) -> None:
        with pytest.raises(UsageError, match="no such feature of Redis: nosuch"):
            redis_checks.CHECKS.chosen(["nosuch"])

    def test_bugs_of_ours_are_not_taken_for_wrong_answers(self) -> None:
        checks: Checks[None] = Checks("X", ())

        @checks.of("f")
        def _bug(_: None) -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            checks.run(None, "here")

    def test_out_of_time(self) -> None:
        checks: Checks[None] = Checks("X", ())
        checks.of("f")(lambda _: None)
        with pytest.raises(TargetError, match="out of time"):
            checks.run(None, "here", deadline_s=-1)

    def test_first_wrong_answer_is_named_and_cut(self) -> None:
        checks: Checks[None] = Checks("X", ())

        @checks.of("f")
        def _a_long_answer(_: None) -> None:
            true("right", True)
            same("it", "x" * 10_000, "y")

        with pytest.raises(
            TargetError, match=r"X check 'f: a long answer': it: 'x+\.\.\. \(10002 char"
        ) as seen:
            checks.run(None, "here")
        assert len(str(seen.value)) < 400
