"""The process target: ordinary Linux processes, Debian's own redis-server, nginx and nsd."""

from targets.process.target import ProcessDeployment, ProcessTarget

__all__ = ["ProcessDeployment", "ProcessTarget"]
