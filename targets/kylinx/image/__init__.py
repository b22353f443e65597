"""Images: the read-only root of a family, made from this host's programs and files."""

from targets.kylinx.image.builder import Image, Request, build_image, find_program
from targets.kylinx.image.cache import cached_image, default_path
from targets.kylinx.image.reader import Entry, ImageReader, check_image, damaged, manifest_path

__all__ = [
    "Entry",
    "Image",
    "ImageReader",
    "Request",
    "build_image",
    "cached_image",
    "check_image",
    "damaged",
    "default_path",
    "find_program",
    "manifest_path",
]
