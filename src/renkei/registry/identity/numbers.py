"""Strong numbers besides the party number: what records say of them now, to be found by."""

import pyarrow as pa
import sqlalchemy as sa

from renkei.registry.sql import statement

#: Columns of a record that hold strong numbers besides its party number.
STRONG = (
    "resident_code_token",
    "individual_number_token",
    "residence_card_number",
    "same_as_numbering",
    "same_as_party_number",
)


def number_strongly(connection: sa.Connection, changed: pa.Table, *, feed: str) -> None:
    """Keep what ``incoming`` says of strong numbers besides the party number, where anybody says any."""
    said = any(changed[name].null_count < changed.num_rows for name in STRONG)
    if said or connection.exec_driver_sql("SELECT EXISTS (SELECT FROM strong_number)").scalar():
        connection.execute(sa.text(statement("number_strongly")), {"feed": feed})
