"""A machine of QEMU's: its command line, and its life from the start in a place to its end."""

import contextlib
import re
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import STDOUT, Popen

from targets.microkernel import qmp
from targets.microkernel.host import QEMU
from targets.microkernel.log import GuestLog
from targets.process.console import Console
from targets.process.ending import how_it_ended, kill_session, wait
from targets.process.micro import OUTPUT_BYTES
from vocabulary.errors import HostError, TargetError
from vocabulary.protocols import Place

LONGEST_ARGUMENTS = 511  # abi.h: struct mk_boot
BANNER_WITHIN_S = 10.0
QUIT_WITHIN_S = 3.0
LAST_WORDS_S = 0.2  # a kernel that panics prints more than the first line
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.002, 0.02
_WORD = re.compile(r"[a-z_]{1,32}=[A-Za-z0-9_.,:/+-]{0,64}")


@dataclass(frozen=True, slots=True)
class MachineOptions:
    """``arguments`` is the kernel's command line, ``key=value`` words. With ``virtual_time`` the machine's
    clock counts instructions, a nanosecond each, waits for nothing and knows no date: two runs of the same
    files print the same. ``tap`` is an open tap's descriptor for its network card, which has ``mac``."""

    kernel: Path
    initrd: Path
    arguments: str
    memory_mib: int = 64
    virtual_time: bool = False
    tap: int | None = None
    mac: str = ""

    def command(self) -> list[str]:
        """The words that start it; console and QMP are files in the working directory, the tap is
        standard input. Raises TargetError."""
        words = self.arguments.split()
        if wrong := [word for word in words if not _WORD.fullmatch(word)]:
            raise TargetError(f"not a word for the kernel's command line: {wrong[0][:80]!r}")
        if len(self.arguments) > LONGEST_ARGUMENTS:
            raise TargetError(f"the kernel's command line is longer than {LONGEST_ARGUMENTS} characters")
        # dtb-randomness: a seed in the device tree, another one each time
        # -S: a guest that does nothing but print keeps QEMU from answering; so it starts when that is done
        command = f"""{QEMU} -S -nodefaults -no-user-config -display none -no-reboot -accel tcg
            -machine virt,gic-version=2,dtb-randomness=off -cpu cortex-a15 -m {self.memory_mib}M
            -global virtio-mmio.force-legacy=false
            -chardev file,id=console,path=console.txt -serial chardev:console
            -chardev socket,id=qmp,path=qmp.sock -mon chardev=qmp,mode=control""".split()
        command += ["-kernel", str(self.kernel.absolute()), "-initrd", str(self.initrd.absolute())]
        command += ["-append", " ".join(words)]
        if self.virtual_time:
            command += ["-icount", "shift=0,sleep=off", "-rtc", "clock=vm,base=2026-01-01", "-seed", "1"]
        if self.tap is not None:
            command += ["-netdev", "tap,id=net,fd=0"]
            command += ["-device", f"virtio-net-device,netdev=net,mac={self.mac}"]
        return command


class Machine:
    """A machine that has been started. ``process`` is QEMU's."""

    def __init__(
        self, process: Popen[bytes], control: qmp.Qmp, log: GuestLog, place: Place, console: Console
    ) -> None:
        self.process, self.control, self.log = process, control, log
        self._place, self._console = place, console
        self._stopped = False  # by us
        self.serves = ""  # the program whose end is an error

    def await_ready(self, name: str, timeout_s: float) -> None:
        """Until the guest says that ``name`` serves, which is then to go on. Raises TargetError when it dies
        first, or does not."""
        self.serves = name
        if not self._watch(lambda: name in self.log.ready, timeout_s):
            raise self.error(f"the guest does not say within {timeout_s:g} s that {name} is ready")

    def await_end(self, timeout_s: float) -> None:
        """Until the guest has switched the machine off. Raises TargetError when it does not, or ends in
        another way."""
        if not self._watch(lambda: False, timeout_s, may_end=True):
            raise self.error(f"the guest did not end within {timeout_s:g} s")

    def check(self, patience_s: float = 0.0, *, may_end: bool = False) -> None:
        """Raises TargetError for a machine that is gone, a kernel that gave up, a task that was ended for
        what it did, and a guest that prints without end. Waits ``patience_s`` for the machine's end."""
        ended = self._has_ended(patience_s)
        self.log.look()
        if self.log.panic:
            self._has_ended(LAST_WORDS_S)
            raise self.error(f"the kernel panicked: {self.log.panic}")
        if self.log.faults:
            self._has_ended(LAST_WORDS_S)
            raise self.error(f"a task was ended: {self.log.faults[0]}")
        if self.serves in self.log.ended:
            raise self.error(f"the guest's {self.serves} ended with status {self.log.ended[self.serves]:#x}")
        if self.log.size > OUTPUT_BYTES:
            raise self.error(f"the guest printed more than {OUTPUT_BYTES >> 20} MiB")
        if ended and not self._stopped and not (may_end and self.process.returncode == 0):
            raise self.error(f"the machine {self._end()}")

    def stop(self) -> None:
        """Asked to quit first; gone on return."""
        if self.process.poll() is None:
            self._stopped = True
            with contextlib.suppress(TargetError):
                self.control.execute("quit", timeout_s=QUIT_WITHIN_S)
                wait(self.process, QUIT_WITHIN_S)
        kill_session(self._place, self.process)

    def error(self, what: str) -> TargetError:
        return TargetError(what, where=f"deployment {self._place.netns}", console=self._console.tail())

    def _has_ended(self, patience_s: float) -> bool:
        return self.process.returncode is not None or wait(self.process, patience_s) is not None

    def _watch(self, holds: Callable[[], bool], timeout_s: float, *, may_end: bool = False) -> bool:
        """Whether ``holds`` came true, or the machine ended as it may, before the time was over."""
        began = time.monotonic()
        pause_s = _FIRST_PAUSE_S
        while True:
            self.check(pause_s, may_end=may_end)
            if self.process.returncode is not None or holds():
                return True
            past_s = time.monotonic() - began
            if not self.log.banner and past_s > min(BANNER_WITHIN_S, timeout_s):
                raise self.error(f"the kernel has not said a word in {past_s:.0f} s")
            if past_s > timeout_s:
                return False
            pause_s = min(1.5 * pause_s, _LONGEST_PAUSE_S)

    def _end(self) -> str:
        """How it came to its end: by the guest's own doing, or QEMU's."""
        reasons = [event.data.get("reason") for event in self.control.events() if event.name == "SHUTDOWN"]
        told = {"guest-shutdown": "was switched off by the guest", "guest-reset": "was reset by the guest"}
        if reasons and self.process.returncode == 0:
            return told.get(str(reasons[0]), f"ended: {reasons[0]}")
        return f"is gone: {QEMU} {how_it_ended(self.process.returncode or 0)}"


@contextmanager
def running(
    options: MachineOptions,
    place: Place,
    directory: Path,
    console: Console,
    cpus: Collection[int] | None = None,
) -> Iterator[Machine]:
    """A machine with its files in ``directory``, its alone; gone at the end of the ``with``.

    Raises TargetError when QEMU does not start."""
    command = options.command()
    messages = console.new("qemu")
    guest = console.new("guest")
    (directory / "console.txt").symlink_to(guest.absolute())  # a path of any length and with any comma
    with ExitStack() as stack:
        listener = stack.enter_context(qmp.listening(directory, "qmp.sock"))
        try:
            output = stack.enter_context(messages.open("wb"))
            process = place.popen(
                command, cpus=cpus or None, cwd=directory, stdin=options.tap, stdout=output, stderr=STDOUT
            )
        except HostError as error:
            raise TargetError(f"cannot start {QEMU}: {error}", where=place.netns) from error
        stack.callback(kill_session, place, process)
        try:
            control = qmp.Qmp.accept(listener, process, f"deployment {place.netns}")
        except TargetError as error:
            error.console = console.tail()
            raise
        stack.callback(control.close)
        machine = Machine(process, control, GuestLog(guest), place, console)
        stack.callback(machine.stop)
        control.execute("cont")
        yield machine
