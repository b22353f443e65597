"""The LibOS's files in a hosted process: as expected, as the host's tmpfs answers, on damaged images."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from targets.kylinx.image import Request, build_image
from targets.kylinx.image.tree import Tree
from targets.kylinx.image.writer import write_image
from tests.targets.kylinx.conftest import Hosted, run_hosted

SHARED_MEMORY = Path("/dev") / "shm"
SEEDS = (1, 2, 3, 4)

CONTENTS: Mapping[str, bytes] = {
    "small": b"small\n",
    "empty": b"",
    "odd": bytes(range(256)) * 23,
    "large": bytes(k * k % 251 for k in range(300_000)),
    "cut": b"c" * 6000,
    "sub/gone": b"gone",
    "sub/deep/er": b"deep",
} | {f"many/f{k}": b"%d" % k for k in range(60)}


def write_sample(path: Path) -> None:
    """An image with the files above in /data."""
    tree = Tree()
    for name, data in CONTENTS.items():
        tree.put(f"/data/{name}", data)
    write_image(tree, {}, path)


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("image") / "sample.kximage"
    write_sample(path)
    return path


def test_calls(hosted: Hosted) -> None:
    run_hosted(hosted("fs_basic", True))


@pytest.fixture
def memory_directory() -> Iterator[Path]:
    """A directory of a tmpfs, since that is the file system whose answers are expected."""
    if os.geteuid() != 0:
        pytest.skip("the comparison changes its root directory: run as root")
    if f" {SHARED_MEMORY} tmpfs " not in Path("/proc/mounts").read_text():
        pytest.skip(f"{SHARED_MEMORY} is not a tmpfs")
    path = Path(tempfile.mkdtemp(dir=SHARED_MEMORY))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.mark.parametrize("seed", SEEDS)
def test_against_the_host(hosted: Hosted, memory_directory: Path, seed: int) -> None:
    program = hosted("fs_against_host", True)
    run_hosted(program, KX_HOST_DIR=memory_directory, KX_SEED=seed, KX_STEPS=10_000)


def test_many_at_once(hosted: Hosted) -> None:
    run_hosted(hosted("fs_parallel", True))


def test_damaged_images(hosted: Hosted, sample: Path) -> None:
    run_hosted(hosted("fs_image_fuzz", True), KX_SAMPLE=sample, KX_STEPS=1000)


def test_damaged_image_of_a_program(hosted: Hosted, tmp_path: Path) -> None:
    image = build_image(Request(("true",)), tmp_path / "true.kximage")
    run_hosted(hosted("fs_image_fuzz", True), KX_SAMPLE=image.path, KX_STEPS=200)


def checksum(data: bytes) -> int:
    value = 14695981039346656037  # FNV-1a
    for byte in data:
        value = (value ^ byte) * 1099511628211 % 2**64
    return value


def lines_of(root: Path) -> set[str]:
    lines = set()
    for path in (root, *root.rglob("*")):
        name = f"/data/{path.relative_to(root)}".removesuffix("/.")
        info = path.lstat()
        if stat.S_ISREG(info.st_mode):
            lines.add(f"{name} {info.st_mode:o} {info.st_size} {checksum(path.read_bytes()):016x}")
        elif stat.S_ISLNK(info.st_mode):
            lines.add(f"{name} {info.st_mode:o} {info.st_size} {path.readlink()}")
        else:
            lines.add(f"{name} {info.st_mode:o}")
    return lines


def change(root: Path) -> None:
    """What hosted/fs_image.c does."""
    with (root / "small").open("ab") as file:
        file.write(b"more")
    with (root / "odd").open("r+b") as file:
        file.seek(5000)
        file.write(b"XY")
    (root / "new").write_bytes(b"new")
    (root / "new").chmod(0o640)
    with (root / "empty").open("r+b") as file:
        file.seek(10000)
        file.write(b"no longer")
    (root / "sub/gone").write_bytes(b"t")
    os.truncate(root / "cut", 100)
    os.truncate(root / "cut", 9000)
    (root / "many/f7").unlink()
    (root / "many/f8").replace(root / "many/f9")
    (root / "sub").rename(root / "moved")
    (root / "moved/deep").rename(root / "deep")
    (root / "many/dir").mkdir()
    (root / "many/dir").chmod(0o711)
    (root / "link2").symlink_to("small")
    (root / "small").chmod(0o600)
    (root / "odd2").hardlink_to(root / "odd")


def test_image_read_and_changed(hosted: Hosted, sample: Path, tmp_path: Path) -> None:
    printed = run_hosted(hosted("fs_image", True), KX_IMAGE=sample)
    before, _, after = printed.removesuffix("ok\n").partition("--\n")
    for name, data in CONTENTS.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o644)
    for path in (tmp_path, *(p for p in tmp_path.rglob("*") if p.is_dir())):
        path.chmod(0o755)
    assert set(before.splitlines()) == lines_of(tmp_path)
    assert len(before.splitlines()) == len(set(before.splitlines()))
    change(tmp_path)
    assert set(after.splitlines()) == lines_of(tmp_path)
