"""Each server answers for real, is watched, and is gone afterwards."""

import http.client
import os
import signal
import socket
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import dns.message
import dns.query
import dns.rcode
import pytest
import redis

from targets.lab import Lab
from targets.process import readiness, servers, serving
from vocabulary import Deployment, Service, ServiceKind, Target, TargetError, UnsupportedError

pytestmark = pytest.mark.root
ANSWERS_WITHIN_S = 60.0


def all_of(deployment: Deployment, count: int) -> list[int]:
    """The processes, once there are so many: the first worker may answer before the last is there."""
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    while len(pids := deployment.place.pids()) < count and time.monotonic() < deadline:
        time.sleep(0.01)
    return pids


def started(pid: int) -> int:
    """When, in ticks since boot, and which of those of one tick."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]) << 32 | pid


def test_redis(lab: Lab, deployment: Deployment) -> None:
    with deployment.serve(Service(ServiceKind.REDIS)) as endpoint, lab.place.entered():
        with redis.Redis(endpoint.host, endpoint.port) as client:
            assert client.set("key", "value")
            assert client.get("key") == b"value"
            assert client.info("server")["process_id"] == endpoint.pid
            assert client.config_get("save") == {"save": ""}
            assert client.bgsave()
            deadline = time.monotonic() + ANSWERS_WITHIN_S
            while client.info("persistence")["rdb_bgsave_in_progress"] and time.monotonic() < deadline:
                time.sleep(0.01)
            assert client.info("persistence")["rdb_last_bgsave_status"] == "ok"
            assert client.execute_command("DEBUG", "SLEEP", "0") == b"OK"
        assert endpoint.pid in deployment.place.pids()
    assert deployment.place.pids() == []


def test_http(lab: Lab, deployment: Deployment, data: Path) -> None:
    with deployment.serve(Service(ServiceKind.HTTP, data, workers=3)) as endpoint:
        assert len(all_of(deployment, 4)) == 4
        with lab.place.entered():
            client = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=ANSWERS_WITHIN_S)
            for path, status, body in (("/page.html", 200, b"a page"), ("/nothing", 404, b"Not Found")) * 600:
                client.request("GET", path)  # on one connection, past the stock 1000 requests
                response = client.getresponse()
                assert response.status == status
                assert body in response.read()
                assert response.getheader("Connection") == "keep-alive"
            client.close()
    assert deployment.place.pids() == []


@pytest.mark.parametrize("over", [dns.query.udp, dns.query.tcp])
def test_dns(lab: Lab, deployment: Deployment, data: Path, over: type) -> None:
    with deployment.serve(Service(ServiceKind.DNS, data, workers=2)) as endpoint, lab.place.entered():
        ask = dns.message.make_query("www.kxbench.test", "A")
        for _ in range(300):  # past the stock rate limit of 200 a second
            reply = over(ask, endpoint.host, port=endpoint.port, timeout=ANSWERS_WITHIN_S)
            assert reply.answer[0][0].to_text() == "192.0.2.80"
            assert not reply.flags & dns.flags.TC
        reply = over(
            dns.message.make_query("no.kxbench.test", "A"), endpoint.host, port=endpoint.port, timeout=5
        )
        assert reply.rcode() == dns.rcode.NXDOMAIN
    assert deployment.place.pids() == []


@pytest.mark.parametrize(("kind", "name"), [("redis", "redis-server"), ("http", "nginx"), ("dns", "nsd")])
@pytest.mark.parametrize("case_fails", [False, True])
def test_a_killed_server_is_noticed(
    deployment: Deployment,
    data: Path,
    kind: ServiceKind,
    name: str,
    case_fails: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "DEATH_SEEN_WITHIN_S", 20.0)
    monkeypatch.setattr(serving, "STOP_WITHIN_S", 20.0)
    with (
        pytest.raises(
            TargetError, match=rf"{name} \(pid \d+\) was killed by signal 9 \(SIGKILL\) while"
        ) as caught,
        deployment.serve(Service(ServiceKind(kind), data)) as endpoint,
    ):
        assert endpoint.pid
        os.kill(endpoint.pid, signal.SIGKILL)
        if case_fails:
            raise ConnectionResetError("as a client sees it")
    if kind != "http":  # nginx is silent
        assert f"== {name} ==" in caught.value.console
    cause = caught.value.__cause__
    assert isinstance(cause, ConnectionResetError) if case_fails else cause is None
    assert deployment.place.pids() == []


@pytest.mark.parametrize(("kind", "name", "processes"), [("http", "nginx", 3), ("dns", "nsd", 4)])
def test_a_killed_worker_is_noticed(
    deployment: Deployment, data: Path, kind: str, name: str, processes: int
) -> None:
    """Though the server starts another. The last but one: of the last it is not known that it was there when
    the server answered first, by another."""
    with (
        pytest.raises(TargetError, match=rf"a worker process of {name} .* died while serving"),
        deployment.serve(Service(ServiceKind(kind), data, workers=2)) as endpoint,
    ):
        worker = sorted(set(all_of(deployment, processes)) - {endpoint.pid}, key=started)[-2]
        os.kill(worker, signal.SIGKILL)
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while worker in deployment.place.pids() and time.monotonic() < deadline:
            time.sleep(0.01)
    assert deployment.place.pids() == []


def test_a_failing_case_is_not_blamed_on_the_server(deployment: Deployment) -> None:
    with pytest.raises(ZeroDivisionError), deployment.serve(Service(ServiceKind.REDIS)):
        raise ZeroDivisionError
    assert deployment.place.pids() == []


def test_workers_die_with_the_place(target: Target, data: Path, tmp_path: Path) -> None:
    """Even if `serve` is never left: nginx's workers are not our children."""
    with target.deploy(tmp_path / "scratch") as deployment:
        service = deployment.serve(Service(ServiceKind.HTTP, data, workers=2))
        service.__enter__()
        pids = all_of(deployment, 3)
        assert len(pids) == 3
    assert not any(Path(f"/proc/{pid}/exe").exists() for pid in pids[1:])
    with pytest.raises(TargetError, match="killed by signal 9"):
        service.__exit__(None, None, None)


def test_a_bad_configuration_is_shown(
    deployment: Deployment, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(servers, "CONFIG", data)
    (data / "nginx.conf").write_text("colour red;\n")
    with (
        pytest.raises(TargetError, match=r"nginx \(pid \d+\) ended with code 1 before it answered") as caught,
        deployment.serve(Service(ServiceKind.HTTP, data)),
    ):
        pytest.fail("it served")
    assert 'unknown directive "colour"' in caught.value.console


def test_a_broken_zone_is_shown(deployment: Deployment, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When its time is over: here that is as soon as nsd has answered, however long it took to start."""
    clock_s = time.monotonic
    answered: list[float] = []

    def answers(host: str, port: int) -> None:
        try:
            readiness.dns_answers(host, port)
        except readiness.NotReadyError:
            answered.append(2 * ANSWERS_WITHIN_S)
            raise

    nsd = replace(servers.SERVERS[ServiceKind.DNS], answers=answers)
    monkeypatch.setitem(servers.SERVERS, ServiceKind.DNS, nsd)
    monkeypatch.setattr(serving, "READY_WITHIN_S", ANSWERS_WITHIN_S)
    monkeypatch.setattr(serving, "time", SimpleNamespace(monotonic=lambda: clock_s() + sum(answered)))
    (data / "kxbench.test.zone").write_text("nonsense\n")
    with (
        pytest.raises(TargetError, match=r"nsd does not answer within 60 s: no SOA record .*rcode") as caught,
        deployment.serve(Service(ServiceKind.DNS, data)),
    ):
        pytest.fail("it served")
    assert "kxbench.test" in caught.value.console
    assert deployment.place.pids() == []


@pytest.mark.parametrize(("kind", "port", "type_"), [("redis", 6379, 1), ("http", 80, 1), ("dns", 53, 2)])
def test_a_taken_port_is_said(deployment: Deployment, data: Path, kind: str, port: int, type_: int) -> None:
    with deployment.place.entered(), socket.socket(socket.AF_INET, type_) as taken:
        taken.bind(("0.0.0.0", port))
        if type_ == socket.SOCK_STREAM:
            taken.listen()
        with (
            pytest.raises(TargetError, match=f"cannot have port {port}: Address already in use"),
            deployment.serve(Service(ServiceKind(kind), data)),
        ):
            pytest.fail("it served")
    assert deployment.place.pids() == []


def test_one_after_the_other_in_one_deployment(lab: Lab, deployment: Deployment, data: Path) -> None:
    """Connections that were open when the first stopped do not keep the port."""
    for _ in range(3):
        with deployment.serve(Service(ServiceKind.HTTP, data)) as endpoint, lab.place.entered():
            client = socket.create_connection((endpoint.host, endpoint.port), timeout=ANSWERS_WITHIN_S)
            client.sendall(b"GET /page.html HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        client.close()


def test_all_three_at_once(deployment: Deployment, data: Path) -> None:
    with (
        deployment.serve(Service(ServiceKind.REDIS)),
        deployment.serve(Service(ServiceKind.HTTP, data)),
        deployment.serve(Service(ServiceKind.DNS, data)),
    ):
        console = deployment.console()
    assert "== redis-server ==" in console
    assert "== nsd ==" in console


@pytest.mark.parametrize("kind", [ServiceKind.HTTP, ServiceKind.DNS])
def test_data_that_are_not_there(deployment: Deployment, tmp_path: Path, kind: ServiceKind) -> None:
    for directory in (None, tmp_path / "nowhere"):
        with pytest.raises(TargetError, match="not there"), deployment.serve(Service(kind, directory)):
            pytest.fail("it served")


def test_what_it_cannot_do_is_unsupported(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        pytest.raises(UnsupportedError, match="cannot serve with 2 worker"),
        deployment.serve(Service(ServiceKind.REDIS, workers=2)),
    ):
        pytest.fail("it served")
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(servers, "SBIN", "")
    with (
        pytest.raises(UnsupportedError, match="redis-server is not installed") as caught,
        deployment.serve(Service(ServiceKind.REDIS)),
    ):
        pytest.fail("it served")
    assert "apt-get install redis-server" in caught.value.remedy


@pytest.mark.parametrize("answers", [readiness.redis_answers, readiness.http_answers, readiness.dns_answers])
@pytest.mark.parametrize("reply", [b"", b"\0", b"-LOADING\r\n", b"\xff" * 600, b"kx\x80\x02" + bytes(8)])
def test_a_hostile_answer_is_not_ready(lab: Lab, answers: object, reply: bytes) -> None:
    """`reply` from a server that is not what it should be."""
    import threading

    is_dns = answers is readiness.dns_answers
    with lab.place.entered():
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM if is_dns else socket.SOCK_STREAM)
        server.bind((lab.address, 0))

        def serve() -> None:
            if is_dns:
                server.sendto(reply, server.recvfrom(4096)[1])
                return
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)

        if not is_dns:
            server.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        with server:
            with pytest.raises((OSError, readiness.NotReadyError)):
                answers(lab.address, server.getsockname()[1])  # type: ignore[operator]
            thread.join()


def test_aliases_deploy_side_by_side(lab: Lab, tmp_path: Path) -> None:
    from targets import make_target

    first, second = make_target("process", lab), make_target("process@again", lab)
    with first.deploy(tmp_path / "a") as a, second.deploy(tmp_path / "b") as b:
        assert (a.target, b.target) == ("process", "process@again")
        assert a.place.netns != b.place.netns
        assert a.interface != b.interface
        with a.serve(Service(ServiceKind.REDIS)) as here, b.serve(Service(ServiceKind.REDIS)) as there:
            assert here.host != there.host
