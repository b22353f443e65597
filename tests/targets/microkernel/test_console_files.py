"""The guest's console and file servers, by the shell that uses both."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from targets.lab import Site
from targets.microkernel import building
from tests.targets.microkernel.guests import PROMPT, Shell, shell

pytestmark = pytest.mark.root
NONE, THERE, KIND, USED, PATH = -32, -33, -34, -35, -36  # files.h


@pytest.fixture(scope="session", autouse=True)
def _built() -> None:
    building.build()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("files")
    found = {"www/a": "of the archive", "www/deep/b": "x" * 10_000, "www/empty": ""}
    for name, text in found.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return {name: root / name for name in found}


@pytest.fixture
def guest(site: Site, tmp_path: Path, data: dict[str, Path]) -> Iterator[Shell]:
    with shell(site, tmp_path, files=data) as guest:
        yield guest


def error(path: str, number: int) -> str:
    return f"{path}: error {number}"


def test_files_of_the_archive(guest: Shell) -> None:
    assert sorted(guest.ask("ls /www").split()) == sorted(["14", "a", "0", "deep/", "0", "empty"])
    assert guest.ask("cat /www/a") == "of the archive"
    assert guest.ask("cat /www/deep/b") == "x" * 10_000
    assert guest.ask("cat /www/empty") == ""


def test_files_that_are_made(guest: Shell) -> None:
    assert guest.ask("mkdir /new") == ""
    assert guest.ask("append /new/file one") == ""
    assert guest.ask("append /new/file two") == ""
    assert guest.ask("cat /new/file") == "onetwo"
    assert guest.ask("append /www/a !") == ""
    assert guest.ask("cat /www/a") == "of the archive!"
    assert guest.ask("rm /new") == error("/new", USED)
    assert guest.ask("rm /new/file") == ""
    assert guest.ask("rm /new") == ""
    assert guest.ask("ls /new") == error("/new", NONE)


@pytest.mark.parametrize(
    ("command", "path", "number"),
    [
        ("cat", "/none", NONE),
        ("cat", "/none/below", NONE),
        ("cat", "/www/a/below", KIND),
        ("cat", "/www", KIND),
        ("ls", "/www/a", KIND),
        ("mkdir", "/www", THERE),
        ("mkdir", "/", PATH),
        ("rm", "/", PATH),
        ("cat", "/www/../init", PATH),
        ("cat", "/./init", PATH),
        ("cat", "//init", PATH),
        ("cat", "/www/", PATH),
        ("cat", "init", PATH),
        ("mkdir", "/" + "n" * 240, 0),
    ],
)
def test_paths(guest: Shell, command: str, path: str, number: int) -> None:
    assert guest.ask(f"{command} {path}") == (error(path, number) if number else "")


def test_lines_are_edited(guest: Shell) -> None:
    guest.type("cat /nothing\x15helo\x08\x7flp")  # ^U, backspace, delete
    guest.until("FOLDER]")
    guest.until(PROMPT)
    guest.type("x" * 400)  # as much as a line can have
    assert f"{'x' * 255}: no such command" in guest.until(PROMPT)


def test_servers_are_started_again(guest: Shell) -> None:
    """What was made is lost with the file server, what was in the archive is not."""
    guest.ask("append /made x")
    guest.ask("kill ramfs")
    assert guest.ask("cat /www/a") == "of the archive"
    assert guest.ask("cat /made") == error("/made", NONE)
    guest.type("kill console")
    guest.until("is started again")
    guest.until("> ")  # the shell's call found the new one
    assert guest.ask("cat /www/a") == "of the archive"


def test_the_shell_switches_the_machine_off(guest: Shell) -> None:
    guest.type("off")
    with pytest.raises(AssertionError, match="the guest is gone"):
        guest.until("more")


def test_a_fault_is_told_and_ends_only_its_program(guest: Shell) -> None:
    guest.type("fault")
    assert "data access to" in guest.until("init: shell")
    guest.until("ended with 80000001")
