"""The longer statements of the registry, one a file."""

from collections.abc import Mapping
from functools import cache
from importlib import resources

import sqlalchemy as sa


@cache
def statement(name: str) -> str:
    """The text of ``<name>.sql``."""
    return resources.files(__name__).joinpath(f"{name}.sql").read_text("utf-8")


def run(connection: sa.Connection, name: str, values: Mapping[str, object]) -> None:
    """Execute ``<name>.sql`` with those of the values that it asks for."""
    execute(connection, statement(name), values)


def execute(connection: sa.Connection, text: str, values: Mapping[str, object]) -> None:
    """Execute a statement with those of the values that it asks for."""
    prepared = sa.text(text)
    connection.execute(prepared, {each: values[each] for each in prepared.compile().params})
