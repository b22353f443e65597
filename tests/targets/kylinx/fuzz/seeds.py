"""Inputs to begin with, one folder a fuzz target: what sound programs, images and toolstacks would send.

``python -m tests.targets.kylinx.fuzz.seeds FOLDER``. The kept corpus grew from these."""

import ctypes
import random
import struct
import sys
from pathlib import Path

from targets.kylinx import abi
from targets.kylinx.image.tree import Tree
from targets.kylinx.image.writer import write_image

# the operations of hypercall.c, by their place in its table
WRITE, CALL, REGION, TOUCH, AREA, FAULT, KICK, EXIT, HOSTFS, RACE, REPORT, SPAWN, LIMIT, TOOLSTACK, OBJECT = (
    range(15)
)
FORK, MEMORY = 16, 19
OPEN, READ, STAT, READDIR = abi.KX_HOSTFS_OPEN, abi.KX_HOSTFS_READ, abi.KX_HOSTFS_STAT, abi.KX_HOSTFS_READDIR


def region(place: int, page: int, pages: int, prot: int, kind: int, source: bytes = b"") -> bytes:
    return bytes([REGION, 0, 5, place]) + page.to_bytes(2, "little") + bytes([kind, pages, prot]) + source


def touch(who: int, write: bool, which: int, page: int, how: int = 0) -> bytes:
    return bytes([TOUCH, who, how | write, which]) + page.to_bytes(2, "little")


def memory(who: int, op: int, which: int, page: int, pages: int) -> bytes:
    where = bytes([which]) + page.to_bytes(2, "little")
    return bytes([MEMORY, who, op]) + where + bytes([pages]) + where


def hostfs(
    op: int, path: int, share: int = 1, flags: int = 0, handle: int = 0, by_path: bool = False
) -> bytes:
    how = (1 if share else 2) | by_path * 8
    where = b"" if by_path else bytes([handle])
    numbers = flags.to_bytes(2, "little") + where + bytes([0, 64])
    return bytes([HOSTFS, 0, op, how]) + numbers + (0o644).to_bytes(2, "little") + bytes([path, 13])


def a_life(rng: random.Random) -> bytes:
    """Regions, pages, forks; everything at random but sound."""
    steps = [region(0, 1, 8, 5, 1, bytes([2]) + (30000).to_bytes(4, "little")), region(2, 0, 40, 3, 0)]
    steps.append(bytes([OBJECT, 0, 0, 63]) + struct.pack("<64H", *range(32, 96)))
    steps.append(region(3, 9, 30, rng.choice([1, 3]), rng.choice([2, 3]), bytes([0, 0])))
    if rng.random() < 0.5:  # so large, and touched in such order, that there are 2 MiB entries
        steps.append(bytes([REGION, 0, 6, 13, 3, 0x84, 0, 6, 3]))
        steps += [touch(0, True, 1, page) for page in (0, 16, 80, 336, 512, 1024, 1030)]
    for _ in range(rng.randrange(4, 50)):
        which, page, who = rng.randrange(4), rng.randrange(40), rng.randrange(4)
        steps.append(
            rng.choice(
                [
                    touch(who, True, which, page),
                    touch(who, False, which, page, rng.choice([0, 2, 4])),
                    touch(who, True, which, page),
                    bytes([FORK, who, rng.randrange(4), which, page, 0]),
                    memory(who, rng.randrange(3), which, page, rng.randrange(32)),
                    bytes([LIMIT, 0, rng.choice([3, 40, 255])]),
                    bytes([CALL, who, 0]),
                ]
            )
        )
    return bytes([rng.randrange(4)]) + b"".join(steps)


def files(rng: random.Random) -> bytes:
    steps = [
        hostfs(OPEN, 2, 1, 2),
        hostfs(OPEN, 3, 0),
        hostfs(OPEN, 13, 1, 0o102),
        hostfs(READDIR, 0, 0, handle=1),
    ]
    for _ in range(rng.randrange(40)):
        op, path, share = rng.randrange(12), rng.randrange(24), rng.randrange(2)
        steps.append(
            hostfs(op, path, share, rng.choice([0, 1, 2, 0o101]), rng.randrange(4), rng.random() < 0.5)
        )
    return bytes([rng.randrange(4)]) + b"".join(steps)


def told(text: bytes) -> bytes:
    """The toolstack asks for statistics, the LibOS answers."""
    return bytes([0, TOOLSTACK, 0, 2, REPORT, 0, 2]) + text


def logged(text: bytes) -> bytes:
    """The LibOS says a line, the toolstack asks for the log."""
    ask = bytes([TOOLSTACK, 0, 3]).ljust(200, b"\0")  # op_report takes what is left but for hundreds
    return bytes([0, REPORT, 0, 0]) + text + ask


def refused(pages: int, prot: int, kind: int, source: bytes = b"") -> bytes:
    """A region of which no page may ever be mapped, or not all; some are touched."""
    asked = touch(0, True, 0, 0) + touch(0, False, 0, pages // 2) + touch(0, False, 0, pages - 1, 2)
    return bytes([0]) + region(0, 1, pages, prot, kind, source) + asked


def at_the_end() -> list[bytes]:
    """The LibOS's stack, and a frame's link, partly behind the end of the commons, which are 2 MiB."""
    small = bytes([0, 5])
    top = (abi.KX_VA_COMMONS + (2 << 20) + ctypes.sizeof(abi.Frame) - 16).to_bytes(8, "little")
    faults = bytes([AREA, 0, 2, 1]) + top + bytes([FAULT, 0, 0]) + 3 * small + b"\0"
    dies = bytes([EXIT, 0, 4, 2]) + 2 * small + bytes([3, 8])
    return [b"\0" + faults, b"\0" + dies]


def elf(program: Path, head: int) -> bytes:
    data = program.read_bytes()[: max(head, 1400)]
    return head.to_bytes(2, "little") + b"\1" + (1 << 24).to_bytes(8, "little") + data


def image(folder: Path, names: dict[str, bytes]) -> bytes:
    tree, out = Tree(), folder / "made"
    for name, data in names.items():
        tree.put(name, data)
    write_image(tree, {}, out)
    data = out.read_bytes()
    out.unlink()
    return data


def packets(*texts: str) -> bytes:
    return b"".join(
        len(t).to_bytes(2, "little") + bytes([3 if "tty" in t else 0]) + t.encode() for t in texts
    )


def libos() -> bytes:
    """Text, constants and data, a page each, as libos.lds has them."""
    places = [(5, abi.KX_VA_TEXT), (4, abi.KX_VA_RODATA), (6, abi.KX_VA_DATA)]
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, 0, 64, 0, 0, 64, 56, 3, 0, 0, 0
    )
    for flags, va in places:
        head += struct.pack("<IIQQQQQQ", 1, flags, 256, va, va, 128, 4096, 4096)
    return head.ljust(600, b"\1")


def made(folder: Path) -> dict[str, list[bytes]]:
    rng = random.Random(1)
    programs = (Path(sys.executable), Path("/lib64/ld-linux-x86-64.so.2"))
    answers = (
        b'{"a": [1, -2.5, true, false, null, "b\\n\xc3\xa9"], "c": {}}',
        b'{"unsupported":{},"x":[[],{"y":"z"}]}',
    )
    return {
        "elf": [elf(program, head) for program in programs for head in (64, 1400)],
        "image": [
            image(folder, {"/a": b"a"}),
            image(folder, {"/a": b"a", "/d/b": b"b" * 5000, "/d/c": b"", "/d/e/f": b"f"}),
        ],
        "libos_load": [libos()],
        "hypercall": [a_life(rng) for _ in range(40)]
        + [files(rng) for _ in range(20)]
        + [told(a) for a in answers]
        + [
            logged(b'a "line" of \\ \x01 \xff'),
            refused(8, 7, 0),  # written and executed
            refused(40, 5, 1, bytes([20]) + (163000).to_bytes(4, "little")),  # beyond the image
            *at_the_end(),
        ],
        "control_socket": [
            packets(
                "hello\0id=1\0", "list\0from=0\0", "stats\0id=3\0", "log\0", "kill\0slot=0\0force=1\0", "\0"
            ),
            packets(
                "spawn\0id=5\0program=/a\0arg=a\0arg=b\0env=K=V\0cwd=/\0uid=7\0tty=1\0stdin=0\0keep=1\0",
                "window\0console=0\0rows=1\0cols=2\0",
                "kill\0slot=1\0",
            ),
            packets("spawn\0program=/b\0arg=" + "x" * 400 + "\0", "destroy\0"),
            packets("list\0" + "a\0" * 5000),  # more fields than there may be
        ],
    }


def main() -> None:
    top = Path(sys.argv[1])
    top.mkdir(parents=True, exist_ok=True)
    for target, inputs in made(top).items():
        (top / target).mkdir(exist_ok=True)
        for k, data in enumerate(inputs):
            (top / target / f"seed{k}").write_bytes(data)


if __name__ == "__main__":
    main()
