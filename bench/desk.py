"""Where one measurement keeps its things, known to every process of it."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from renkei.project import Project

ROOT = Path(__file__).resolve().parents[1]
#: Databases: an empty migrated registry, and the one of the whole nights.
TEMPLATE, NIGHTS = "bench_template", "bench_nights"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A temporary folder and the city's first day."""

    folder: Path
    day: date

    @classmethod
    def of_json(cls, said: dict[str, str]) -> "Desk":
        """The desk that :meth:`as_json` described."""
        return cls(folder=Path(said["folder"]), day=date.fromisoformat(said["day"]))

    def as_json(self) -> dict[str, str]:
        """Plain text, for another process."""
        return {"folder": str(self.folder), "day": self.day.isoformat()}

    @property
    def city(self) -> Path:
        """The sample city's folder."""
        return self.folder / "city"

    @property
    def cluster(self) -> Path:
        """The registry's PostgreSQL cluster."""
        return self.folder / "pg"

    @property
    def scratch(self) -> Path:
        """What one stage leaves for the next."""
        return self.folder / "scratch"

    def pulled(self, feed: str) -> list[Path]:
        """The files that were fetched for a feed, the day's own file first."""
        return sorted((self.scratch / "pulled" / feed).iterdir())

    def project(self, hub: str = "stages") -> "Project":
        """The city's declarations with a ``var`` of their own: for ``stages`` alone or whole ``nights``."""
        from dataclasses import replace

        from renkei.project import load

        return replace(load(ROOT), var=self.folder / hub)
