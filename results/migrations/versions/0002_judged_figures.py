"""Judged figures, so that months of runs are shown without reading their samples again"""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("machine", sa.String(64), nullable=False, server_default=""))
    op.add_column("runs", sa.Column("judged_s", sa.Double))
    _name_machines()
    op.create_index(
        "runs_by_time",
        "runs",
        [
            *("started_s", "run_id", "machine", "plan_name", "state"),
            *("finished_s", "commit", "cells_planned", "judged_s"),
        ],
    )
    op.create_index("cells_by_outcome", "cells", ["target", "kind", "outcome", "run_id"])
    op.create_index("cells_of_run", "cells", ["run_id", "outcome"])
    op.create_table(
        "series",
        sa.Column("series_id", sa.Integer, primary_key=True),
        sa.Column("identity", sa.String(64), nullable=False, unique=True),
        *(
            sa.Column(name, sa.Text, nullable=False)
            for name in ("target", "case_id", "kind", "series", "metric", "source", "probe")
        ),
        sa.Column("labels", sa.JSON, nullable=False),
        sa.Column("probed", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.String(32), nullable=False) for name in ("unit", "clock", "better")),
    )
    _of_series_and_run(
        "figures",
        (
            sa.Column("place", sa.Integer, nullable=False),
            sa.Column("deployments", sa.Integer, nullable=False),
        ),
        (sa.Column("count", sa.BigInteger, nullable=False),),
        (sa.Column(n, sa.Double) for n in ("estimate", "low", "high", "p05", "p25", "p75", "p95", "p99")),
        (sa.Column("minimum", sa.Double), sa.Column("maximum", sa.Double)),
        (sa.Column("note", sa.Text, nullable=False), sa.Column("replicates", sa.JSON, nullable=False)),
    )
    _of_series_and_run(
        "ratios",
        (sa.Column("against", sa.Text, primary_key=True), sa.Column("place", sa.Integer, nullable=False)),
        (sa.Column(n, sa.Double) for n in ("estimate_a", "estimate_b", "ratio", "low", "high", "p_value")),
        (sa.Column("p_adjusted", sa.Double), sa.Column("effect_size", sa.Double)),
        (
            sa.Column("pairs", sa.Integer, nullable=False),
            sa.Column("significant", sa.Boolean, nullable=False),
        ),
        (sa.Column(name, sa.Text, nullable=False) for name in ("note", "clock_a", "clock_b", "unit_b")),
    )
    op.create_table(
        "judgements",
        sa.Column("run_id", sa.String(64), _run(), primary_key=True),
        sa.Column("kind", sa.String(32), primary_key=True),
        sa.Column("rows", sa.JSON, nullable=False),
    )


def _run() -> sa.ForeignKey:
    return sa.ForeignKey("runs.run_id", ondelete="CASCADE")


def _of_series_and_run(name: str, *columns: Iterable[sa.Column[Any]]) -> None:
    """A table whose rows of one series lie together: a trend reads them in one go."""
    op.create_table(
        name,
        sa.Column(
            "series_id", sa.Integer, sa.ForeignKey("series.series_id"), primary_key=True, autoincrement=False
        ),
        sa.Column("run_id", sa.String(64), _run(), primary_key=True),
        *(column for group in columns for column in group),
        sqlite_with_rowid=False,
    )
    op.create_index(f"{name}_by_run", name, ["run_id", "place"])


def _name_machines() -> None:
    from results.tables import machine_of

    runs = sa.table(
        "runs", sa.column("run_id", sa.String), sa.column("environment", sa.JSON), sa.column("machine")
    )
    connection = op.get_bind()
    for run_id, environment in connection.execute(sa.select(runs.c.run_id, runs.c.environment)).fetchall():
        named = sa.update(runs).where(runs.c.run_id == run_id).values(machine=machine_of(environment))
        connection.execute(named)


def downgrade() -> None:
    for name in ("judgements", "ratios", "figures", "series"):
        op.drop_table(name)
    for table, index in (("cells", "cells_of_run"), ("cells", "cells_by_outcome"), ("runs", "runs_by_time")):
        op.drop_index(index, table)
    op.drop_column("runs", "judged_s")
    op.drop_column("runs", "machine")
