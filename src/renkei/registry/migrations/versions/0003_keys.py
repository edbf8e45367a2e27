"""Keys for finding likely persons and places: loose spellings, parts of addresses."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL beside this file in one transaction."""
    op.get_bind().exec_driver_sql(Path(__file__).with_suffix(".sql").read_text("utf-8").replace("%", "%%"))


def downgrade() -> None:
    """History is never thrown away by a migration."""
    raise NotImplementedError("keys are derived again from what is stored")
