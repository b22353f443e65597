"""Images: what is in them, what is patched in them, and what is made of damaged programs."""

import ctypes
import hashlib
import json
import os
import shutil
import stat
import struct
import subprocess
from pathlib import Path

import capstone
import pytest
from capstone import x86
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from targets.kylinx import abi
from targets.kylinx.image import (
    Image,
    ImageReader,
    Request,
    build_image,
    cache,
    cached_image,
    check_image,
    find_program,
    manifest_path,
)
from targets.kylinx.image.elf import PAGE, Elf
from targets.kylinx.image.linker import Linker, Requester, read_cache
from targets.kylinx.image.patch import Patched, patch, patch_cached
from targets.kylinx.image.reader import Entry
from targets.kylinx.image.sites import find_sites
from vocabulary.errors import TargetError, UsageError

LIBC = Path("/lib/x86_64-linux-gnu/libc.so.6").resolve()
LOADER = Path("/lib64/ld-linux-x86-64.so.2").resolve()


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build_image(Request(("true", "echo")), tmp_path_factory.mktemp("image") / "echo.kximage")


def entries(image: Path) -> dict[str, Entry]:
    return {entry.path: entry for entry in ImageReader(image).entries()}


def test_files_are_the_hosts(image: Image) -> None:
    found = entries(image.path)
    for path in ("/usr/bin/true", "/usr/bin/echo", str(LIBC), str(LOADER), "/etc/passwd"):
        host = Path(path).stat()
        entry = found[path]
        assert entry.data == Path(path).read_bytes()
        assert (entry.inode.mode, entry.inode.mtime_ns) == (host.st_mode, host.st_mtime_ns)
        assert entry.inode.data % PAGE == 0


def test_links_are_kept_and_lead_inside(image: Image) -> None:
    found = entries(image.path)
    assert found["/lib64"].data.decode() == str(Path("/lib64").readlink())
    for path, entry in found.items():
        if stat.S_ISLNK(entry.inode.mode) and Path(path).exists():
            assert str(Path(path).resolve()) in found, path


def test_libraries_are_those_of_ldd(tmp_path: Path) -> None:
    program = shutil.which("redis-server") or "/usr/bin/bash"
    made = build_image(Request((program,)), tmp_path / "x.kximage")
    found = entries(made.path)
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    paths = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
    assert len(paths) > 3
    assert [path for path in paths if str(Path(path).resolve()) not in found] == []


def test_skeleton(image: Image) -> None:
    found = entries(image.path)
    assert found["/tmp"].inode.mode == stat.S_IFDIR | 0o1777  # noqa: S108
    assert found["/"].inode.parent == 0
    assert {"/proc", "/sys", "/dev", "/run", "/root", "/usr/bin/dash", "/etc/ld.so.cache"} <= set(found)


def test_directories_are_sorted_and_linked_to_parents(image: Image) -> None:
    reader = ImageReader(image.path)
    for path, entry in entries(image.path).items():
        if not stat.S_ISDIR(entry.inode.mode):
            continue
        inode = entry.inode
        raw = reader.at(
            reader.header.dirent_off + inode.first * ctypes.sizeof(abi.ImageDirent),
            inode.count * ctypes.sizeof(abi.ImageDirent),
        )
        size = ctypes.sizeof(abi.ImageDirent)
        dirents = [abi.ImageDirent.from_buffer_copy(raw, at) for at in range(0, len(raw), size)]
        names = [reader.at(reader.header.string_off + d.name, d.length) for d in dirents]
        assert names == sorted(names), path
        assert all(reader.at(reader.header.string_off + d.name + d.length, 1) == b"\0" for d in dirents)


def test_manifest_tells_the_truth(image: Image) -> None:
    assert image.manifest == json.loads(image.manifest_path.read_text()) == check_image(image.path)
    found = entries(image.path)
    assert len(image.manifest["files"]) == sum(entry.is_file for entry in found.values())
    for file in image.manifest["files"]:
        assert hashlib.sha256(found[file["path"]].data).hexdigest() == file["sha256"]


def test_same_twice(image: Image, tmp_path: Path) -> None:
    again = build_image(Request(("true", "echo")), tmp_path / "again.kximage")
    assert again.path.read_bytes() == image.path.read_bytes()


def test_added_trees_and_files(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "deep").mkdir(parents=True)
    (tree / "deep" / "file").write_bytes(b"x" * 5000)
    (tree / "empty").touch()
    (tree / "link").symlink_to("deep/file")
    (tree / "circle").symlink_to("circle")
    os.mkfifo(tree / "pipe")
    made = build_image(Request(("true",), (tree,)), tmp_path / "x.kximage")
    found = entries(made.path)
    assert found[str(tree / "deep" / "file")].data == b"x" * 5000
    assert found[str(tree / "empty")].data == b""
    assert found[str(tree / "link")].data == b"deep/file"
    assert str(tree / "pipe") not in found
    assert str(tree / "pipe") in made.manifest["notes"]


def test_script_brings_its_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env mawk\n")
    found = entries(build_image(Request((str(script),)), tmp_path / "x.kximage").path)
    assert {str(script), "/usr/bin/env", "/usr/bin/mawk"} <= set(found)


def test_names_of_programs() -> None:
    assert find_program("true") == Path("/usr/bin/true")
    for name in ("no-such-program-here", "/no/such/program", "./true"):
        with pytest.raises(UsageError, match=r"no program|no such program"):
            find_program(name)


def test_library_search_order(tmp_path: Path) -> None:
    """RUNPATH with $ORIGIN goes before the cache."""
    (tmp_path / "lib").mkdir()
    source = tmp_path / "a.c"
    source.write_text("int a(void);\nint a(void) { return 1; }\n")
    subprocess.run(["gcc", "-shared", "-o", tmp_path / "lib" / "libz.so.1", source], check=True)
    source.write_text("int a(void);\nint main(void) { return a(); }\n")
    command = ["gcc", "-o", *map(str, (tmp_path / "program", source, tmp_path / "lib" / "libz.so.1"))]
    subprocess.run([*command, "-Wl,-rpath,$ORIGIN/lib"], check=True)
    program = tmp_path / "program"
    elf = Elf(program.read_bytes(), str(program))
    assert [str(p) for p in Linker().find("libz.so.1", Requester(elf, program))] == [
        str(tmp_path / "lib" / "libz.so.1")
    ]
    assert Linker().find("libc.so.6", Requester(elf, program))[0].resolve() == LIBC
    assert Linker().find("libnothing.so.9", Requester(elf, program)) == []


def test_cache_of_ld_so_agrees_with_ldconfig() -> None:
    listed = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    expected = [line.split() for line in listed.splitlines() if "(libc6,x86-64" in line]
    cache = read_cache(Path("/etc/ld.so.cache").read_bytes())
    assert {(words[0], words[-1]) for words in expected} == {
        (name, path) for name, paths in cache.items() for path in paths
    }


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_cache_of_ld_so_hostile(noise: bytes) -> None:
    read_cache(b"glibc-ld.so.cache1.1" + noise)


def test_kept_until_something_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "IMAGES", tmp_path / "images")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("one")
    request = Request(("true",), (tree,), name="kept")

    def made() -> tuple[Path, int, bytes]:
        image = cached_image(request)
        return image.path, image.path.stat().st_ino, entries(image.path)[str(tree / "file")].data

    first = made()
    assert made() == first
    (tree / "file").write_text("other")
    second = made()
    assert (second[0], second[2]) == (first[0], b"other") and second[1] != first[1]
    (tree / "more").touch()  # nothing that is in the image has changed
    third = made()
    assert third[1] != second[1] and str(tree / "more") in entries(third[0])
    third[0].write_bytes(third[0].read_bytes()[:-1])  # cut off
    assert made()[1] != third[1]
    assert cached_image(Request(("true",), name="kept")).path != first[0]


def test_cache_makes_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "IMAGES", tmp_path)
    paths = [cached_image(Request((name,), name="room")).path for name in ("true", "false", "echo")]
    old = paths[0].stat().st_mtime - 7200
    for number, path in enumerate(paths[:2]):
        os.utime(path, (old + number, old + number))
    monkeypatch.setattr(cache, "MOST_BYTES", int(2.5 * paths[0].stat().st_blocks * 512))
    cached_image(Request(("sleep",), name="room"))
    assert [path.exists() for path in paths] == [False, True, True]
    assert not manifest_path(paths[0]).exists()


# ---- patching


def sites_of(path: Path) -> tuple[Elf, Patched]:
    elf = Elf(path.read_bytes(), str(path))
    return elf, patch(elf)


@pytest.mark.parametrize(("path", "least"), [(LIBC, 300), (LOADER, 20)])
def test_patched_copy_disassembles_to_what_is_meant(path: Path, least: int) -> None:
    """Each edit is a jump to a trampoline that does the moved instructions' work, loads rcx with where to go
    on, and leaves for the LibOS; apart from that no byte has changed."""
    elf, made = sites_of(path)
    found = {site.start: site for site in find_sites(elf).sites}
    assert len(found) == made.sites >= least
    assert len(made.missed) <= 3
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    engine.detail = True
    text = made.text(elf.data)
    original = elf.data[made.text_offset : made.text_offset + made.text_bytes]
    changed = bytearray(text)
    for offset, edit in made.edits:
        site = found[made.text_vaddr + offset]
        changed[offset : offset + len(edit)] = original[offset : offset + len(edit)]
        jump = next(engine.disasm(text[offset : offset + 5], site.start))
        assert jump.id == x86.X86_INS_JMP
        at = jump.operands[0].imm
        assert made.span <= at < made.span + len(made.trampolines)
        code = list(engine.disasm(made.trampolines[at - made.span :][:80], at))
        for moved in site.before:
            assert effective(code.pop(0)) == effective(moved)
        lea, leave = code.pop(0), code.pop(0)
        assert (lea.id, lea.reg_name(lea.operands[0].reg)) == (x86.X86_INS_LEA, "rcx")
        assert leave.op_str == "qword ptr gs:[8]"
        back = lea.address + lea.size + lea.disp
        if not site.after:
            assert back == site.address + 2
            continue
        assert back == code[0].address
        for moved in site.after:
            assert effective(code.pop(0)) == effective(moved)
        assert code[0].id == x86.X86_INS_JMP and code[0].operands[0].imm == site.end
    assert bytes(changed[: len(original)]) == original


def effective(one: capstone.CsInsn) -> tuple[str, object]:
    """What it does, wherever it stands."""
    if "rip" in one.op_str:
        return one.mnemonic, one.address + one.size + one.disp
    return one.mnemonic, one.op_str


def test_restorer_is_left_alone() -> None:
    elf, made = sites_of(LIBC)
    at = elf.data.find(b"\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05")
    assert at > 0
    assert made.text(elf.data)[at - made.text_offset :][:9] == elf.data[at : at + 9]


def test_cache_of_patches(tmp_path: Path) -> None:
    elf, made = sites_of(LOADER)
    assert patch_cached(elf, tmp_path) == made
    (kept,) = tmp_path.iterdir()
    assert kept.name.startswith(elf.build_id.hex())
    assert patch_cached(elf, tmp_path) == made
    kept.write_text('{"edits": []}')  # cut off by a full disk
    assert patch_cached(elf, tmp_path) == made


CODE = r"""
.globl _start
.section .rodata
text: .byte 0x0f, 0x05, 0x0f, 0x05
.text
.type plain,@function
plain: mov $39, %eax
 syscall
 ret
.size plain,.-plain
.type false_bytes,@function
false_bytes: mov $0x050f, %eax   /* the bytes of a syscall inside another instruction */
 ret
.size false_bytes,.-false_bytes
.type jumped,@function
jumped: xor %eax, %eax
1: syscall
 test %eax, %eax
 jne 1b
 ret
.size jumped,.-jumped
.type relative,@function
relative: mov number(%rip), %eax
 syscall
 ret
.size relative,.-relative
.type behind,@function
behind: call plain
 syscall
 cmp $-4095, %rax
 jae relative
 ret
.size behind,.-behind
.type restorer,@function
restorer: mov $15, %rax
 syscall
.size restorer,.-restorer
data_in_text: .byte 0x0f, 0x05, 0, 0, 0, 0, 0, 0
.type _start,@function
_start: call behind
 mov $60, %eax
 xor %edi, %edi
 syscall
.size _start,.-_start
.data
number: .long 39
"""


def test_chosen_neighbours(tmp_path: Path) -> None:
    source, program = tmp_path / "code.S", tmp_path / "code"
    source.write_text(CODE)
    command = ["gcc", "-nostdlib", "-static-pie", "-Wl,--build-id=sha1", "-o", str(program), str(source)]
    subprocess.run(command, check=True)
    elf = Elf(program.read_bytes(), str(program))
    listing = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    names = {
        int(line.split()[0], 16): line.split()[2] for line in listing.splitlines() if " t " in line.lower()
    }
    found = find_sites(elf)

    def owner(address: int) -> str:
        return names[max(start for start in names if start <= address)]

    forms = {owner(site.address): (len(site.before), len(site.after)) for site in found.sites}
    plain = {"plain": (1, 0), "relative": (1, 0), "_start": (2, 0)}
    assert forms == plain | {"behind": (0, 1), "jumped": (0, 2)}  # a call, or a jump's target, before it
    assert [owner(missed.address) for missed in found.missed] == ["restorer"]


# ---- the patched text at work: as a process, with trampolines that go into the kernel


def native(path: Path, out: Path) -> None:
    """A copy of an ELF whose trampolines, in a segment of their own, do the system call themselves."""
    elf, made = sites_of(path)
    trampolines = bytearray(made.trampolines)
    enter = b"\x65\xff\x24\x25\x08\x00\x00\x00"
    at = -1
    while (at := trampolines.find(enter, at + 1)) >= 0:
        (back,) = struct.unpack_from("<i", trampolines, at - 4)  # of the lea, from the same end
        trampolines[at : at + 8] = b"\x0f\x05\xe9" + struct.pack("<i", back - 7) + b"\x90"
    data = bytearray(elf.data)
    text = made.text(elf.data)
    data[made.text_offset : made.text_offset + len(text)] = text[: len(data) - made.text_offset]
    data.extend(bytes(-len(data) % PAGE))
    where = len(data)
    data += trampolines
    (table,) = struct.unpack_from("<Q", data, 32)
    slots = [table + 56 * number for number in range(len(elf.segments))]
    last = max(s for s in slots if struct.unpack_from("<I", data, s)[0] == 1)
    spare = next(s for s in slots if s > last and struct.unpack_from("<I", data, s)[0] == 4)  # PT_NOTE
    entry = struct.pack(
        "<IIQQQQQQ", 1, 5, where, made.span, made.span, len(trampolines), len(trampolines), PAGE
    )
    data[spare : spare + 56] = entry
    out.write_bytes(data)
    out.chmod(0o755)


@pytest.mark.parametrize(
    "command",
    [
        [
            "/usr/bin/bash",
            "-c",
            "echo a | cat; (exit 3); echo $?; x=$(echo sub); echo $x; kill -USR1 $$ || true",
        ],
        [
            "/usr/bin/python3",
            "-c",
            "import subprocess,threading; print(subprocess.check_output(['echo','x']))",
        ],
        ["/usr/bin/perl", "-e", "$p=fork; if(!$p){exit 7} waitpid $p,0; print $?>>8"],
        ["/usr/bin/sort", "/etc/passwd"],
        ["/usr/bin/date", "-d", "2000-01-01", "+%F"],
    ],
)
def test_patched_programs_do_the_same(command: list[str], tmp_path: Path) -> None:
    """Real programs on a patched libc and ld.so, natively."""
    native(LIBC, tmp_path / "libc.so.6")
    native(LOADER, tmp_path / "ld.so")
    plain = subprocess.run(command, capture_output=True, check=False, timeout=60)
    argv = [str(tmp_path / "ld.so"), "--library-path", str(tmp_path), *command]
    patched = subprocess.run(argv, capture_output=True, check=False, timeout=60)
    assert (patched.returncode, patched.stdout) == (plain.returncode, plain.stdout), patched.stderr


# ---- hostile input


def test_damaged_programs_are_named(tmp_path: Path) -> None:
    good = Path("/usr/bin/true").read_bytes()
    cases = {
        "cut": good[:100],
        "class": good[:4] + b"\x01" + good[5:],
        "machine": good[:18] + b"\xb7\x00" + good[20:],
        "headers": good[:56] + b"\xff\xff" + good[58:],
        "text": b"hello",
    }
    for name, data in cases.items():
        program = tmp_path / name
        program.write_bytes(data)
        with pytest.raises(TargetError) as caught:
            build_image(Request((str(program),)), tmp_path / "x.kximage")
        assert str(program) in str(caught.value) and caught.value.remedy
    assert not (tmp_path / "x.kximage").exists()


def test_missing_library_is_named(tmp_path: Path) -> None:
    data = Path("/usr/bin/true").read_bytes().replace(b"libc.so.6", b"libq.so.6")
    (tmp_path / "program").write_bytes(data)
    with pytest.raises(TargetError, match=r"libq\.so\.6"):
        build_image(Request((str(tmp_path / "program"),)), tmp_path / "x.kximage")


EDITS = st.tuples(
    st.one_of(st.integers(0, 900), st.integers(0, LOADER.stat().st_size)),
    st.one_of(st.binary(min_size=1, max_size=8), st.sampled_from([b"\xff" * 8, bytes(8), b"\x0f\x05"])),
)


@settings(max_examples=150)
@given(st.lists(EDITS, min_size=1, max_size=4))
def test_elf_with_lying_headers(edits: list[tuple[int, bytes]]) -> None:
    """Parsed and patched, or refused with an error of ours; never anything else."""
    data = bytearray(LOADER.read_bytes())
    for at, new in edits:
        data[at : at + len(new)] = new
    try:
        elf = Elf(bytes(data), "hostile")
        _ = (elf.interpreter, elf.needed, elf.rpath, elf.build_id)
        patch(elf)
    except TargetError as error:
        assert "hostile" in str(error)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.integers(0, 3 * PAGE), st.binary(min_size=1, max_size=8)), min_size=1, max_size=4)
)
def test_damaged_image_is_refused(
    image: Image, tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, bytes]]
) -> None:
    data = bytearray(image.path.read_bytes())
    before = bytes(data)
    for at, new in edits:
        data[at : at + len(new)] = new
    if bytes(data)[:PAGE] == before[:PAGE] and bytes(data) == before:
        return
    copy = tmp_path_factory.mktemp("damaged") / "echo.kximage"
    copy.write_bytes(data)
    shutil.copy(image.manifest_path, copy.with_name("echo.manifest.json"))
    try:
        for _ in ImageReader(copy).entries():
            pass
    except TargetError:
        pass
    if bytes(data)[PAGE:] != before[PAGE:]:
        with pytest.raises(TargetError):
            check_image(copy)
    shutil.rmtree(copy.parent)
