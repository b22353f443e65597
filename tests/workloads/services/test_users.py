"""Locust's processes: bounded, told when one dies, and their statistics read with suspicion."""

import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from targets.lab import Lab
from vocabulary import Deployment, Service, ServiceKind, TargetError
from workloads.users.distributed import read_stats, run
from workloads.users.settings import VARIABLE, Settings, from_environment

HEAD = "Type,Name,Request Count,Failure Count,Median Response Time,Requests/s,Failures/s\n"


@pytest.mark.root
def test_killed_worker_is_told(deployment: Deployment, lab: Lab, tmp_path: Path) -> None:
    before = set(lab.place.pids())

    def kill_one() -> None:
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            for pid in set(lab.place.pids()) - before:
                with suppress(OSError):  # it has ended by now
                    if b"--worker" in Path(f"/proc/{pid}/cmdline").read_bytes():
                        os.kill(pid, signal.SIGKILL)
                        return
            time.sleep(0.02)

    with deployment.serve(Service(ServiceKind.REDIS)) as endpoint:
        killer = threading.Thread(target=kill_one)
        killer.start()
        with pytest.raises(TargetError, match="locust: worker0 died"):
            run(
                lab.place,
                Settings(1, 10, redis=f"{endpoint.host}:{endpoint.port}"),
                {"RedisUser": 1},
                workers=1,
                spawn_per_s=10,
                duration_s=60,
                cpus=(),
                scratch=tmp_path / "locust",
            )
        killer.join()
    assert set(lab.place.pids()) <= before


def test_statistics_are_added_up_by_service(tmp_path: Path) -> None:
    path = tmp_path / "stats.csv"
    path.write_text(
        HEAD + "GET,http:small,30,1,2,10.0,0\nGET,http:big,10,0,2,2.5,0\ndns,dns:known,5,0,1,1.0,0\n"
        ",Aggregated,45,1,2,13.5,0\n"
    )
    counted = read_stats(path, tmp_path)
    assert set(counted) == {"http", "dns"}
    assert (counted["http"].requests, counted["http"].failures, counted["http"].rate_per_s) == (40, 1, 12.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEAD,
        HEAD + ",Aggregated,0,0,0,0,0\n",
        HEAD + "GET,http:small\n",
        HEAD + "GET,http:small,x,0,2,1,0\n",
        HEAD + "GET,http:small,10,0,2,fast,0\n",
        HEAD + "GET,http:small,10,0,2,nan,0\n",
        HEAD + "GET,http:small,10,0,2,-1,0\n",
        HEAD + "GET,http:small,-10,0,2,1,0\n",
        HEAD + "GET,http:small,10,11,2,1,0\n",
        HEAD.replace("Name", "Names") + "GET,http:small,10,0,2,1,0\n",
        "\x00\xff",
    ],
)
def test_hostile_statistics(tmp_path: Path, text: str) -> None:
    path = tmp_path / "stats.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(TargetError, match=r"locust: (its statistics cannot be read|no request was made)"):
        read_stats(path, tmp_path)


def test_no_statistics(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="cannot be read"):
        read_stats(tmp_path / "absent.csv", tmp_path)


def test_settings_survive_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(3, 1.5, redis="10.0.0.1:6379", keys=7)
    monkeypatch.setenv(VARIABLE, settings.dump())
    assert from_environment() == settings
