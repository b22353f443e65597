"""Where images are kept between uses: the suite's cache folder; made anew when what went in has changed."""

import fcntl
import hashlib
import json
import os
import time
from pathlib import Path

from targets.kylinx.image.builder import CACHE, Image, Request, build_image, find_program, writing
from targets.kylinx.image.reader import check_header, manifest_path
from vocabulary.errors import TargetError

IMAGES = CACHE / "images"
MOST_BYTES = 4 << 30
_KEEP_S = 3600
_HERE = Path(__file__).parent


def default_path(request: Request) -> Path:
    """Of the image called ``request.name``, or as its first program."""
    return IMAGES / f"{request.name or Path(request.programs[0]).name}.kximage"


def cached_image(request: Request) -> Image:
    """The image for ``request``, made only if there is none or it is stale. Raises as `build_image`."""
    programs = [str(find_program(name)) for name in request.programs]
    asked = json.dumps([programs, [str(path.absolute()) for path in request.add], request.name, _builder()])
    key = hashlib.sha256(asked.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    out = IMAGES / f"{request.name or Path(programs[0]).name}-{key}.kximage"
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        held = out.with_suffix(".lock").open("w")
    with held as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = fresh(out)
        if found:
            os.utime(out)  # when it was last used
            return found
        _make_room()
        return build_image(request, out)


def _make_room() -> None:
    """Images that were not used for an hour go, the longest unused first, until the rest fits."""
    images = sorted((path.stat().st_mtime, path) for path in IMAGES.glob("*-*.kximage"))
    total = sum(path.stat().st_blocks * 512 for _, path in images)
    for used, path in images:
        if total <= MOST_BYTES or time.time() - used < _KEEP_S:
            return
        total -= path.stat().st_blocks * 512
        for file in (path, manifest_path(path), path.with_suffix(".lock")):
            file.unlink(missing_ok=True)


def fresh(path: Path) -> Image | None:
    """The image at ``path`` if all that went in is still as it was, by each file's time, size and mode."""
    try:
        manifest = json.loads(manifest_path(path).read_text(encoding="utf-8"))
        if not check_header(path, manifest["sha256"]):
            return None
        for file in manifest["files"]:
            if "mtime_ns" in file:
                found = Path(file["path"]).stat()
                if (found.st_mtime_ns, found.st_size) != (file["mtime_ns"], file["size"]):
                    return None
                if f"{found.st_mode & 0o7777:o}" != file["mode"]:  # chmod leaves the time alone
                    return None
        for directory, mtime_ns in manifest["watched"].items():
            if Path(directory).stat().st_mtime_ns != mtime_ns:
                return None
    except (OSError, ValueError, KeyError, TypeError, TargetError):
        return None
    return Image(path, manifest)


def _builder() -> str:
    """Of the code that makes images: what an older one made is not used."""
    digest = hashlib.sha256((_HERE.parent / "abi" / "kx_abi.h").read_bytes())
    for source in sorted(_HERE.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()
