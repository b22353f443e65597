"""What a deployment's programs print, in files under its scratch directory."""

from pathlib import Path

from targets.process.text import clean

TAIL_BYTES = 8192
_SHARE_BYTES = 512  # the least that a file gets, however many there are


class Console:
    """Hands out files to print to, and reads back the tail of all of them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._files: dict[str, Path] = {}

    def new(self, name: str) -> Path:
        """An empty file; its name (shown with its text) gets a number if it is taken."""
        self._directory.mkdir(parents=True, exist_ok=True)
        unique, number = name, 1
        while unique in self._files:
            number += 1
            unique = f"{name}-{number}"
        path = self._directory / f"{unique}.log"
        path.touch()
        self._files[unique] = path
        return path

    def forget(self, path: Path) -> None:
        """Not shown any more, and removed."""
        self._files = {name: known for name, known in self._files.items() if known != path}
        path.unlink(missing_ok=True)

    def tail(self, limit: int = TAIL_BYTES) -> str:
        """The last ``limit`` bytes of all files, each under its name; those that are empty are left out."""
        printed = [item for item in self._files.items() if item[1].exists() and item[1].stat().st_size]
        kept: list[str] = []
        room = limit
        for after, (name, path) in enumerate(reversed(printed)):  # the latest matter most
            if room <= 0:
                break
            share = max(_SHARE_BYTES, room // (len(printed) - after))
            text = tail_of(path, min(share, room))
            room -= len(text)
            kept.append(f"== {name} ==\n{text}")
        return "\n".join(reversed(kept))


def tail_of(path: Path, limit: int) -> str:
    """The last ``limit`` bytes of a file, from the start of a line where one is in reach."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - limit))
        data = file.read(limit)
    if size > limit and b"\n" in data[:-1]:
        data = data[data.index(b"\n") + 1 :]
    return clean(data).rstrip("\n")
