"""Which headers are chosen, in made-up trees; and the tracing file system in a mount namespace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from probes import headers
from vocabulary import UnsupportedError


def tree(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


WHOLE = ("include/linux/kconfig.h", "include/generated/autoconf.h")


def test_the_newest_installed_headers_come_first(tmp_path: Path) -> None:
    for version in ("6.1.0-9", "6.1.0-10", "5.10.0-30"):
        tree(tmp_path / f"linux-headers-{version}-generic", *WHOLE)
    found = list(headers._installed(tmp_path))
    assert [h.source for h in found] == [
        tmp_path / f"linux-headers-{version}-generic" for version in ("6.1.0-10", "6.1.0-9", "5.10.0-30")
    ]
    assert not found[0].cflags


def test_a_split_tree_gives_both_halves(tmp_path: Path) -> None:
    common = tree(tmp_path / "linux-headers-6.1.0-10-common", "include/linux/kconfig.h")
    flavour = tree(tmp_path / "linux-headers-6.1.0-10-amd64", "include/generated/autoconf.h")
    (flavour / "Makefile").write_text(f"include {common}/Makefile\n")
    (found,) = headers._installed(tmp_path)
    assert found.source == common
    assert f"-I{flavour}/include" in found.cflags


def test_half_a_split_tree_is_not_taken(tmp_path: Path) -> None:
    flavour = tree(tmp_path / "linux-headers-6.1.0-10-amd64", "include/generated/autoconf.h")
    (flavour / "Makefile").write_text(f"include {tmp_path}/removed/Makefile\n")
    tree(tmp_path / "linux-headers-6.1.0-10-common", "include/linux/kconfig.h")
    assert list(headers._installed(tmp_path)) == []


def test_a_chosen_source_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BCC_KERNEL_SOURCE", "/somewhere/linux")
    assert headers.resolve.__wrapped__().source == Path("/somewhere/linux")


def test_none_at_all_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BCC_KERNEL_SOURCE", raising=False)
    for name in ("_build_tree", "_kheaders"):
        monkeypatch.setattr(headers, name, lambda *_: None)
    monkeypatch.setattr(headers, "_installed", lambda _: iter(()))
    with pytest.raises(UnsupportedError) as caught:
        headers.resolve.__wrapped__()
    assert "linux-headers" in caught.value.remedy


@pytest.mark.root
@pytest.mark.parametrize("program", ["mount", "false"])
def test_the_tracing_file_system_is_mounted_or_missed(tmp_path: Path, program: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    code = (
        "import os, subprocess\n"
        "for at in ('/sys/kernel/debug/tracing', '/sys/kernel/debug', '/sys/kernel/tracing'):\n"
        "    while subprocess.run(['umount', '-l', at], capture_output=True).returncode == 0: pass\n"
        "from probes import headers\n"
        "from vocabulary import UnsupportedError\n"
        "assert headers._tracing() is None\n"
        f"if {program!r} == 'false': os.environ['PATH'] = {str(tmp_path)!r}\n"
        "try: print(headers.ensure_tracefs())\n"
        "except UnsupportedError as error: print(error.remedy)\n"
    )
    (tmp_path / "mount").symlink_to("/bin/false")
    argv = ["unshare", "--mount", "--propagation", "private", sys.executable, "-c", code]
    told = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    assert told.startswith("/sys/kernel" if program == "mount" else "as root: mount")


@pytest.mark.root
def test_who_may_not_look_is_told_to_be_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("becoming another user needs root")
    tmp_path.chmod(0o700)
    monkeypatch.setattr(headers, "_TRACING", (tmp_path / "tracing",))
    os.seteuid(65534)  # nobody
    try:
        with pytest.raises(UnsupportedError) as caught:
            headers.ensure_tracefs()
    finally:
        os.seteuid(0)
    assert "root" in caught.value.remedy
