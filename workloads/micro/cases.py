"""The micro programs as case kinds."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from vocabulary import Capability, CaseContext, CaseKind, Deployment, Samples, TargetError
from workloads.micro import building, params
from workloads.micro.libraries import make_libraries, make_versions
from workloads.micro.whole import CreateCase, HerdCase
from workloads.protocol import parse_with_params

_SECONDS_TO_START = 30
_SECONDS_A_MIB = 0.25  # writing 256 pages a few times, on a slow or nested host
_GRACE_S = 15  # the program ends itself first, and says so
_SECONDS_AN_INTERVAL = 400  # eight counts, on a machine that is emulated fifty times as slow as its own clock

Options = dict[str, str | int]


def _own_options(given: BaseModel) -> Options:
    return dict(given)


def _dlopen_options(given: BaseModel) -> Options:
    assert isinstance(given, params.Dlopen)
    options = _own_options(given)
    directory = make_libraries(given.libraries, int(options.pop("size_kib")))
    return options | {"directory": str(directory)}


def _update_options(given: BaseModel) -> Options:
    assert isinstance(given, params.Update)
    options = _own_options(given)
    first, second = make_versions(int(options.pop("size_kib")))
    return options | {"library_v1": str(first), "library_v2": str(second)}


def _check_echo(program: str, asked: Options, said: Mapping[str, object]) -> None:
    """The program says what it ran with: that must be what it was asked for."""
    for name, value in asked.items():
        if said.get(name) != value:
            raise TargetError(
                f"ran with {name}={said.get(name)!r}, not {value!r}",
                where=f"output of {program}",
                remedy="rebuild: make -C workloads/micro clean all",
            )


def _timeout_s(options: Options) -> int:
    dirty_s = int(options.get("dirty_mib", 0)) * _SECONDS_A_MIB
    counts_s = int(options.get("interval_ms", 0)) / 1000 * _SECONDS_AN_INTERVAL
    return int(_SECONDS_TO_START + int(options.get("budget_ms", 0)) / 500 + dirty_s + counts_s)


@dataclass(frozen=True, slots=True)
class MicroCase:
    """One micro program; see vocabulary.CaseKind and README.md."""

    name: str
    summary: str
    params: type[BaseModel]
    probes: tuple[str, ...]
    needs: frozenset[Capability] = frozenset({Capability.MICRO})
    options: Callable[[BaseModel], Options] = _own_options

    def missing(self) -> str:
        return building.missing()

    def run(self, params: BaseModel, deployment: Deployment, context: CaseContext) -> list[Samples]:
        """Run the program once. Raises TargetError, and UnsupportedError when the program says so."""
        building.build()
        options = self.options(params)
        timeout_s = _timeout_s(options)
        args = [f"--timeout-s={timeout_s}"]
        args += [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
        context.progress(self.name)
        with context.observed(None):
            stdout = deployment.run_micro(building.BUILD / self.name, args, timeout_s=timeout_s + _GRACE_S)
        samples, said = parse_with_params(stdout, self.name)
        _check_echo(self.name, options, said)
        return samples


_IPC = ("ipc", "sched", "pvm")
_LIBRARY = ("library", "sched", "memory")
_WITH_FILES = frozenset({Capability.MICRO, Capability.LIBRARIES})

MICRO_CASES: tuple[CaseKind, ...] = (
    MicroCase("null", "null system call, clock, futex, mutex, semaphore, yield", params.Null, ()),
    MicroCase("ctxsw", "context switch between processes or threads", params.Ctxsw, ("sched",)),
    MicroCase(
        "fork",
        "fork to the parent's return, the child's first statement, exit and wait",
        params.Fork,
        ("fork", "sched", "memory", "pvm"),
    ),
    MicroCase("cow", "copy-on-write after fork, a page", params.Cow, ("memory", "pvm")),
    MicroCase(
        "exec",
        "fork, vfork or posix_spawn to the new image's main",
        params.Exec,
        ("fork", "sched", "memory", "pvm"),
    ),
    MicroCase("pipe", "messages over a pipe", params.Sized, _IPC),
    MicroCase("sysv_mq", "messages over a System V message queue", params.Sized, _IPC),
    MicroCase("posix_mq", "messages over a POSIX message queue", params.Sized, _IPC),
    MicroCase("kill", "a signal to its handler", params.Channel, _IPC),
    MicroCase("exitwait", "a child's exit to its parent's wait", params.ExitWait, _IPC),
    MicroCase("sysv_shm", "messages through System V shared memory", params.Sized, _IPC),
    MicroCase("posix_shm", "messages through POSIX shared memory", params.Sized, _IPC),
    MicroCase(
        "dlopen",
        "dlopen, dlsym and first call of libraries",
        params.Dlopen,
        _LIBRARY,
        _WITH_FILES,
        _dlopen_options,
    ),
    MicroCase(
        "update",
        "a library replaced while threads call it",
        params.Update,
        _LIBRARY,
        _WITH_FILES,
        _update_options,
    ),
    MicroCase(
        "kernel",
        "what kernels' own benchmarks measure, by groups: on a micro kernel instructions, else ns",
        params.Kernel,
        (),
        frozenset({Capability.KERNEL}),
    ),
    HerdCase(),
    CreateCase(),
)
"""Every micro program as a case kind."""
