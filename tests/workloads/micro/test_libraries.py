"""The libraries that dlopen and update load."""

from pathlib import Path

import pytest

from vocabulary import TargetError
from workloads.micro import libraries
from workloads.micro.libraries import make_libraries, make_library, make_versions


@pytest.mark.parametrize("size_kib", libraries.SIZES_KIB)
def test_size_and_sparseness(tmp_path: Path, size_kib: int) -> None:
    path = make_library(tmp_path / "one.so", size_kib=size_kib)
    status = path.stat()
    assert size_kib <= status.st_size / 1024 < 1.3 * size_kib
    if size_kib >= 1024:
        assert status.st_blocks * 512 < status.st_size / 2


def test_files_differ_only_where_they_say_who_they_are(tmp_path: Path) -> None:
    folder = make_libraries(3, 64, folder=tmp_path)
    contents = [(folder / f"lib-{number:03d}.so").read_bytes() for number in range(3)]
    assert len({len(content) for content in contents}) == 1
    for number in (1, 2):
        different = sum(a != b for a, b in zip(contents[0], contents[number], strict=True))
        assert different == 1
    first, second = make_versions(64, folder=tmp_path)
    assert first.read_bytes() != second.read_bytes()


def test_content_is_the_same_each_time(tmp_path: Path) -> None:
    one = make_library(tmp_path / "a" / "lib.so", size_kib=64, number=7, version=2)
    other = make_library(tmp_path / "b" / "lib.so", size_kib=64, number=7, version=2)
    assert one.read_bytes() == other.read_bytes()


def test_made_once(tmp_path: Path) -> None:
    path = make_library(tmp_path / "lib.so", size_kib=64)
    before = path.stat()
    make_library(path, size_kib=64)
    assert path.stat().st_ino == before.st_ino


def test_compiler_error_is_told(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match=r"library\.c") as caught:
        make_library(tmp_path / "lib.so", size_kib=0)
    assert caught.value.remedy
