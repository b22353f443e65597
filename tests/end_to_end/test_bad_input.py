"""Bad input and a poor host: a clear error, the documented exit code, nothing lost."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.end_to_end.suite import KXBENCH, Suite

# reads everything, that is: a checkout under /root is closed to others
NOBODY_WHO_READS = [
    *("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"),
    *("--inh-caps", "-all,+dac_read_search", "--ambient-caps", "+dac_read_search"),
]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["run", "nosuch"], 2, "no plan named 'nosuch'"),
        (["run", "smoke", "--target", "xen"], 2, "xen"),
        (["run", "smoke", "--only", "forks"], 2, "did you mean fork"),
        (["run", "smoke", "--blocks", "0"], 2, "--blocks"),
        (["run", "--bogus"], 2, "--bogus"),
        (["show", "nosuch"], 2, "holds no run"),
        (["resume", "nosuch"], 2, "holds no run"),
        (["compare", "nosuch", "other"], 2, "holds no run"),
        (["export", "nosuch"], 2, "holds no run"),
        (["report", "nosuch"], 2, "holds no run"),
        (["list", "nosuch"], 2, "nosuch"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_wrong_usage_is_named(suite: Suite, arguments: list[str], code: int, named: str) -> None:
    done = suite(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert named in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stderr


def test_an_unknown_export_format_is_refused(suite: Suite) -> None:
    suite("run", str(suite.plan('kind = "null"\nparams = { budget_ms = 10 }')))
    done = suite("export", "latest", "--format", "xml")
    assert done.returncode == 2
    assert "xml" in done.stderr


def test_a_malformed_plan_names_file_and_key(suite: Suite) -> None:
    done = suite("run", str(suite.plan('kind = "fork"\nparams = { dirty_mib = -4 }')))
    assert done.returncode == 2
    assert "plan.toml" in done.stderr
    assert "dirty_mib" in done.stderr


def test_a_corrupt_store_is_refused_and_kept(suite: Suite) -> None:
    suite.store.write_bytes(b"not a database, but somebody's bytes" * 100)
    before = suite.store.read_bytes()
    for arguments in (["list", "runs"], ["run", str(suite.plan('kind = "null"'))]):
        done = suite(*arguments)
        assert done.returncode == 6, done.stdout + done.stderr
        assert "store.sqlite" in done.stderr
    assert suite.store.read_bytes() == before


def test_an_unwritable_place_for_the_store_is_refused(suite: Suite) -> None:
    done = suite("run", str(suite.plan('kind = "null"')), KXBENCH_STORE="/proc/nosuch/store.sqlite")
    assert done.returncode == 6, done.stdout + done.stderr
    assert "/proc/nosuch" in done.stderr


def test_not_root_is_told_so(suite: Suite) -> None:
    done = subprocess.run(
        [*NOBODY_WHO_READS, KXBENCH, "run", "smoke"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "root" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["doctor"], 4, "nothing can be measured without: root"),
        (["clean"], 4, "needs root"),
        (["resume"], 4, "needs root"),
        (["test"], 4, "with sudo"),
        (["list"], 0, ""),
        (["pvm", "run", "true"], 125, "root"),
        (["pvm", "create", "true"], 4, "root"),
        (["pvm", "stats", "nosuch"], 2, "nosuch"),
        (["image", "build", "true"], 4, "root"),
    ],
)
def test_somebody_else_than_root_is_told_what_to_do(
    suite: Suite, arguments: list[str], code: int, named: str
) -> None:
    """Where the families' folder is there, it is root's alone, and even that there is no such family is."""
    if arguments[:2] == ["pvm", "stats"] and Path("/run/kxbench/pvm").is_dir():
        code, named = 4, "root's"
    done = subprocess.run(
        [*NOBODY_WHO_READS, KXBENCH, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=suite.environment(),
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert "Errno" not in done.stdout + done.stderr


def test_somebody_else_than_root_can_look_at_runs(suite: Suite) -> None:
    assert suite("run", str(suite.plan('kind = "null"\nparams = { budget_ms = 10 }'))).returncode == 0
    for arguments in (["list", "runs"], ["show"], ["show", "--cells"]):
        done = subprocess.run(
            [*NOBODY_WHO_READS, KXBENCH, *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            env=suite.environment(),
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "null" in done.stdout or "test" in done.stdout


def test_without_bcc_the_probed_cells_are_unsupported_and_the_rest_runs(suite: Suite) -> None:
    shadow = suite.folder / "shadow" / "bcc"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError('no bcc here')\n")
    plan = suite.plan('kind = "fork"\nparams = { dirty_mib = 1 }\nprobes = ["fork"]')
    done = suite("run", str(plan), PYTHONPATH=str(shadow.parent))
    assert done.returncode == 0, done.stderr
    cells = suite.json("show", "latest", "--cells")
    outcomes = {bool(c["probes"]): c["outcome"] for c in cells}
    assert outcomes[True] == "unsupported"
    assert outcomes[False] in ("ok", "noisy")
    assert any("python3-bpfcc" in c["reason"] for c in cells)


def test_a_full_disk_keeps_what_was_measured(suite: Suite) -> None:
    small = suite.folder / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", small], check=True)
    try:
        store = str(small / "store.sqlite")
        plan = str(suite.plan('kind = "null"\nparams = { budget_ms = 20 }', blocks=30))
        assert suite("run", plan, "--blocks", "2", KXBENCH_STORE=store).returncode == 0
        before = suite("show", "latest", "--cells", "--json", KXBENCH_STORE=store).stdout
        filler = small / "filler"
        with filler.open("wb") as file:
            free = os.statvfs(small).f_bavail * os.statvfs(small).f_frsize
            file.write(b"x" * max(free - 80_000, 0))
        done = suite("run", plan, "--blocks", "30", KXBENCH_STORE=store)
        assert done.returncode == 6, done.stdout + done.stderr
        assert "space" in done.stderr
        filler.unlink()
        runs = suite("list", "runs", "--json", KXBENCH_STORE=store)
        assert runs.returncode == 0, runs.stderr
        first = sorted(line for line in runs.stdout.splitlines() if '"run"' in line)[0].split('"')[3]
        assert suite("show", first, "--cells", "--json", KXBENCH_STORE=store).stdout == before
    finally:
        subprocess.run(["umount", small], check=True)


def test_help_teaches_every_command() -> None:
    done = subprocess.run([KXBENCH, "--help"], capture_output=True, text=True, timeout=120, check=True)
    commands = (
        "setup",
        "doctor",
        "list",
        "run",
        "resume",
        "show",
        "compare",
        "report",
        "export",
        "clean",
        "test",
    )
    assert not [command for command in commands if command not in done.stdout]
    for command in commands:
        if command == "setup":
            continue
        helped = subprocess.run(
            [KXBENCH, command, "--help"], capture_output=True, text=True, timeout=120, check=False
        )
        assert helped.returncode == 0
        assert len(helped.stdout) > 200
        assert Path(KXBENCH).name in helped.stdout
