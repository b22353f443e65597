"""``kxbench pvm``: families of pVMs made, watched and ended; what ``xl`` is to Xen."""

import contextlib
import os
import select
import signal
import socket
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand
from typer.exceptions import TyperException

from bench.console import err, out, print_error, print_json, print_table, quantity
from bench.pvm_options import (
    AddOption,
    CpusOption,
    CwdOption,
    EnvOption,
    HostnameOption,
    ImageOption,
    MemoryOption,
    PvmsOption,
    ShareOption,
    TtyOption,
    VmPerPvmOption,
    WithOption,
    environment,
    family_options,
)
from vocabulary import HostError, KxbenchError, TargetError, UsageError

if TYPE_CHECKING:
    from targets.kylinx.toolstack.faults import Fault
    from targets.kylinx.toolstack.programs import Ending

app = typer.Typer(
    help="Families of pVMs: programs of this host in virtual machines that behave like processes.\n\n"
    "A family is one program and all that it forks; each process of it is a pVM. Try: "
    "[bold]kxbench pvm run bash -c 'echo $$; uname -n'[/]. Needs root and KVM.\n\n"
    "`run` and `exec` end with the program's own exit status; 125: it could not be started or followed.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
_EXIT_TROUBLE, _EXIT_INTERRUPTED = 125, 130
_PROGRAM = {"allow_interspersed_args": False}  # what comes after the program's name is the program's


class _PassesOn(TyperCommand):
    """Ends with the program's own status; so wrong usage, too, is 125, as it could not be started."""

    def make_context(self, *given: Any, **more: Any) -> Any:
        try:
            return super().make_context(*given, **more)
        except TyperException as error:
            error.exit_code = _EXIT_TROUBLE
            raise


JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="A family's name.")]
CommandArgument = Annotated[
    list[str], typer.Argument(metavar="PROGRAM ARGS...", help="Program and arguments.")
]


@app.command(
    cls=_PassesOn,
    context_settings=_PROGRAM,
    help="Run a program in a family of its own, as if it were called here; its exit status is passed on.\n\n"
    "The program is this host's, taken with its libraries into an image that is kept. Options go before its "
    "name. Its files are in memory, and gone with it; --share shows it a directory of this host. Ctrl-C ends "
    "the family.",
)
def run(
    command: CommandArgument,
    image: ImageOption = None,
    with_: WithOption = None,
    add: AddOption = None,
    memory: MemoryOption = "",
    pvms: PvmsOption = None,
    cpus: CpusOption = None,
    share: ShareOption = None,
    env: EnvOption = None,
    cwd: CwdOption = "/",
    tty: TtyOption = None,
    hostname: HostnameOption = "",
    vm_per_pvm: VmPerPvmOption = False,
) -> None:
    from targets.kylinx.toolstack.control import Program
    from targets.kylinx.toolstack.monitor import start_monitor
    from targets.kylinx.toolstack.programs import run_program

    with _trouble():
        _demand_name(command)
        options, path = family_options(
            command[0], image, with_, add, memory, pvms, cpus, share, hostname, cwd, vm_per_pvm
        )
        program = Program(path, tuple(command), environment(env), cwd, tty=_terminal(tty))
        with _terminated(), start_monitor(f"run-{os.getpid()}", options) as monitor:
            _tell_unlimited(monitor.group.unlimited)
            ending = run_program(
                monitor.control, program, (0, 1, 2), on_fault=_fault_teller(options.image), on_log=_tell
            )
    _exit(ending)


@app.command(context_settings=_PROGRAM)
def create(
    command: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROGRAM ARGS...]", help="Its first program; none: an empty family."),
    ] = None,
    name: Annotated[str, typer.Option("--name", help="What to call it; default: after the program.")] = "",
    image: ImageOption = None,
    with_: WithOption = None,
    add: AddOption = None,
    memory: MemoryOption = "",
    pvms: PvmsOption = None,
    cpus: CpusOption = None,
    share: ShareOption = None,
    env: EnvOption = None,
    cwd: CwdOption = "/",
    tty: Annotated[
        bool, typer.Option("--tty", help="Its console is a terminal; default: two pipes.")
    ] = False,
    hostname: HostnameOption = "",
    vm_per_pvm: VmPerPvmOption = False,
) -> None:
    """Start a family in the background, and print its name. It ends with its first program, if it has one.

    What became of it stays in the list until it is destroyed. Options go before the program's name."""
    from targets.kylinx.toolstack import families

    if not command and not image and not with_:
        raise UsageError(
            "nothing to make the family of", remedy="give a program, --with PROGRAM, or --image FILE"
        )
    words = command or []
    _demand_name(words)
    options, path = family_options(
        words[0] if words else "", image, with_, add, memory, pvms, cpus, share, hostname, cwd, vm_per_pvm
    )
    called = name or families.unused_name(Path(words[0]).name if words else "family")
    wanted = families.Wanted(called, options, path, tuple(words), environment(env), cwd, tty)
    made = families.create(wanted)
    _tell_unlimited(made.state().get("unlimited", []))
    out.print(made.name, markup=False)


@app.command("exec", cls=_PassesOn, context_settings=_PROGRAM)
def exec_(
    name: NameArgument,
    command: CommandArgument,
    env: EnvOption = None,
    cwd: CwdOption = "/",
    tty: TtyOption = None,
) -> None:
    """Run a further program in a family, on this terminal; its exit status is passed on.

    It must be in the family's image: kxbench pvm create --with PROGRAM brings it in. Ctrl-C ends it."""
    from targets.kylinx.toolstack.control import Program
    from targets.kylinx.toolstack.families import family
    from targets.kylinx.toolstack.programs import find_in_image, run_program

    with _trouble():
        one = family(name)
        image = Path(one.state()["image"])
        _demand_name(command)
        path = find_in_image(image, command[0])
        program = Program(path, tuple(command), environment(env), cwd, tty=_terminal(tty))
        with _terminated(), one.connect() as control:
            ending = run_program(control, program, (0, 1, 2), on_fault=_fault_teller(image), on_log=_tell)
    _exit(ending)


@app.command("list")
def list_(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="A family, to list its pVMs.")] = "",
    json: JsonOption = False,
) -> None:
    """List the families, or the pVMs of one."""
    from targets.kylinx.toolstack import families

    if name:
        _list_pvms(families.family(name), json)
        return
    states = [one.state() for one in families.families()]
    for state in states:
        state["pvms"] = None
        if state["state"] == "running":
            with contextlib.suppress(KxbenchError), families.Family(state["name"]).connect() as control:
                answer = control.request("stats")
                state["pvms"] = answer.get("vcpus", {}).get("live")
                state["memory_bytes"] = answer.get("memory", {}).get("used_bytes")
    if json:
        print_json(states)
        return
    if not states:
        out.print("no families; kxbench pvm create makes one")
        return
    rows = [
        (
            s["name"],
            s["state"] if s.get("status") is None else _status_text(s["status"]),
            "" if s["pvms"] is None else s["pvms"],
            _mib(s.get("memory_bytes")),
            len(s.get("faults", [])) or "",
            " ".join(s.get("program", [])),
        )
        for s in states
    ]
    print_table(
        "", ["family", "state", "pVMs", "MiB", "faults", "program"], rows, right=("pVMs", "MiB", "faults")
    )


def _list_pvms(one: Any, json: bool) -> None:
    pvms: list[dict[str, Any]] = []
    with one.connect() as control:
        at: int | None = 0
        while at is not None:
            answer = control.request("list", [("from", at)])
            pvms += answer["pvms"]
            at = answer.get("next")
    if json:
        print_json(pvms)
        return
    if not pvms:
        out.print(f"no pVM is alive in {one.name}", markup=False)
        return
    columns = ["slot", "parent", "state", "private MiB", "shared MiB", "CPU s", "age s", "exits", "faults"]
    rows = [
        (
            p["slot"],
            "" if p["parent"] is None else p["parent"],
            p["state"],
            _mib(p["private_bytes"]),
            _mib(p["shared_bytes"]),
            f"{p['cpu_ns'] / 1e9:.2f}",
            f"{p['age_ns'] / 1e9:.1f}",
            p["exits"],
            p["faults"],
        )
        for p in pvms
    ]
    print_table("", columns, rows, right=[c for c in columns if c != "state"])


@app.command()
def stats(name: NameArgument, json: JsonOption = False) -> None:
    """Figures of a family: memory, vCPUs, hypercalls, and what the LibOS counts, unsupported calls too."""
    from targets.kylinx.toolstack import families

    one = families.family(name)
    with one.connect() as control:
        answer = control.request("stats")
    answer = {key: value for key, value in answer.items() if key not in ("id", "ok")}
    if json:
        print_json(answer)
        return
    for section, values in answer.items():
        if isinstance(values, dict):
            rows = [(_spoken(key), _told(key, value)) for key, value in values.items()]
            print_table(f"[bold]{section}[/]", ["", ""], rows)
            out.print()
    if answer.get("libos") is None:
        out.print("libos: no pVM is alive to tell")


@app.command()
def kill(
    name: NameArgument,
    slot: Annotated[int, typer.Argument(metavar="SLOT", help="The pVM's, from `pvm list NAME`.", min=0)],
    force: Annotated[
        bool, typer.Option("--force", help="By the monitor, when the LibOS does not answer.")
    ] = False,
) -> None:
    """Kill one pVM, as by SIGKILL."""
    from targets.kylinx.toolstack import families

    with families.family(name).connect() as control:
        try:
            control.request("kill", [("slot", slot), *([("force", 1)] if force else [])])
        except TargetError as error:
            raise TargetError(
                error.what, where=f"family {name}, slot {slot}", remedy=f"kxbench pvm list {name}"
            ) from error


@app.command()
def destroy(name: NameArgument) -> None:
    """End a family with all its pVMs, and forget it; or forget one that has ended."""
    from targets.kylinx.toolstack import families

    families.destroy(families.family(name))


@app.command()
def console(
    name: NameArgument,
    no_input: Annotated[bool, typer.Option("--no-input", help="Only look.")] = False,
) -> None:
    """What a family's first program printed, and prints; what is typed goes to it. Ctrl-C detaches."""
    from targets.kylinx.toolstack import families

    one = families.family(name)
    state = one.state()
    if not state.get("program"):
        raise UsageError(
            "the family has no first program, so no console",
            where=name,
            remedy=f"run one in it: kxbench pvm exec {name} PROGRAM",
        )
    if state["state"] == "running":
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(one.console))
            with (
                contextlib.suppress(KeyboardInterrupt),
                _plain_terminal(bool(state.get("tty")) and not no_input),
            ):
                _copy(connection, None if no_input else 0)
    elif one.tail.exists():
        _write_all(1, one.tail.read_bytes())
    state = one.state()
    for line in state.get("log", []):
        _tell(line)
    for fault in state.get("faults", []):
        err.print(fault, markup=False)
    if state.get("status") is not None:
        err.print(f"kxbench: {name} {_status_text(state['status'])}", markup=False)


# ---- helpers


def _demand_name(words: list[str]) -> None:
    if words and not words[0]:
        raise UsageError("the name of the program is empty", remedy="give a program's name or path")


def _terminal(asked: bool | None) -> bool:
    return (os.isatty(0) and os.isatty(1)) if asked is None else asked


@contextmanager
def _trouble() -> Iterator[None]:
    """Errors of ours end with 125, so that they are not taken for the program's status."""
    try:
        yield
    except KxbenchError as error:
        print_error(error)
        raise typer.Exit(_EXIT_TROUBLE) from error
    except OSError as error:
        print_error(HostError(error.strerror or str(error), where=str(error.filename or "")))
        raise typer.Exit(_EXIT_TROUBLE) from error
    except KeyboardInterrupt:
        raise typer.Exit(_EXIT_INTERRUPTED) from None


@contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM ends the family too, not only us."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(ending: "Ending") -> None:
    if ending.exit_code:
        raise typer.Exit(ending.exit_code)


def _tell(text: str) -> None:
    err.print(f"kxbench: {text}", markup=False)


def _tell_unlimited(controllers: list[str]) -> None:
    if controllers:
        _tell(
            f"this host has no control group for {', '.join(controllers)}: only the monitor limits the family"
        )


def _fault_teller(image: Path) -> Any:
    from targets.kylinx.toolstack.starting import check_whole
    from targets.kylinx.toolstack.symbols import Symbols

    symbols = Symbols(image)

    def tell(fault: "Fault") -> None:
        err.print(fault.text(symbols), markup=False)
        try:
            check_whole(image)
        except KxbenchError as error:
            print_error(error)

    return tell


def _status_text(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"killed by signal {os.WTERMSIG(status)}"
    return f"ended with code {os.WEXITSTATUS(status)}"


def _mib(count: int | None) -> str:
    return "" if count is None else f"{count / (1 << 20):.1f}"


def _spoken(key: str) -> str:
    return key.removesuffix("_bytes").replace("_", " ")


def _told(key: str, value: Any) -> str:
    """A figure of the monitor's or the LibOS's for people."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    if isinstance(value, list):
        return "\n".join(_told(key, one) for one in value) or "none"
    return quantity(value, "bytes") if key.endswith("_bytes") else str(value)


@contextmanager
def _plain_terminal(wanted: bool) -> Iterator[None]:
    """Our terminal passes each key on and shows nothing by itself: the family's terminal does."""
    if not wanted or not os.isatty(0):
        yield
        return
    before = termios.tcgetattr(0)
    plain = termios.tcgetattr(0)
    plain[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(0, termios.TCSADRAIN, plain)
    try:
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _copy(connection: socket.socket, source: int | None) -> None:
    """Both ways until the other end closes."""
    poller = select.poll()
    poller.register(connection, select.POLLIN)
    if source is not None:
        poller.register(source, select.POLLIN)
    while True:
        for descriptor, _ in poller.poll():
            data = os.read(descriptor, 65536)
            if descriptor == connection.fileno():
                if not data:
                    return
                _write_all(1, data)
            elif data:
                connection.sendall(data)
            else:
                poller.unregister(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
