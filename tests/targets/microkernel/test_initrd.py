"""The archive is what cpio and the kernel's own unpacker take, and the same bytes for the same files."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from targets.microkernel import initrd
from vocabulary import TargetError

CPIO = ["cpio"] if shutil.which("cpio") else ["busybox", "cpio"]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """Sizes around the padding to 4 bytes."""
    made = {"init": b"\x7fELF...", "www/a.html": b"<p>", "www/deep/er/b": b"", "zone": b"$TTL 1\n" * 500}
    for name, data in made.items():
        (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "source" / name).write_bytes(data)
    return {name: tmp_path / "source" / name for name in made}


def test_cpio_takes_it(tmp_path: Path, files: dict[str, Path]) -> None:
    size = initrd.write(tmp_path / "initrd", files)
    assert size == (tmp_path / "initrd").stat().st_size
    archive = (tmp_path / "initrd").read_bytes()
    told = subprocess.run([*CPIO, "-it"], input=archive, capture_output=True, check=True)
    assert told.stdout.decode().split() == [
        *("init", "www", "www/a.html", "www/deep", "www/deep/er", "www/deep/er/b", "zone")
    ]
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run([*CPIO, "-id"], input=archive, cwd=out, capture_output=True, check=True)
    for name, source in files.items():
        assert (out / name).read_bytes() == source.read_bytes(), name


def test_the_same_bytes_again(tmp_path: Path, files: dict[str, Path]) -> None:
    initrd.write(tmp_path / "one", files)
    for source in files.values():
        os.utime(source, (1, 1))
        source.chmod(0o600)
    initrd.write(tmp_path / "other", dict(reversed(files.items())))
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_data_keep_their_time(tmp_path: Path, files: dict[str, Path]) -> None:
    for source in files.values():
        os.utime(source, (1767225600.5, 1767225600.5))
    data = {name: source for name, source in files.items() if name.startswith("www/")}
    programs = {name: source for name, source in files.items() if name not in data}
    initrd.write(tmp_path / "initrd", programs, data)
    archive = (tmp_path / "initrd").read_bytes()
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run([*CPIO, "-idm"], input=archive, cwd=out, capture_output=True, check=True)
    assert (out / "www/a.html").stat().st_mtime == 1767225600
    assert (out / "zone").stat().st_mtime == 0


def test_below(tmp_path: Path, files: dict[str, Path]) -> None:
    found = initrd.below(tmp_path / "source" / "www", "www")
    assert found == {name: path for name, path in files.items() if name.startswith("www/")}


@pytest.mark.parametrize("name", ["", "/init", "a//b", "../init", "a/./b", "a\nb", "x" * 300])
def test_names_that_are_none(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TargetError, match="not a name"):
        initrd.write(tmp_path / "initrd", {name: tmp_path / "file"})


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"nothing: .*No such file"):
        initrd.write(tmp_path / "initrd", {"init": tmp_path / "nothing"})


def test_make_run_packs_programs_and_data(
    tmp_path: Path, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "tasks"
    programs.mkdir()
    (programs / "init.elf").write_bytes(files["init"].read_bytes())
    (programs / "other.d").touch()
    files.pop("init").unlink()
    monkeypatch.setattr("sys.argv", ["-c", str(tmp_path / "made"), str(programs), str(tmp_path / "source")])
    initrd.main()
    initrd.write(tmp_path / "same", {"init": programs / "init.elf"}, files)
    assert (tmp_path / "made").read_bytes() == (tmp_path / "same").read_bytes()


def test_make_run_says_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["-c", str(tmp_path / "no" / "made"), str(tmp_path)])
    with pytest.raises(SystemExit, match="cannot be written"):
        initrd.main()
