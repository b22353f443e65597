"""Places: what they are made of, what is in them, and that nothing stays."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from subprocess import PIPE

import pytest

from targets.lab import Lab, cgroups, is_dead, leftovers, lock
from targets.lab import lab as lab_module
from targets.lab.build import launcher
from targets.lab.namespaces import NETNS_DIRECTORY
from vocabulary import HostError

pytestmark = [pytest.mark.root, pytest.mark.usefixtures("lab")]  # which skips where no lab can be


def read(lab: Lab, name: str, *argv: str) -> str:
    with lab.site(name) as site, site.place.popen(argv, stdout=PIPE) as process:
        assert process.stdout
        return process.stdout.read().decode()


def host_interfaces() -> list[tuple[int, str]]:
    return socket.if_nameindex()


def queues() -> str:
    return Path("/proc/sysvipc/msg").read_text()


def test_namespaces_and_cgroups_come_and_go() -> None:
    before = host_interfaces()
    with Lab() as lab:
        with lab.site("a") as site:
            names = {path.name for path in NETNS_DIRECTORY.glob(f"kxb-{lab.run}-*")}
            assert names == {lab.place.netns, site.place.netns} == {f"kxb-{lab.run}-lab", f"kxb-{lab.run}-a"}
            assert site.place.cgroup.is_dir()
            assert site.place.cgroup.parent == lab.place.cgroup.parent
            assert site.place.cgroup.parent.name == f"kxb-{lab.run}"
            assert host_interfaces() == before
            assert Path(f"/run/kxbench/{lab.run}.lock").exists()
            groups = (site.place.cgroup, lab.place.cgroup, lab.place.cgroup.parent)
        assert not (NETNS_DIRECTORY / f"kxb-{lab.run}-a").exists()
    assert not list(NETNS_DIRECTORY.glob(f"kxb-{lab.run}-*"))
    assert not any(group.exists() for group in groups)
    assert not Path(f"/run/kxbench/{lab.run}.lock").exists()
    assert host_interfaces() == before
    assert [item for item in leftovers() if item.run == lab.run] == []


def test_an_exception_takes_the_places_down_too() -> None:
    with pytest.raises(ZeroDivisionError), Lab() as lab, lab.site("a") as site:
        process = site.place.popen(["sleep", "60"])
        raise ZeroDivisionError
    assert process.wait(timeout=60) == -signal.SIGKILL
    assert not list(NETNS_DIRECTORY.glob(f"kxb-{lab.run}-*"))
    assert not site.place.cgroup.parent.exists()


def test_a_step_that_fails_undoes_the_steps_before(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab_module, "IPC_LIMITS", None)  # the last thing a place needs
    with pytest.raises(AttributeError), lab.site("half"):
        pass
    assert not (NETNS_DIRECTORY / f"kxb-{lab.run}-half").exists()
    assert not (lab.place.cgroup.parent / "half").exists()


def test_the_same_run_twice_at_once_is_refused(lab: Lab) -> None:
    with pytest.raises(HostError, match=f"already going on in process {os.getpid()}"), Lab(lab.run):
        pass
    with lab.site("unharmed"):
        pass


def test_who_looks_at_a_run_is_not_taken_for_its_owner(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that starts at the instant of another suite's look waits for its end."""
    monkeypatch.setattr(lock, "LAST_BREATH_S", 60.0)
    run = lock.RunLock(f"looked-at-{os.getpid()}")
    looker = lock.RunLock(run.run)
    run.path.touch()
    try:
        assert looker.try_acquire(create=False)
        threading.Timer(0.2, looker.release, kwargs={"unlink": False}).start()
        run.acquire()
        assert run.path.read_text() == f"{os.getpid()}\n" and not is_dead(run.run)
    finally:
        run.release()
        run.path.unlink(missing_ok=True)


def test_a_late_guard_does_not_kill_the_run_that_came_after(lab: Lab) -> None:
    """A run that is killed and resumed has a group of the same name."""
    group = lab.place.cgroup.parent / "resumed"
    group.mkdir()
    try:
        with subprocess.Popen([launcher(), "--guard", "0", group], stdin=PIPE) as guard:
            deadline = time.monotonic() + 60
            while not any(name.endswith(f"resumed/{cgroups.KILL_FILE}") for name in files_of(guard.pid)):
                assert time.monotonic() < deadline
                time.sleep(0.005)
            group.rmdir()
            group.mkdir()
            with subprocess.Popen(["sleep", "60"]) as process:
                (group / "cgroup.procs").write_text(str(process.pid))
                guard.communicate(timeout=60)
                process.terminate()
                assert process.wait(60) == -signal.SIGTERM  # a SIGKILL before it would have come first
    finally:
        cgroups.remove(group)


def files_of(pid: int) -> list[str]:
    found = []
    for file in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(file.readlink()))
    return found


def test_sites_reach_the_lab_and_one_another(lab: Lab) -> None:
    with lab.site("a") as a, lab.site("b") as b:
        assert a.address != b.address
        with a.place.entered():
            listener = socket.create_server((a.address, 7))
        with listener:
            for client in (lab.place, b.place):
                with client.entered():
                    connection = socket.create_connection((a.address, 7), timeout=60)
                connection.close()
        with lab.place.entered():
            names = {name for _, name in socket.if_nameindex()}
        assert {a.interface, b.interface, lab.interface} <= names


def test_entered_moves_this_thread_only_and_back(lab: Lab) -> None:
    def here() -> str:
        return str(Path("/proc/thread-self/ns/net").readlink())

    home = here()
    seen_by_other: list[str] = []
    inside, looked = threading.Event(), threading.Event()

    def other() -> None:
        inside.wait(60)
        seen_by_other.append(here())
        looked.set()

    thread = threading.Thread(target=other)
    thread.start()
    with lab.site("a") as site, site.place.entered():
        assert here() != home
        assert {name for _, name in socket.if_nameindex()} >= {"lo", "eth0"}
        inside.set()
        assert looked.wait(60)
        with lab.place.entered():
            assert {name for _, name in socket.if_nameindex()} >= {lab.interface}
        assert "eth0" in {name for _, name in socket.if_nameindex()}
    thread.join()
    assert here() == home
    assert seen_by_other == [home]
    with pytest.raises(ZeroDivisionError), lab.place.entered():
        raise ZeroDivisionError
    assert here() == home


def test_programs_run_in_the_place(lab: Lab) -> None:
    assert read(lab, "a", "cat", "/proc/self/cgroup").splitlines()[-1].endswith(f"/kxb-{lab.run}/a")
    with lab.site("b") as site:
        with site.place.popen(["readlink", "/proc/self/ns/net"], stdout=PIPE) as process:
            assert process.stdout
            inode = int(process.stdout.read().split(b"[")[1].rstrip(b"]\n"))
        assert inode == (NETNS_DIRECTORY / site.place.netns).stat().st_ino
        assert site.place.cgroup_id == site.place.cgroup.stat().st_ino
        assert site.place.pids() == []
        sleep = site.place.popen(["sleep", "60"])
        assert site.place.pids() == [sleep.pid]
    assert sleep.wait(timeout=60) == -signal.SIGKILL


def test_popen_honours_its_options(lab: Lab, tmp_path: Path) -> None:
    script = (
        "import os; print(os.environ['WORD'], 'PATH' in os.environ, os.getcwd(), os.sched_getaffinity(0))"
    )
    with lab.place.popen(
        [sys.executable, "-c", script], env={"WORD": "hello"}, cwd=tmp_path, cpus=(0,), stdout=PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.read().decode().strip() == f"hello True {tmp_path} {{0}}"


def test_popen_says_why_not(lab: Lab) -> None:
    with pytest.raises(HostError, match="cannot run no-such-program: No such file") as caught:
        lab.place.popen(["no-such-program", "-x"])
    assert caught.value.where == "no-such-program -x"
    with pytest.raises(HostError, match="cannot run on processors 1000"):
        lab.place.popen(["true"], cpus=[1000])
    with pytest.raises(HostError, match="No such file"):
        lab.place.popen(["true"], cwd=Path("/nowhere"))


def test_a_program_outlives_the_thread_that_asked_for_it(lab: Lab) -> None:
    """The parent-death signal is that of the forking thread."""
    started: list[subprocess.Popen[bytes]] = []
    thread = threading.Thread(target=lambda: started.append(lab.place.popen(["sleep", "60"])))
    thread.start()
    thread.join()
    with started[0] as process:
        time.sleep(0.05)
        assert process.poll() is None
        process.kill()


def test_ipc_objects_are_shared_in_a_place_and_die_with_it(lab: Lab) -> None:
    before = queues()
    with lab.site("a") as site:
        assert site.place.popen(["ipcmk", "-Q"], stdout=subprocess.DEVNULL).wait() == 0
        with site.place.popen(["ipcs", "-q"], stdout=PIPE) as process:
            assert process.stdout
            assert b"0x" in process.stdout.read().split(b"messages", 1)[1]
        assert queues() == before  # not among the host's
    assert b"0x" not in read(lab, "a", "ipcs", "-q").encode().split(b"messages", 1)[1]
    assert queues() == before


def test_messages_of_64_kib_fit(lab: Lab) -> None:
    sizes = read(lab, "a", "cat", "/proc/sys/kernel/msgmax", "/proc/sys/fs/mqueue/msgsize_max").split()
    assert [int(size) >= 65536 for size in sizes] == [True, True]


def test_killing_where_the_kernel_cannot_kill_a_cgroup(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "KILL_FILE", "cgroup.before-5.14")
    with lab.site("a") as site:
        with site.place.popen(["sh", "-c", "sleep 60 & sleep 60 & echo started; wait"], stdout=PIPE) as shell:
            assert shell.stdout
            shell.stdout.readline()
            assert len(site.place.pids()) == 3
            cgroups.kill(site.place.cgroup)
            assert site.place.pids() == []
        assert shell.returncode == -signal.SIGKILL


def test_a_cgroup_tree_is_mounted_where_there_is_none() -> None:
    """In a mount namespace of its own."""
    script = (
        "from targets.lab import cgroups\n"
        "assert cgroups.mounted() is None\n"
        "tree = cgroups.tree()\n"
        "assert tree == cgroups.mounted() == cgroups.tree(), tree\n"
        "group = tree / 'kxb-mounted-TEST'\n"
        "cgroups.make(group); cgroups.remove(group); assert not group.exists()\n"
        "print(tree)\n"
    )
    here = cgroups.tree()
    hide = f'umount -l {here} && exec {sys.executable} -c "$0"'
    done = subprocess.run(
        ["unshare", "-m", "--propagation", "private", "sh", "-c", hide, script],
        capture_output=True,
        text=True,
        check=False,
    )
    with contextlib.suppress(OSError):  # in use, on a machine that mounts it there
        cgroups.OWN_MOUNT.rmdir()
    assert done.returncode == 0, done.stderr
    assert done.stdout == "/run/kxbench/cgroup2\n"
    assert cgroups.tree() == here


def test_missing_is_said_to_who_is_not_root(tmp_path: Path) -> None:
    script = (  # imports first: nobody may read a checkout under /root
        "import os\n"
        "from targets.lab import Lab, leftovers, missing\n"
        "from vocabulary import HostError\n"
        "os.setresuid(65534, 65534, 65534)\n"
        "print(missing())\n"
        "try: leftovers()\n"
        "except HostError as error: print(error)\n"
        "try:\n    Lab().__enter__()\n"
        "except HostError as error: print(error.exit_code, error.remedy)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert "root" in said[0]
    assert said[1] == "only root can tell what dead runs left"
    assert said[2] == "4 run as root (sudo)"
