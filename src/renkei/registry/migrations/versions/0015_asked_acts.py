"""Acts over many cases that one person asks for and another approves."""

from pathlib import Path

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the SQL beside this file in one transaction."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """History is never thrown away by a migration."""
    raise NotImplementedError("approvals are never thrown away")
