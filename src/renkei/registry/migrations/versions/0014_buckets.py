"""What each feed holds as digests of buckets of keys, so that a changed byte is found and named."""

from pathlib import Path

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run the SQL beside this file in one transaction."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """History is never thrown away by a migration."""
    raise NotImplementedError("what a load left behind cannot be told again later")
