"""Inputs to begin with, one folder a fuzz target: what sound programs, images and toolstacks would send.

``python -m tests.targets.kylinx.fuzz.seeds FOLDER``. The kept corpus grew from these."""

import random
import struct
import sys
from collections.abc import Callable
from functools import partial
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
    if rng.random() < 0.5:
        steps.append(bytes([REGION, 0, 6, 13, 3, 0x80, 0, 6, 3]))
        steps += [touch(0, True, 3, page) for page in range(0, 1500, 31)]
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


def made(folder: Path) -> dict[str, list[Callable[[], bytes]]]:
    rng = random.Random(1)
    interpreter = Path("/lib64/ld-linux-x86-64.so.2")
    return {
        "elf": [partial(elf, p, n) for p in (Path(sys.executable), interpreter) for n in (64, 1400)],
        "image": [
            lambda: image(folder, {"/a": b"a"}),
            lambda: image(folder, {"/a": b"a", "/d/b": b"b" * 5000, "/d/c": b"", "/d/e/f": b"f"}),
        ],
        "libos_load": [libos],
        "hypercall": [lambda: a_life(rng)] * 40 + [lambda: files(rng)] * 20,
        "control_socket": [
            lambda: packets(
                "hello\0id=1\0", "list\0from=0\0", "stats\0id=3\0", "log\0", "kill\0slot=0\0force=1\0", "\0"
            ),
            lambda: packets(
                "spawn\0id=5\0program=/a\0arg=a\0arg=b\0env=K=V\0cwd=/\0uid=7\0tty=1\0stdin=0\0keep=1\0",
                "window\0console=0\0rows=1\0cols=2\0",
                "kill\0slot=1\0",
            ),
            lambda: packets("spawn\0program=/b\0arg=" + "x" * 400 + "\0", "destroy\0"),
        ],
    }


def main() -> None:
    top = Path(sys.argv[1])
    for target, makers in made(top).items():
        (top / target).mkdir(parents=True, exist_ok=True)
        for k, make in enumerate(makers):
            (top / target / f"seed{k}").write_bytes(make())


if __name__ == "__main__":
    main()
