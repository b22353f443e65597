"""A suite to be killed: ``python -m tests.targets.victim RUN DIRECTORY`` deploys nginx over and over.

It writes ``up`` before it makes its lab, and ``serving`` whenever nginx has answered."""

import sys
from pathlib import Path

from targets import make_target
from targets.lab import Lab
from vocabulary import Service, ServiceKind


def say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main(run: str, directory: Path) -> None:
    data = directory / "data"
    data.mkdir(exist_ok=True)
    say("up")
    with Lab(run) as lab:
        target = make_target("process", lab)
        for number in range(1000):
            with (
                target.deploy(directory / f"deployment{number}") as deployment,
                deployment.serve(Service(ServiceKind.HTTP, data, workers=2)),
            ):
                say("serving")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
