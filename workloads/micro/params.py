"""The parameters of the micro cases; each is an option of the program unless said otherwise."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Pages = Literal["default", "huge", "none"]
Pin = Literal["none", "same", "apart"]
SizeKib = Literal[64, 1024, 16384]
_PAGES = "huge: advised; none: huge pages refused; default: left to the system"


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    iterations: int = Field(1000, ge=1, le=1_000_000, description="the most measured iterations")
    budget_ms: int = Field(
        200, ge=0, le=600_000, description="stop after this long, but not before 4 iterations; 0: no limit"
    )
    pin: Pin = Field("none", description="processes to processors: none, all to one, or one each")


class Null(Params):
    iterations: int = Field(200, ge=1, le=1_000_000, description="samples of each operation")
    batch: int = Field(1000, ge=1, le=1_000_000, description="operations a sample")


class Ctxsw(Params):
    iterations: int = Field(5000, ge=1, le=1_000_000, description="the most round trips")
    pin: Pin = Field("same", description="same: a true switch; none: the scheduler decides")
    between: Literal["processes", "threads", "semaphore"] = Field(
        "processes", description="processes over pipes, threads over futexes, threads over sem_t"
    )


class Kernel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    group: Literal["syscall", "scheduling", "ipc", "irq", "sync", "memory", "task", "thread_metric"] = Field(
        "syscall", description="what to measure; thread_metric: counts, told as in 30 s of the target's clock"
    )
    iterations: int = Field(100, ge=1, le=100_000, description="samples of each metric but the counts")
    interval_ms: int = Field(100, ge=1, le=30_000, description="how long thread_metric counts each")


class Memory(Params):
    dirty_mib: int = Field(16, ge=0, le=65536, description="MiB dirtied before the first fork")
    pages: Pages = Field("default", description=_PAGES)


class Fork(Memory):
    iterations: int = Field(2000, ge=1, le=1_000_000, description="the most forks, the first included")
    child: Literal["exit", "exec"] = Field("exit", description="the child exits, or executes a tiny program")
    redirty: Literal["all", "none"] = Field(
        "all", description="before each further fork, write every page again (private, as at first), or none"
    )
    touch_pages: int = Field(
        0, ge=0, le=1 << 20, description="right after it, both sides write this many pages, and two of stack"
    )


class Cow(Memory):
    dirty_mib: int = Field(16, ge=1, le=65536, description="MiB dirtied before the fork")
    iterations: int = Field(10, ge=1, le=10_000, description="the most rounds of four forks")
    stride_pages: int = Field(16, ge=2, le=4096, description="sparse: every so manieth page is touched")
    batch_pages: int = Field(16, ge=1, le=65536, description="touched pages a sample")


class Exec(Memory):
    iterations: int = Field(500, ge=1, le=1_000_000, description="the most, the first included")
    dirty_mib: int = Field(0, ge=0, le=65536, description="MiB dirtied before the first")
    method: Literal["fork", "vfork", "spawn"] = Field("fork", description="how the child comes to be")
    image: Literal["dynamic", "static"] = Field("dynamic", description="how the tiny program is linked")


class Herd(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    children: int = Field(100, ge=10, le=100_000, description="processes alive at once")
    touch_pages: int = Field(4, ge=0, le=65536, description="pages each child writes")
    hold_ms: int = Field(500, ge=0, le=60_000, description="pauses in which memory is read from outside")


class Create(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    iterations: int = Field(50, ge=1, le=100_000, description="the most starts")
    budget_ms: int = Field(400, ge=0, le=600_000, description="stop after this long, but not before 4")
    image: Literal["dynamic", "static"] = Field("dynamic", description="how the tiny program is linked")


class Signalled(Params):
    """Between two processes, without a message."""

    iterations: int = Field(2000, ge=1, le=1_000_000, description="the most round trips")
    mode: Literal["blocked", "awake"] = Field("blocked", description="receivers block, or poll")
    pin: Pin = Field("apart", description="apart: a processor for each process")
    gap_us: int = Field(
        20, ge=0, le=1_000_000, description="blocked: busy time before each, to let the peer block"
    )


class ExitWait(Signalled):
    iterations: int = Field(500, ge=1, le=1_000_000, description="the most children")
    gap_us: int = Field(50, ge=0, le=1_000_000, description="the child's busy time before it exits")


class Channel(Signalled):
    rounds: int = Field(5, ge=1, le=1000, description="new channels and peers, for first contact")


class Sized(Channel):
    size_bytes: int = Field(1, ge=1, le=65536, description="message size")
    batches: int = Field(200, ge=1, le=100_000, description="the most throughput samples")


class Dlopen(Params):
    iterations: int = Field(200, ge=1, le=100_000, description="rounds; all but the first open again")
    libraries: int = Field(8, ge=1, le=256, description="how many")
    size_kib: SizeKib = Field(64, description="size of each; not an option: chooses the directory")


class Update(Params):
    iterations: int = Field(200, ge=1, le=100_000, description="the most updates")
    pin: Pin = Field("apart", description="apart: the updater and the callers on processors of their own")
    callers: int = Field(1, ge=1, le=64, description="threads that call at full speed")
    work: int = Field(0, ge=0, le=1_000_000, description="loop turns inside each call; 0: the shortest call")
    pause_us: int = Field(1000, ge=0, le=1_000_000, description="time after each update")
    size_kib: SizeKib = Field(64, description="size of the library; not an option: chooses the files")
