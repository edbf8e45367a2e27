"""What each delivery looked like, beside the contract of its feed."""

from pathlib import Path

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL beside this file in one transaction."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """History is never thrown away by a migration."""
    raise NotImplementedError("profiles of past deliveries have no earlier place")
