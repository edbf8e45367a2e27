"""A DuckDB of one's own for one piece of work: nothing is fetched, nothing printed, days are the city's."""

from pathlib import Path

import duckdb


def workbench(
    *, place: str = ":memory:", memory: str = "2GB", temp: Path | None = None, **more: str | bool | int
) -> duckdb.DuckDBPyConnection:
    """A connection within a memory limit. Work that does not fit goes to ``temp``; ``more`` are settings."""
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": memory,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        **more,
    }
    if temp is not None:
        settings["temp_directory"] = str(temp)
    made = duckdb.connect(place, config=settings)
    # what looks interactive gets a progress bar on standard output, where answers go
    made.execute("SET enable_progress_bar = false")
    # an instant is read and hashed as text by the city's clock, never by the machine's
    made.execute("SET TimeZone = 'Asia/Tokyo'")
    return made
