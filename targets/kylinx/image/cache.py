"""Where images and patched texts are kept between uses: the suite's cache folder."""

from pathlib import Path

from targets.kylinx.image.builder import CACHE, Request


def default_path(request: Request) -> Path:
    """Of the image called ``request.name``, or as its first program."""
    return CACHE / "images" / f"{request.name or Path(request.programs[0]).name}.kximage"
