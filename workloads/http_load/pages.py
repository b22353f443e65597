"""Pages of 612 B (nginx's stock page), 64 KiB and 1 MiB of seeded text, and a manifest of hashes."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workloads.services.datasets import cached, seeded_bytes

SIZES = (612, 64 << 10, 1 << 20)
MODIFIED_S = 1_767_225_600
"""Last-Modified of every page: 2026-01-01 00:00:00 UTC."""
_HEAD, _TAIL = (
    b"<!DOCTYPE html>\n<html><head><title>kxbench</title></head><body><pre>\n",
    b"\n</pre></body></html>\n",
)
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz012345", np.uint8)
_LINE = 80


@dataclass(frozen=True, slots=True)
class Pages:
    """``root`` is the document root; ``hashes`` the SHA-256 of each page's content by size."""

    root: Path
    hashes: dict[int, str]


def name_of(size_bytes: int) -> str:
    return f"page-{size_bytes}.html"


def page(seed: int, size_bytes: int) -> bytes:
    """A page of exactly ``size_bytes``, the same for the same seed."""
    text = _ALPHABET[np.frombuffer(seeded_bytes(size_bytes, seed, size_bytes), np.uint8) % 32]
    text[_LINE - 1 :: _LINE] = ord("\n")
    body = text.tobytes()[: size_bytes - len(_HEAD) - len(_TAIL)]
    return _HEAD + body + _TAIL


def pages(cache: Path, seed: int) -> Pages:
    """Made once a cache. Raises HostError if it cannot be written."""

    def build(directory: Path) -> None:
        root = directory / "root"
        root.mkdir()
        hashes = {}
        for size in SIZES:
            content = page(seed, size)
            path = root / name_of(size)
            path.write_bytes(content)
            os.utime(path, (MODIFIED_S, MODIFIED_S))
            hashes[size] = hashlib.sha256(content).hexdigest()
        (directory / "manifest.json").write_text(json.dumps({"seed": seed, "sha256": hashes}))

    directory = cached(cache, "http", {"seed": seed}, build)
    manifest = json.loads((directory / "manifest.json").read_text())
    return Pages(directory / "root", {int(size): text for size, text in manifest["sha256"].items()})
