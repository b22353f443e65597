"""Set-up, on the standard library alone: system packages, sources, virtual environment, then the real command
line.

Idempotent. With nothing to do it costs a hash of two files and one ``dpkg-query``."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import sources

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "kxbench-stamp"
PYTHON = Path("/usr/bin/python3")
LOCK = ROOT / "requirements.lock"
PACKAGES = ROOT / "system-packages.txt"
POLICY = Path("/usr/sbin/policy-rc.d")
POLICY_TEXT = (
    "#!/bin/sh\n# kxbench setup: do not start the servers it installs; removed when it ends\nexit 101\n"
)
UNITS = Path("/etc/systemd/system")
SERVERS = {"nginx", "nsd", "postgresql", "redis-server"}
LOCK_WAIT = "DPkg::Lock::Timeout=300"  # seconds: a machine just booted is busy with its own upgrades

_alone: tuple[int, ...] = ()  # the lock's descriptor while this process sets up

EXIT_USAGE, EXIT_HOST = 2, 4
SETS_UP = {"run", "test", "setup"}
HELP = """\
kxbench is not set up yet. On a fresh Debian or Ubuntu machine, as root:

  ./kxbench setup    install what is missing, and say what (run and test do this by themselves)
  ./kxbench run      measure ordinary processes with the `quick` plan and write a report
  ./kxbench test     run the tests

After that `./kxbench --help` lists every command."""


class SetupError(Exception):
    """What went wrong and what to do about it; exit code 4."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def say(text: str) -> None:
    sys.stderr.write(f"kxbench: {text}\n")
    sys.stderr.flush()


def wanted_packages(text: str, architecture: str, tests: bool) -> list[tuple[bool, list[str]]]:
    """(required, alternatives) a line of ``system-packages.txt``, those after ``[test]`` only for tests."""
    wanted = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line == "[test]" and not tests:
            break
        if line and line != "[test]":
            names = line.removeprefix("?").replace("@ARCH", architecture).split("|")
            wanted.append((not line.startswith("?"), [name.strip() for name in names]))
    return wanted


def output_of(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout


def installed_packages(names: Sequence[str]) -> set[str]:
    listing = output_of("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\\n", *names)
    return {line.split()[0] for line in listing.splitlines() if line.endswith(" installed")}


def missing_packages(tests: bool) -> list[tuple[bool, list[str]]]:
    """The lines of which no alternative is installed."""
    if not shutil.which("dpkg-query"):
        raise SetupError(
            "this is not a Debian or Ubuntu system (no dpkg-query)",
            "use Debian 12 or newer, or Ubuntu 24.04",
        )
    architecture = output_of("dpkg", "--print-architecture").strip()
    wanted = wanted_packages(PACKAGES.read_text(), architecture, tests)
    present = installed_packages([name for _, names in wanted for name in names])
    missing = [(required, names) for required, names in wanted if present.isdisjoint(names)]
    skipped = set(STAMP.read_text().split()[1:]) if STAMP.exists() else set()
    return [(required, names) for required, names in missing if required or names[0] not in skipped]


def choose(missing: Sequence[tuple[bool, list[str]]]) -> tuple[list[str], list[str]]:
    """(names to install, optional ones that no distribution package exists for)."""
    chosen, skipped = [], []
    for required, names in missing:
        known = [name for name in names if "Candidate: (none)" not in (policy := candidate(name)) and policy]
        if known:
            chosen.append(known[0])
        elif required:
            raise SetupError(
                f"no package named {' or '.join(names)} in this machine's package lists",
                "run apt-get update; on Ubuntu enable the universe component",
            )
        else:
            skipped.append(names[0])
    return chosen, skipped


def candidate(name: str) -> str:
    return "\n".join(
        line for line in output_of("apt-cache", "policy", name).splitlines() if "Candidate:" in line
    )


def enabled_servers() -> set[str]:
    """Those of our servers that systemd starts at boot."""
    return {unit.stem for unit in UNITS.glob("*.wants/*.service")} & SERVERS


@contextlib.contextmanager
def servers_stay_stopped() -> Iterator[None]:
    """Servers installed meanwhile start neither now nor at boot: the suite starts its own, in namespaces."""
    ours = not POLICY.exists() or POLICY.read_text() == POLICY_TEXT
    before = enabled_servers()
    if ours:
        POLICY.write_text(POLICY_TEXT)
        POLICY.chmod(0o755)
    try:
        yield
    finally:
        if ours:
            POLICY.unlink(missing_ok=True)
        if (new := enabled_servers() - before) and shutil.which("systemctl"):
            output_of("systemctl", "disable", *sorted(new))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One set-up of this tree at a time: two would take the environment away under one another. Whom a killed
    set-up has left at work (pip) keeps the others out too."""
    global _alone
    try:
        (ROOT / "build").mkdir(exist_ok=True)
        lock = (ROOT / "build" / "setup.lock").open("w")
    except OSError as error:
        raise SetupError(
            f"something is missing, and this tree cannot be set up by this user: {error}",
            "run the same command as its owner or as root (with sudo)",
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another set-up of this tree is going on; waiting for its end")
            fcntl.flock(lock, fcntl.LOCK_EX)
        _alone = (lock.fileno(),)
        try:
            yield
        finally:
            _alone = ()


def run_step(argv: Sequence[str], remedy: str) -> None:
    env = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
        "NEEDRESTART_SUSPEND": "1",  # Ubuntu's needrestart would restart services of the machine
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    done = subprocess.run(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        pass_fds=_alone,
    )
    if done.returncode:
        sys.stderr.write("".join(f"  {line}\n" for line in done.stdout.splitlines()[-15:]))
        raise SetupError(f"`{' '.join(argv[:4])} ...` failed with exit code {done.returncode}", remedy)


def install_packages(missing: Sequence[tuple[bool, list[str]]]) -> list[str]:
    """Install; returns the optional packages there are none of."""
    if os.geteuid() != 0:
        raise SetupError(
            "system packages are missing and only root can install them: "
            + ", ".join(names[0] for _, names in missing),
            "run ./kxbench setup as root (sudo ./kxbench setup)",
        )
    say("refreshing the package lists (apt-get update)")
    run_step(
        ["apt-get", "update"],
        "check the machine's package sources and network, then run ./kxbench setup again",
    )
    chosen, skipped = choose(missing)
    if chosen:
        say(f"installing system packages: {' '.join(chosen)}")
        with servers_stay_stopped():
            run_step(
                ["apt-get", "install", "-y", "--no-install-recommends", "-o", LOCK_WAIT, *chosen],
                "mend what apt reports above (after a crash: dpkg --configure -a), then set up again",
            )
    return skipped


def fingerprint() -> str:
    """What the virtual environment depends on: the lock, the interpreter, and where it stands."""
    parts = [LOCK.read_bytes(), os.path.realpath(PYTHON).encode(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def environment_is_current() -> bool:
    return STAMP.exists() and STAMP.read_text().split()[:1] == [fingerprint()]


def make_environment(skipped: Sequence[str]) -> None:
    say("making the Python environment in .venv from requirements.lock (about a minute)")
    shutil.rmtree(VENV, ignore_errors=True)
    run_step(
        [str(PYTHON), "-m", "venv", "--system-site-packages", str(VENV)],
        "install python3-venv for /usr/bin/python3",
    )
    run_step(
        [str(VENV / "bin/pip"), "install", "--quiet", "--require-hashes", "-r", str(LOCK)],
        "check the network and pip's configuration, then run ./kxbench setup again",
    )
    write_stamp(skipped)


def write_stamp(skipped: Sequence[str]) -> None:
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(" ".join([fingerprint(), *skipped]) + "\n")
    fresh.replace(STAMP)


def missing_sources(tests: bool, again: bool) -> list[sources.Source]:
    """Those not unpacked yet; of those that could not be had, only if they are to be tried ``again``."""
    skipped = set(STAMP.read_text().split()[1:]) if STAMP.exists() and not again else set()
    return [source for source in sources.missing(ROOT, tests) if f"source:{source.name}" not in skipped]


def unpack_sources(wanted: Sequence[sources.Source]) -> list[str]:
    """Returns what is to be noted of those that cannot be had: the targets that need them say so too."""
    skipped = []
    for source in wanted:
        say(f"fetching the source of {source.name} {source.version}")
        try:
            sources.provide(source, ROOT)
        except sources.SourceError as error:
            say(f"{error}\n  remedy: {error.remedy}")
            skipped.append(f"source:{source.name}")
    return skipped


def set_up(dry_run: bool = False, tests: bool = False, again: bool = False) -> bool:
    """Bring the machine to what the lists say. True if something was (or, dry, would be) done. Sources that
    could not be had are tried ``again``, or left alone."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older one may well start this file
        raise SetupError(
            f"/usr/bin/python3 is {sys.version.split()[0]}",
            "use Debian 12 or newer, or Ubuntu 24.04 (Python 3.11+)",
        )
    missing, unpack, current = wanting(tests, again)
    if dry_run:
        for required, names in missing:
            say(f"would install {' or '.join(names)}{'' if required else ' (if there is such a package)'}")
        for source in unpack:
            say(f"would fetch the source of {source.name} {source.version}")
        if not current:
            say("would make the Python environment in .venv from requirements.lock")
        return bool(missing or unpack) or not current
    if not missing and not unpack and current:
        return False
    with alone():
        bring_up(*wanting(tests, again))  # another may have done it meanwhile
    return True


def wanting(tests: bool, again: bool) -> tuple[list[tuple[bool, list[str]]], list[sources.Source], bool]:
    """(packages that are missing, sources that are, whether the environment is current)."""
    return missing_packages(tests), missing_sources(tests, again), environment_is_current()


def bring_up(
    missing: Sequence[tuple[bool, list[str]]], unpack: Sequence[sources.Source], current: bool
) -> None:
    skipped = STAMP.read_text().split()[1:] if STAMP.exists() else []
    if missing:
        skipped = [*skipped, *install_packages(missing)]
    tried = {f"source:{source.name}" for source in unpack}
    skipped = [*(name for name in skipped if name not in tried), *unpack_sources(unpack)]
    if current:
        write_stamp(skipped)
    else:
        make_environment(skipped)


def enter(arguments: Sequence[str]) -> None:
    """Become the real command line; the tree comes first on its path."""
    path = [str(ROOT), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path))
    python = str(VENV / "bin/python")
    os.execv(python, [python, "-P", "-m", "bench", *arguments])


def main(arguments: Sequence[str]) -> int:
    command = next((word for word in arguments if not word.startswith("-")), "")
    asks_help = bool({"--help", "-h"} & set(arguments))
    try:
        if command == "setup" and not asks_help:
            if unknown := set(arguments) - {"setup", "--dry-run"}:
                say(f"setup: unknown argument {' '.join(sorted(unknown))}; it takes only --dry-run")
                return EXIT_USAGE
            if not set_up(dry_run="--dry-run" in arguments, again=True):
                say("set up already: nothing to do")
            elif "--dry-run" not in arguments:
                say("set up; next: ./kxbench run")
            return 0
        if command in SETS_UP and not asks_help:
            set_up(tests=command == "test")
        elif not environment_is_current():
            sys.stdout.write(HELP + "\n")
            return 0 if asks_help or not arguments else EXIT_HOST
    except SetupError as error:
        say(f"{error}\n  remedy: {error.remedy}")
        return EXIT_HOST
    except KeyboardInterrupt:
        say("interrupted; ./kxbench setup goes on where this stopped")
        return 130
    enter(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
