"""The vault for individual numbers: off until a city turns it on."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the SQL beside this file in one transaction."""
    for name in ("0009_vault.sql", "0009_vault_setup.sql"):
        text = Path(__file__).with_name(name).read_text("utf-8").replace("%", "%%")
        op.get_bind().exec_driver_sql(text)


def downgrade() -> None:
    """History is never thrown away by a migration."""
    raise NotImplementedError("history is never thrown away")
