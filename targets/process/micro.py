"""Running one micro program to its end."""

from collections.abc import Sequence
from pathlib import Path

from targets.process.console import Console, tail_of
from targets.process.ending import how_it_ended, kill_session, wait
from vocabulary.errors import HostError, TargetError, UnsupportedError
from vocabulary.protocols import Place

OUTPUT_BYTES = 256 << 20  # some 10 million samples
EXIT_UNSUPPORTED = 77  # the habit of automake's tests: "skipped"
_LAST_LINE_BYTES = 1024


def run_micro(
    place: Place,
    console: Console,
    scratch: Path,
    program: Path,
    args: Sequence[str],
    timeout_s: float,
    runner: Sequence[str] = (),
) -> str:
    """Its standard output; its standard error goes to the console. ``runner``: words before the program that
    run it in another target's way, and pass its output and exit status on.

    Raises TargetError when it fails, is killed, prints over 256 MiB or takes longer than ``timeout_s``
    (all that it started is killed then), UnsupportedError when it exits with 77, with its last word."""
    where = f"{program.name} in {place.netns}"
    if not program.is_file():
        raise TargetError("there is no such micro program", where=str(program), remedy="run ./kxbench setup")
    output, errors = console.new(f"{program.name}.stdout"), console.new(f"{program.name}.stderr")

    def too_much() -> bool:
        return max(output.stat().st_size, errors.stat().st_size) > OUTPUT_BYTES

    def failure(what: str) -> TargetError:
        return TargetError(f"{program.name} {what}", where=where, console=console.tail())

    try:
        with output.open("wb") as out, errors.open("wb") as err:
            process = place.popen([*runner, program.absolute(), *args], cwd=scratch, stdout=out, stderr=err)
    except HostError as error:
        raise failure(f"cannot be started: {error}") from error
    try:
        code = wait(process, timeout_s, too_much)
    finally:
        kill_session(place, process)
    if too_much():
        raise failure(f"printed more than {OUTPUT_BYTES >> 20} MiB")
    if code is None:
        raise failure(f"did not end within {timeout_s:g} s")
    if code == EXIT_UNSUPPORTED:
        said = tail_of(errors, _LAST_LINE_BYTES).rpartition("\n")[2].strip()
        raise UnsupportedError(said or f"{program.name} cannot run here, and does not say why", where=where)
    if code:
        raise failure(how_it_ended(code))
    text = output.read_text(encoding="utf-8", errors="replace")
    console.forget(output)
    return text
