"""Baselines, calibrations and verdicts of the regression gate"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "baselines",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("runs", sa.JSON, nullable=False),
        *_made(),
        sa.Column("why", sa.Text, nullable=False),
    )
    op.create_table(
        "calibrations",
        sa.Column("calibration_id", sa.Integer, primary_key=True),
        sa.Column("plan_name", sa.Text, nullable=False),
        sa.Column("runs", sa.JSON, nullable=False),
        *_made(),
        sa.Column("noise", sa.JSON, nullable=False),
    )
    op.create_table(
        "verdicts",
        sa.Column("verdict_id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.String(64), sa.ForeignKey("runs.run_id", ondelete="CASCADE"), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("made_s", sa.Double, nullable=False),
        sa.Column("exit_code", sa.Integer, nullable=False),
        sa.Column("report", sa.JSON, nullable=False),
    )
    op.create_index("verdicts_of_run", "verdicts", ["run_id", "kind", "verdict_id"])


def _made() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("machine", sa.String(64), nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("commit", sa.Text, nullable=False),
        sa.Column("made_by", sa.Text, nullable=False),
        sa.Column("made_s", sa.Double, nullable=False),
    )


def downgrade() -> None:
    op.drop_index("verdicts_of_run", "verdicts")
    for name in ("verdicts", "calibrations", "baselines"):
        op.drop_table(name)
