"""The longer statements of the registry, one a file."""

from functools import cache
from importlib import resources


@cache
def statement(name: str) -> str:
    """The text of ``<name>.sql``."""
    return resources.files(__name__).joinpath(f"{name}.sql").read_text("utf-8")
