"""Source packages of the distribution that are compiled into ours, or whose tests ours must pass: fetched by
apt, whose own keys vouch for them, checked again and unpacked. On the standard library alone."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

APT = Path("/etc/apt")
CACHE = "build/sources"  # archives that are in here already are not fetched
STAMP = ".kxbench-source"
FETCHED_WITHIN_S = 600


@dataclass(frozen=True, slots=True)
class Source:
    """``archive`` is the file with the upstream source, unpacked without its top folder into ``directory``
    (below the tree's root). Debian's own patches are not applied. A ``version`` without Debian's revision is
    that of any: security updates leave the archive as it is. What is ``for_tests``, only tests fetch."""

    name: str
    version: str
    archive: str
    sha256: str
    directory: str
    for_tests: bool = False

    def is_unpacked(self, root: Path) -> bool:
        stamp = root / self.directory / STAMP
        return stamp.is_file() and stamp.read_text() == self.stamp

    @property
    def stamp(self) -> str:
        return f"{self.name} {self.version} {self.sha256}\n"


# Its patches concern sockets and PPP, which the micro kernel's network server uses neither of.
LWIP = Source(
    "lwip",
    "2.1.3+dfsg1-2",
    "lwip_2.1.3+dfsg1.orig.tar.xz",
    "0a8276d09fc4e97bbba2f953d74af2388fc2195ea156be9d7589e297a68fde24",
    "targets/microkernel/build/lwip",
)
# Its own tests (tests/targets/microkernel/test_redis_own.py), of the version that the RESP server answers as.
REDIS = Source(
    "redis",
    "7.0.15",
    "redis_7.0.15.orig.tar.gz",
    "4b1dc4ee6d622a09fff9c6777191209750fb5e5a725ef78ea012d6eef4c22982",
    "build/redis",
    for_tests=True,
)
SOURCES = (LWIP, REDIS)


class SourceError(Exception):
    """What went wrong, and what to do about it."""

    def __init__(self, source: Source, what: str) -> None:
        super().__init__(f"the source of {source.name} {source.version} cannot be had: {what}")
        self.remedy = (
            "check the machine's package sources and network, then run ./kxbench setup again; "
            f"or put {source.archive} into {CACHE}/ yourself (sha256 {source.sha256})"
        )


def missing(root: Path, tests: bool) -> list[Source]:
    return [source for source in SOURCES if (tests or not source.for_tests) and not source.is_unpacked(root)]


def provide(source: Source, root: Path) -> None:
    """Fetch it unless it is in the cache, and unpack it. Raises SourceError."""
    try:
        cache = root / CACHE
        cache.mkdir(parents=True, exist_ok=True)
        archive = cache / source.archive
        if not archive.is_file():
            _fetch(source, cache)
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != source.sha256:
            archive.unlink()
            raise SourceError(source, f"{source.archive} has the sha256 {found}; it was removed")
        _unpack(source, archive, root / source.directory)
    except (OSError, tarfile.TarError, subprocess.SubprocessError) as error:
        raise SourceError(source, str(error)) from error


def as_sources(text: str) -> str:
    """An apt source list, of either form (sources.list(5)), as one of source packages."""
    text = re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.MULTILINE | re.IGNORECASE)
    return re.sub(r"^\s*deb(?=\s)", "deb-src", text, flags=re.MULTILINE)


def lists(apt: Path) -> Iterator[Path]:
    """The files that apt reads its sources from."""
    if (apt / "sources.list").is_file():
        yield apt / "sources.list"
    for pattern in ("*.list", "*.sources"):
        yield from sorted((apt / "sources.list.d").glob(pattern))


def _fetch(source: Source, cache: Path) -> None:
    """With package lists of its own: the machine's may have no source packages, and stay as they are."""
    if not shutil.which("apt-get"):
        raise SourceError(source, "there is no apt-get")
    with tempfile.TemporaryDirectory(dir=cache, prefix=".apt-") as private:
        parts = Path(private) / "parts"
        parts.mkdir()
        for directory in ("lists/partial", "cache/archives/partial"):
            (Path(private) / directory).mkdir(parents=True)
        for number, path in enumerate(lists(APT)):
            (parts / f"{number}{path.suffix}").write_text(as_sources(path.read_text()))
        command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root"]
        for option, value in (
            ("Dir::Etc::sourcelist", "/dev/null"),
            ("Dir::Etc::sourceparts", parts),
            ("Dir::State::lists", Path(private) / "lists"),
            ("Dir::Cache", Path(private) / "cache"),
        ):
            command += ["-o", f"{option}={value}"]
        _run(source, [*command, "update"], private)
        wanted = f"{source.name}={source.version}" if "-" in source.version else source.name
        _run(source, [*command, "source", "--download-only", "--only-source", wanted], private)
        (Path(private) / source.archive).replace(cache / source.archive)


def _run(source: Source, command: list[str], directory: str) -> None:
    done = subprocess.run(
        command,
        cwd=directory,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=FETCHED_WITHIN_S,
        check=False,
    )
    if done.returncode:
        told = next((line for line in done.stderr.splitlines() if line.startswith("E: ")), "apt-get fails")
        raise SourceError(source, told.removeprefix("E: "))


def _unpack(source: Source, archive: Path, directory: Path) -> None:
    """Beside its place first: what is in its place is whole."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{source.name}-") as beside:
        with tarfile.open(archive) as packed:  # Debian 12's has no filters for extractall()
            for member in packed:
                data = packed.extractfile(member) if member.isfile() else None
                if data and ".." not in Path(member.name).parts and not Path(member.name).is_absolute():
                    path = Path(beside) / member.name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(data.read())
        (top,) = Path(beside).iterdir()
        (top / STAMP).write_text(source.stamp)
        shutil.rmtree(directory, ignore_errors=True)
        top.rename(directory)
