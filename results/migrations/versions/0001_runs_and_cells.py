"""Runs and cells"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String(64), primary_key=True),
        sa.Column("plan_name", sa.Text, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("seed", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("started_s", sa.Double, nullable=False),
        sa.Column("finished_s", sa.Double),
        sa.Column("environment", sa.JSON, nullable=False),
        sa.Column("warnings", sa.JSON, nullable=False),
        sa.Column("commit", sa.Text, nullable=False),
        sa.Column("cells_planned", sa.Integer, nullable=False),
    )
    op.create_table(
        "cells",
        sa.Column(
            "run_id", sa.String(64), sa.ForeignKey("runs.run_id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("cell", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("block", sa.Integer, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("case_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("params", sa.JSON, nullable=False),
        sa.Column("probes", sa.JSON, nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("started_s", sa.Double, nullable=False),
        sa.Column("duration_s", sa.Double, nullable=False),
        sa.Column("environment", sa.JSON, nullable=False),
        sa.Column("console", sa.Text, nullable=False),
        sa.Column("lost_events", sa.BigInteger, nullable=False),
        sa.Column("series", sa.Integer, nullable=False),
        sa.Column("samples_file", sa.Text),
    )


def downgrade() -> None:
    op.drop_table("cells")
    op.drop_table("runs")
