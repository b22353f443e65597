"""The open-loop generator: load at times fixed beforehand, latency from the time each request was meant to
be sent. ``README.md`` has the method; the C is beside this file."""

from workloads.openloop.build import build
from workloads.openloop.generator import Arrivals, Choice, doubts, one, run
from workloads.openloop.requests import encode_requests
from workloads.openloop.sweep import rates, sweep

__all__ = ["Arrivals", "Choice", "build", "doubts", "encode_requests", "one", "rates", "run", "sweep"]
