"""Source packages: apt's lists are read in both forms, what is fetched is checked, what lacks is said."""

import dataclasses
import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from bench import bootstrap, sources
from bench.sources import LWIP, REDIS, SOURCES, Source, SourceError

ROOT = Path(__file__).resolve().parents[2]


def test_lists_of_both_forms_become_lists_of_sources() -> None:
    assert sources.as_sources("Types: deb\nURIs: http://a\nSuites: b\n\ntypes: deb deb-src\n") == (
        "Types: deb-src\nURIs: http://a\nSuites: b\n\nTypes: deb-src\n"
    )
    one_line = "# deb http://x a\ndeb [arch=amd64] http://a b main\n  deb\thttp://c d\ndeb-src http://f g\n"
    assert sources.as_sources(one_line).splitlines() == [
        "# deb http://x a",
        "deb-src [arch=amd64] http://a b main",
        "deb-src\thttp://c d",
        "deb-src http://f g",
    ]


def test_every_list_of_apts_is_found(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    for name in (
        "sources.list",
        "sources.list.d/b.sources",
        "sources.list.d/a.list",
        "sources.list.d/c.disabled",
    ):
        (tmp_path / name).touch()
    assert [path.name for path in sources.lists(tmp_path)] == ["sources.list", "a.list", "b.sources"]
    assert list(sources.lists(tmp_path / "nowhere")) == []


@pytest.fixture
def packed(tmp_path: Path) -> Source:
    """A source whose archive is in the cache, with a file that wants out."""
    archive = tmp_path / sources.CACHE / "thing.tar.xz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:xz") as made:
        for name in ("thing-1/src/a.c", "thing-1/README", "thing-1/../../../escaped"):
            member = tarfile.TarInfo(name)
            member.size = 4
            made.addfile(member, io.BytesIO(b"text"))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return Source("thing", "1-1", archive.name, digest, "build/thing")


def test_what_is_in_the_cache_is_unpacked(tmp_path: Path, packed: Source) -> None:
    assert not packed.is_unpacked(tmp_path)
    (tmp_path / packed.directory).mkdir(parents=True)
    (tmp_path / packed.directory / "of another version").touch()
    sources.provide(packed, tmp_path)
    assert packed.is_unpacked(tmp_path)
    found = {path.name for path in (tmp_path / packed.directory).rglob("*")}
    assert found == {"src", "a.c", "README", sources.STAMP}
    assert not list(tmp_path.rglob("escaped"))
    assert not dataclasses.replace(packed, version="1-2").is_unpacked(tmp_path)


def test_another_checksum_is_refused(tmp_path: Path, packed: Source) -> None:
    with pytest.raises(SourceError, match=r"thing 1-1 cannot be had: .* was removed") as caught:
        sources.provide(dataclasses.replace(packed, sha256="0" * 64), tmp_path)
    assert "setup again" in caught.value.remedy
    assert not (tmp_path / packed.directory).exists()
    assert not (tmp_path / sources.CACHE / packed.archive).exists()


def test_an_archive_that_is_none(tmp_path: Path, packed: Source) -> None:
    archive = tmp_path / sources.CACHE / packed.archive
    archive.write_bytes(b"not an archive")
    digest = hashlib.sha256(b"not an archive").hexdigest()
    with pytest.raises(SourceError, match="cannot be had"):
        sources.provide(dataclasses.replace(packed, sha256=digest), tmp_path)


@pytest.mark.skipif(not shutil.which("apt-get"), reason="no apt-get")
def test_without_package_sources_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "APT", tmp_path / "no apt")
    with pytest.raises(SourceError, match=r"lwip .* cannot be had: ") as caught:
        sources.provide(LWIP, tmp_path)
    assert LWIP.sha256 in caught.value.remedy
    assert not [path for path in (tmp_path / sources.CACHE).iterdir() if path.name != LWIP.archive]


def test_set_up_goes_on_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sources, "APT", tmp_path / "no apt")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    assert bootstrap.unpack_sources([LWIP]) == ["source:lwip"]
    assert "remedy: check the machine's package sources" in capsys.readouterr().err


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_it_is_here(source: Source) -> None:
    """As ``./kxbench test`` has set up; where it could not, the stamp says so."""
    if not source.is_unpacked(ROOT):
        assert f"source:{source.name}" in bootstrap.STAMP.read_text().split()


def test_only_setup_tries_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stamp = tmp_path / "stamp"
    stamp.write_text("fingerprint source:lwip\n")
    monkeypatch.setattr(bootstrap, "STAMP", stamp)
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    assert bootstrap.missing_sources(tests=False, again=False) == []
    assert bootstrap.missing_sources(tests=True, again=False) == [REDIS]
    assert bootstrap.missing_sources(tests=False, again=True) == [LWIP]


def test_no_host_of_a_registry_is_named() -> None:
    text = (ROOT / "bench" / "sources.py").read_text()
    assert "://" not in text


def test_it_needs_nothing_but_the_standard_library() -> None:
    command = [
        "/usr/bin/python3",
        "-I",
        "-S",
        "-c",
        "import sys; sys.path.insert(0, '.'); import bench.bootstrap",
    ]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
