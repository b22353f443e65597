"""Parameters that the loads of all services share."""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _several(value: object) -> object:
    return (value,) if isinstance(value, (int, float)) else value


Rates = Annotated[
    tuple[Annotated[int, Field(ge=1, le=5_000_000)], ...],
    BeforeValidator(_several),
    Field(min_length=1, max_length=16),
]
"""One rate or a list of them, requests a second."""


class Data(Params):
    """Of what is served. The data set has a seed of its own, so that all deployments of a run, and later
    runs, share it; the run's seed is for requests and arrivals."""

    data_seed: int = Field(1, ge=0, lt=2**32, description="seed of the data set")


class Load(Params):
    """Open loop at fixed rates, then the native generator."""

    rate_per_s: Rates = Field((10_000,), description="requests a second: one number, or a list run in turn")
    duration_s: float = Field(0.5, ge=0.05, le=600, description="measured time at each rate")
    warmup_s: float = Field(0.1, ge=0, le=60, description="load before it that is not counted")
    arrivals: Literal["poisson", "uniform"] = Field("poisson", description="how sends are spaced")
    connections: int = Field(16, ge=1, le=1000, description="connections (sockets) of each generator")
    native_s: float = Field(
        0.4, ge=0, le=60, description="native generator's closed loop at saturation; 0 leaves it out"
    )


class Sweep(Params):
    """Open loop at rising rates to the knee (workloads/openloop/sweep.py)."""

    duration_s: float = Field(0.5, ge=0.05, le=60, description="measured time at each rate")
    warmup_s: float = Field(0.1, ge=0, le=60, description="load before it that is not counted")
    arrivals: Literal["poisson", "uniform"] = Field("poisson", description="how sends are spaced")
    connections: int = Field(16, ge=1, le=1000, description="connections (sockets)")
    lowest_share: float = Field(
        0.1, ge=0.001, le=1, description="first rate, as a share of the closed-loop rate"
    )
    highest_share: float = Field(2.0, ge=0.1, le=10, description="last rate at the most, likewise")
    per_decade: Literal[5, 10, 20] = Field(10, description="rates a decade (ISO 3)")
