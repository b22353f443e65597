"""Set-up: the package list is read as written, nothing to do is quick and says so, errors name a remedy."""

import os
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import bootstrap

ROOT = Path(__file__).resolve().parents[2]


def kxbench(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "kxbench", *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, **env},
        check=False,
    )


def test_the_list_is_read_with_alternatives_and_wishes() -> None:
    text = "# note\na\n\n? b | c # why\nlinux-headers-@ARCH | d\n[test]\ne\n"
    run = [(True, ["a"]), (False, ["b", "c"]), (True, ["linux-headers-amd64", "d"])]
    assert bootstrap.wanted_packages(text, "amd64", tests=False) == run
    assert bootstrap.wanted_packages(text, "amd64", tests=True) == [*run, (True, ["e"])]


def test_every_listed_package_is_known_or_optional() -> None:
    wanted = bootstrap.wanted_packages(bootstrap.PACKAGES.read_text(), "amd64", tests=True)
    assert "python3-bpfcc" in [names[0] for _, names in wanted]
    present = bootstrap.installed_packages([name for _, names in wanted for name in names])
    assert not [names for required, names in wanted if required and present.isdisjoint(names)]


def test_the_unrelated_bcc_is_in_neither_list() -> None:
    for name in ("requirements.in", "requirements.lock"):
        lines = (ROOT / name).read_text().splitlines()
        assert not [line for line in lines if line.split("==")[0].strip() == "bcc"]


def test_the_lock_pins_every_package_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in pin for pin in pins)
    assert lock.count("--hash=sha256:") >= len(pins)
    assert "http" not in "".join(line for line in lock.splitlines() if "index" in line or "://" in line)


def test_setup_with_nothing_to_do_says_so() -> None:
    done = kxbench("setup")
    assert done.returncode == 0
    assert "nothing to do" in done.stderr


def test_setup_refuses_what_it_does_not_know() -> None:
    done = kxbench("setup", "--froce")
    assert done.returncode == bootstrap.EXIT_USAGE
    assert "--froce" in done.stderr


def test_a_missing_package_is_named_and_not_installed_without_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(bootstrap.SetupError, match="no-such-package") as caught:
        bootstrap.install_packages([(True, ["no-such-package"])])
    assert "root" in caught.value.remedy


def test_a_package_no_list_knows_is_an_error_unless_optional() -> None:
    assert bootstrap.choose([(False, ["no-such-package-1"])]) == ([], ["no-such-package-1"])
    with pytest.raises(bootstrap.SetupError, match="no-such-package-1 or no-such-package-2"):
        bootstrap.choose([(True, ["no-such-package-1", "no-such-package-2"])])


def test_servers_are_not_started_while_they_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(bootstrap, "POLICY", policy)
    with bootstrap.servers_stay_stopped():
        assert subprocess.run([policy], check=False).returncode == 101
    assert not policy.exists()
    policy.write_text("#!/bin/sh\nexit 0\n")
    with bootstrap.servers_stay_stopped():
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.exists()


def test_servers_that_install_are_not_left_to_start_at_boot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    units, asked = tmp_path / "multi-user.target.wants", tmp_path / "asked"
    units.mkdir()
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{asked}\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setattr(bootstrap, "UNITS", tmp_path)
    monkeypatch.setattr(bootstrap, "POLICY", tmp_path / "policy-rc.d")
    (units / "nginx.service").touch()  # the machine's own: it had it before
    with bootstrap.servers_stay_stopped():
        for name in ("nsd", "redis-server", "cron"):
            (units / f"{name}.service").touch()
    assert asked.read_text() == "disable nsd redis-server\n"
    with bootstrap.servers_stay_stopped():
        pass
    assert asked.read_text() == "disable nsd redis-server\n"


def test_an_environment_of_another_lock_is_not_current(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stamp, lock = tmp_path / "stamp", tmp_path / "lock"
    lock.write_text("a==1\n")
    monkeypatch.setattr(bootstrap, "STAMP", stamp)
    monkeypatch.setattr(bootstrap, "LOCK", lock)
    assert not bootstrap.environment_is_current()
    bootstrap.write_stamp(["perf"])
    assert bootstrap.environment_is_current()
    lock.write_text("a==2\n")
    assert not bootstrap.environment_is_current()


# its step is at work until there is a file "go", a minute at most
SETS_UP = """
import sys, pathlib
from bench import bootstrap
bootstrap.ROOT = root = pathlib.Path(sys.argv[1])
step = 'touch "$0/at work"; for i in $(seq 600); do [ -e "$0/go" ] && exit; sleep 0.1; done'
with bootstrap.alone():
    (root / "busy").mkdir()
    bootstrap.run_step(["sh", "-c", step, str(root)], "")
    (root / "busy").rmdir()
"""


@contextmanager
def setting_up(root: Path) -> Iterator["subprocess.Popen[str]"]:
    command = ["/usr/bin/python3", "-c", SETS_UP, str(root)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            (root / "go").touch()


def await_work(root: Path) -> None:
    deadline = time.monotonic() + 50
    while not (root / "at work").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def first_words(process: "subprocess.Popen[str]") -> str:
    assert process.stderr
    return process.stderr.readline()


def test_two_set_ups_take_turns(tmp_path: Path) -> None:
    with setting_up(tmp_path) as first, setting_up(tmp_path) as second:
        await_work(tmp_path)
        assert first.stderr and second.stderr
        said = select.select([first.stderr, second.stderr], [], [], 50)[0]
        waits, works = (first, second) if first.stderr in said else (second, first)
        assert "another set-up of this tree is going on" in first_words(waits)
        (tmp_path / "go").touch()
        told = [process.communicate(timeout=50)[1] for process in (waits, works)]
    assert [first.returncode, second.returncode] == [0, 0], told
    assert told == ["", ""]


def test_a_tree_that_cannot_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "build").touch()
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    with (
        pytest.raises(bootstrap.SetupError, match="cannot be set up by this user") as told,
        bootstrap.alone(),
    ):
        pass
    assert "sudo" in told.value.remedy


def test_what_a_killed_set_up_left_at_work_keeps_others_out(tmp_path: Path) -> None:
    with setting_up(tmp_path) as killed:
        await_work(tmp_path)
        killed.kill()
        killed.wait()
        (tmp_path / "busy").rmdir()
        with setting_up(tmp_path) as again:
            assert "going on" in first_words(again)
            (tmp_path / "go").touch()
            told = again.communicate(timeout=50)[1]
        assert again.returncode == 0, told
