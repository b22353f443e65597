"""Programs that cannot start in a family: what is said, with which exit code."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from targets.kylinx import abi, building, host
from targets.kylinx.image import ImageReader, Request, build_image, cached_image, damaged
from targets.kylinx.toolstack import families
from targets.kylinx.toolstack.control import Program
from targets.kylinx.toolstack.monitor import FamilyOptions, Monitor, Share, start_monitor
from targets.kylinx.toolstack.programs import ENVIRONMENT, find_in_image, run_program
from targets.kylinx.toolstack.starting import check_start
from vocabulary.errors import KxbenchError, TargetError, UsageError

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Made:
    """An image, and the folder of this host that is in it."""

    image: Path
    folder: Path

    def options(self, *shares: Share) -> FamilyOptions:
        return FamilyOptions(self.image, shares=shares)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("added")
    (folder / "plain").write_text("#!/bin/sh\n")
    (folder / "lost").write_text("#!/no/such/interpreter\n")
    (folder / "lost").chmod(0o755)
    (folder / "to-run").symlink_to("/var/run")
    (folder / "to-self").symlink_to("/proc/self")
    (folder / "circle").symlink_to("circle")
    out = tmp_path_factory.mktemp("starting") / "starting.kximage"
    return Made(build_image(Request(("bash",), (folder,)), out).path, folder)


def _spoilt(made: Made, where: Path, change: Callable[[ImageReader, bytearray], None]) -> Path:
    """A copy of the image, changed."""
    data = bytearray(made.image.read_bytes())
    change(ImageReader(made.image), data)
    where.write_bytes(data)
    return where


def _without_names(image: ImageReader, data: bytearray) -> None:
    at, length = image.header.string_off, image.header.string_bytes
    data[at : at + length] = bytes(length)


# ---- seen in the image


@pytest.mark.parametrize(
    ("program", "cwd", "said"),
    [
        ("/usr/bin/true", "relative", "not an absolute path"),
        ("/usr/bin/true", "/no/such", "no such directory in the guest"),
        ("/usr/bin/true", "/etc/passwd", "not a directory"),
        ("/usr/bin/true", "/etc/passwd/x", "no such directory"),
        ("/usr/bin/true", "ADDED/circle", "no such directory"),
        ("/no/such", "/", "has no program /no/such"),
        ("./no-such", "/usr/bin", "has no program"),
        ("/usr", "/", "is a directory"),
        ("ADDED/plain", "/", "not executable"),
    ],
)
def test_what_the_image_lacks_is_named(made: Made, program: str, cwd: str, said: str) -> None:
    program, cwd = (text.replace("ADDED", str(made.folder)) for text in (program, cwd))
    with pytest.raises(UsageError, match=said) as caught:
        check_start(made.options(), program, cwd)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("program", "cwd"),
    [
        ("/usr/bin/true", "/"),
        ("", "/"),
        ("./true", "/usr/bin"),
        ("../bin/true", "/usr/sbin"),
        ("/bin/sh", "/var/run"),  # links
        ("/bin/sh", "ADDED/to-run/.."),
        ("/bin/sh", "/proc/self"),  # the LibOS makes what is there
        ("/bin/sh", "ADDED/to-self/fd"),
        ("/shared/any", "/shared/where"),  # of the host
    ],
)
def test_what_is_there_or_cannot_be_known_passes(made: Made, program: str, cwd: str) -> None:
    program, cwd = (text.replace("ADDED", str(made.folder)) for text in (program, cwd))
    check_start(made.options(Share(made.folder, "/shared/")), program, cwd)


def test_a_share_has_no_place_on_a_file(made: Made) -> None:
    with pytest.raises(UsageError, match="is a file"):
        check_start(made.options(Share(made.folder, "/etc/passwd")), "", "/")


def test_a_damaged_image_is_told_from_a_missing_program(made: Made, tmp_path: Path) -> None:
    bad = _spoilt(made, tmp_path / "bad.kximage", _without_names)
    assert damaged(bad) and not damaged(made.image)
    with pytest.raises(TargetError, match="damaged"):
        check_start(FamilyOptions(bad), "/usr/bin/true", "/")
    with pytest.raises(TargetError, match="damaged"):
        find_in_image(bad, "true")


def test_a_file_made_executable_is_taken_in_anew(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    found = cached_image(Request((str(script),)))
    with pytest.raises(UsageError, match="not executable"):
        check_start(FamilyOptions(found.path), str(script), "/")
    script.chmod(0o755)
    check_start(FamilyOptions(cached_image(Request((str(script),))).path), str(script), "/")


# ---- as a person meets it


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench", "pvm", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TERM": "dumb"},
        timeout=60,
    )


@pytest.fixture(scope="module")
def built() -> None:
    if why := host.missing():
        pytest.skip(why)
    building.build()


@pytest.mark.root
@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--cwd", "/no/such", "true"], "--cwd /no/such"),
        (["no-such-program"], "no-such-program"),
        ([""], "empty"),
        (["/"], "a directory"),
        (["ADDED/plain"], "not executable"),
        (["ADDED/lost"], "/no/such/interpreter"),
        (["/etc/passwd"], "neither an ELF program nor a script"),
        (["--memory", "15M", "true"], "at least 16M"),
        (["--memory", "much", "true"], "not a size"),
        (["--pvms", "0", "true"], "--pvms 0"),
        (["--pvms", "5000", "true"], "--pvms 5000"),
        (["--cpus", "0", "true"], "--cpus 0"),
        (["--share", "/no/such", "true"], "no such directory"),
        (["--share", "/etc/passwd", "true"], "not a directory"),
        (["--share", "", "true"], "not a directory to share"),
        (["--share", "/usr:/", "true"], "no place for it"),
        ([word for at in "123456789" for word in ("--share", f"/usr:/{at}")] + ["true"], "8 at most"),
        (["--image", "/no/such", "true"], "no such image"),
        (["--image", "/usr", "true"], "a directory, not an image"),
        (["--image", "/etc/passwd", "true"], "not an image"),
        (["--image", "CUT", "true"], "cut off"),
        (["--image", "SPOILT", "true"], "damaged"),
        (["--image", "IMAGE", "/usr/bin/no-such"], "has no program"),
        (["--env", "X", "true"], "NAME=VALUE"),
        (["--hostname", "x" * 65, "true"], "--hostname"),
        (["--add", "/no/such", "true"], "to add"),
    ],
)
def test_errors_are_two_lines_with_a_remedy(made: Made, tmp_path: Path, words: list[str], said: str) -> None:
    cut = tmp_path / "cut.kximage"
    shutil.copyfile(made.image, cut)
    os.truncate(cut, 65536)
    spoilt = _spoilt(made, tmp_path / "spoilt.kximage", _without_names)
    names = {"ADDED": made.folder, "IMAGE": made.image, "CUT": cut, "SPOILT": spoilt}
    for name, path in names.items():
        words = [word.replace(name, str(path)) for word in words]
    done = _run("run", *words)
    assert done.returncode == 125, done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and lines[0].startswith("kxbench: ") and lines[1].startswith("  remedy: ")
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.root
@pytest.mark.parametrize("words", [["--bogus", "true"], ["--pvms", "x", "true"], []])
def test_options_that_are_none_are_not_the_programs_status(words: list[str]) -> None:
    assert _run("run", *words).returncode == 125
    assert _run("create", *words).returncode == 2


@pytest.mark.root
@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    "options", [{"memory_bytes": (16 << 20) - 1}, {"pvms": abi.KX_MAX_SLOTS - 63}, {"cpus": 1025}]
)
def test_the_monitor_has_the_limits_that_are_told(made: Made, options: dict[str, int]) -> None:
    with pytest.raises(TargetError, match="give a number"):
        start_monitor(f"test-{os.getpid()}", FamilyOptions(made.image, **options))  # type: ignore[arg-type]
    most = {name: value + (1 if name == "memory_bytes" else -1) for name, value in options.items()}
    start_monitor(f"test-{os.getpid()}", FamilyOptions(made.image, **most)).end()  # type: ignore[arg-type]


# ---- known to the LibOS alone


@pytest.fixture
def monitor(made: Made, built: None) -> Iterator[Monitor]:
    del built
    with start_monitor(f"test-{os.getpid()}", made.options()) as started:
        yield started


@pytest.mark.root
@pytest.mark.parametrize(
    ("path", "cwd", "said"),
    [
        ("/no/such", "/", "is not there"),
        ("/usr/bin/true", "/no/such", "working directory /no/such"),
        ("/usr", "/", "a directory, or may not be executed"),
        ("/etc/passwd", "/", "may not be executed"),
        ("/usr/bin/true", "/etc/passwd", "is a file"),
    ],
)
def test_why_a_program_was_not_started(monitor: Monitor, path: str, cwd: str, said: str) -> None:
    with pytest.raises(KxbenchError, match=said) as caught:
        run_program(monitor.control, Program(path, (path,), ENVIRONMENT, cwd))
    assert path in str(caught.value) and caught.value.remedy


@pytest.mark.root
@pytest.mark.parametrize("code", [126, 127])
def test_a_program_may_end_as_one_that_is_not_started(monitor: Monitor, code: int) -> None:
    program = Program("/bin/sh", ("sh", "-c", f"exit {code}"), ENVIRONMENT)
    assert run_program(monitor.control, program).exit_code == code


@pytest.mark.root
@pytest.mark.usefixtures("built")
def test_a_family_that_does_not_come_up_says_why_and_what_to_do(made: Made, tmp_path: Path) -> None:
    broken = tmp_path / "broken.kximage"
    broken.write_bytes(b"KXIMAGE1" + bytes(100))
    name = f"test-{os.getpid()}"
    for options, what, remedy in (
        (FamilyOptions(broken), "image", "kxbench doctor"),
        (FamilyOptions(made.image, memory_bytes=1), "give a number", ""),
    ):
        with pytest.raises(TargetError, match=what) as caught:
            families.create(families.Wanted(name, options))
        assert "\n" not in str(caught.value)
        assert remedy in caught.value.remedy and bool(remedy) is bool(caught.value.remedy)
        assert not families.Family(name).folder.exists()


@pytest.mark.root
@pytest.mark.usefixtures("built")
def test_a_fault_in_a_damaged_image_says_that_it_is(made: Made, tmp_path: Path) -> None:
    def spoil(image: ImageReader, data: bytearray) -> None:
        libc = next(e for e in image.entries() if e.is_file and e.path.endswith("/libc.so.6"))
        patched = image.exec_of(libc)
        assert patched is not None
        data[patched.patched : patched.patched + patched.text_bytes] = b"\x0f\x0b" * (patched.text_bytes // 2)

    bad = _spoilt(made, tmp_path / "bad.kximage", spoil)
    done = _run("run", "--image", str(bad), "true")
    assert done.returncode > 128
    assert "fault:" in done.stderr and "the image is damaged" in done.stderr
