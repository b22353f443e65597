"""Images: the read-only root of a family, made from this host's programs and files."""

from targets.kylinx.image.builder import Image, Request, build_image, find_program, manifest_path

__all__ = ["Image", "Request", "build_image", "find_program", "manifest_path"]
