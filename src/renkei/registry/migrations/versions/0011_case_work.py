"""What people do with a case, and rules that two people set aside for a time."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the SQL beside this file in one transaction."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """History is never thrown away by a migration."""
    raise NotImplementedError("history is never thrown away")
