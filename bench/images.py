"""``kxbench image``: images for KylinX made and looked at."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bench.console import out, print_json, print_table, quantity, working

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
app = typer.Typer(
    help="Images: what a family of pVMs has for a root, programs of this host with all that they need.\n\n"
    "`kxbench pvm` makes and keeps them by itself; this is to make one by hand, or to look into one.",
    no_args_is_help=True,
)


@app.command()
def build(
    programs: Annotated[
        list[str],
        typer.Argument(
            metavar="PROGRAM...", help="Names or paths of programs; the image is called after the first."
        ),
    ],
    add: Annotated[
        list[Path] | None,
        typer.Option(
            "--add", help="A file or a directory (whole) to take in at its own path; again for more."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The image file; default: in the suite's cache.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What the manifest calls it.")] = "",
    json: JsonOption = False,
) -> None:
    """Make an image: programs, their libraries and data, system calls patched; and its manifest."""
    from targets.kylinx.image import Request, build_image, default_path

    request = Request(tuple(programs), tuple(add or ()), name)
    with working("making the image"):
        made = build_image(request, output or default_path(request))
    if json:
        print_json({"image": str(made.path), "manifest": str(made.manifest_path)} | summary(made.manifest))
        return
    _show(made.manifest)
    out.print(f"image: {made.path}\nmanifest: {made.manifest_path}", markup=False)
    out.print(f"run it: kxbench pvm run --image {made.path} {programs[0]}", markup=False)


@app.command()
def show(
    image: Annotated[Path, typer.Argument(metavar="FILE", help="An image.")],
    json: JsonOption = False,
) -> None:
    """Say what is in an image, and whether it is what its manifest says."""
    from targets.kylinx.image import check_image

    manifest = check_image(image)
    if json:
        print_json(manifest)
    else:
        _show(manifest)


def summary(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest in short, without its list of files."""
    return {key: value for key, value in manifest.items() if key not in ("files", "watched")} | {
        "files": len(manifest["files"])
    }


_SPOKEN = {"bytes": "size", "sites": "system calls patched", "missed": "left to LSTAR (slower)"}


def _show(manifest: dict[str, Any]) -> None:
    short = summary(manifest)
    notes: dict[str, str] = short.pop("notes")
    short["bytes"] = quantity(short["bytes"], "bytes")
    rows = [
        (_SPOKEN.get(key, key), ", ".join(map(str, v)) if isinstance(v, list) else v)
        for key, v in short.items()
        if v != []
    ]
    print_table("", ["", ""], rows)
    out.print()
    patched = [f for f in manifest["files"] if f.get("sites") or f.get("missed")]
    print_table(
        "[bold]system-call sites[/]",
        ["file", "patched", "left to LSTAR", "build-id"],
        [(f["path"], f["sites"], f["missed"], f.get("build_id", "")[:16]) for f in patched],
        right=("patched", "left to LSTAR"),
    )
    if notes:
        print_table("[bold]notes[/]", ["file", "note"], list(notes.items()))
