"""The commands of the dashboard (thin): dashboard, push."""

from pathlib import Path
from typing import Annotated

import typer

from bench.console import out, working
from vocabulary import UsageError

StoreOption = Annotated[
    str | None,
    typer.Option("--store", envvar="KXBENCH_STORE", help="SQLite file or database URL", metavar="URL"),
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        "--token-file", help="File with the token; or the environment's KXBENCH_TOKEN.", metavar="FILE"
    ),
]


def dashboard(
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; others need a token.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", help="Port; 0 for any that is free.", min=0, max=65535)
    ] = 8642,
    token_file: TokenOption = None,
    accept_uploads: Annotated[
        bool, typer.Option("--accept-uploads", help="Take in runs by `kxbench push`; needs a token.")
    ] = False,
    most_mib: Annotated[
        int, typer.Option("--most-mib", help="The largest upload taken, uncompressed.", min=1, max=65536)
    ] = 256,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write the pages as files into DIR instead of serving.", metavar="DIR"),
    ] = None,
    runs: Annotated[
        int, typer.Option("--runs", help="With --export: how many runs.", min=1, max=10_000)
    ] = 20,
    store: StoreOption = None,
) -> None:
    """Show all stored runs in a browser: overview, comparisons, trends, runs, systems; and a JSON API.

    Read-only and on this machine alone unless told otherwise. Works offline."""
    from bench.dashboard import access_for, start, token_of, write
    from bench.stored import opened

    if export is not None:
        with opened(store) as kept:
            write(kept, export, runs)
        return
    access = access_for(host, token_of(token_file), accept_uploads, most_mib)
    with opened(store) as kept:
        start(kept, host, port, access)


def push(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of a dashboard that takes uploads.")],
    run: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs; by default the latest.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every run that is over.")] = False,
    token_file: TokenOption = None,
    store: StoreOption = None,
) -> None:
    """Send runs with every sample to the dashboard of another machine. Sending one twice does no harm."""
    from bench.dashboard import TOKEN, token_of
    from bench.push import send
    from bench.stored import opened
    from vocabulary import RunState

    token = token_of(token_file)
    if not token:
        raise UsageError("pushing needs the dashboard's token", remedy=f"--token-file FILE, or {TOKEN}")
    with opened(store) as kept:
        if all_:
            names = [one.run_id for one in kept.runs() if one.state is not RunState.RUNNING]
        else:
            names = [kept.run(name).run_id for name in run or ["latest"]]
        for name in names:
            with working(f"pushing {name}"):
                new = send(kept, name, url, token)
            out.print(f"{'pushed' if new else 'there already:'} {name}", markup=False)
