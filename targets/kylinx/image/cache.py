"""Where images are kept between uses: the suite's cache folder; made anew when what went in has changed."""

import fcntl
import hashlib
import json
from pathlib import Path

from targets.kylinx.image.builder import CACHE, Image, Request, build_image, find_program
from targets.kylinx.image.reader import check_header, manifest_path
from vocabulary.errors import TargetError

IMAGES = CACHE / "images"
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
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return fresh(out) or build_image(request, out)


def fresh(path: Path) -> Image | None:
    """The image at ``path`` if all that went in is still as it was, by each file's time and size."""
    try:
        manifest = json.loads(manifest_path(path).read_text(encoding="utf-8"))
        if not check_header(path, manifest["sha256"]):
            return None
        for file in manifest["files"]:
            if "mtime_ns" in file:
                found = Path(file["path"]).stat()
                if (found.st_mtime_ns, found.st_size) != (file["mtime_ns"], file["size"]):
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
