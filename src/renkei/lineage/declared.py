"""The mapping that made a record, by its digest: in the project, or in the declarations kept of the time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from renkei.errors import RenkeiError
from renkei.mapping import Mapping as FeedMapping
from renkei.project import Project


@dataclass(frozen=True)
class Declared:
    """Mappings by digest. A text whose digest is another one is never taken for the one that was used.

    ``text_of`` gives the declarations with a project's digest, None when they were not kept.
    """

    project: Project
    text_of: Callable[[str], Project | None]
    _kept: dict[str, Mapping[str, FeedMapping]] = field(default_factory=dict)

    def mapping(self, feed: str, digest: str, *, project_digest: str) -> FeedMapping | None:
        """The mapping with this digest, or None when its text is no longer to be had."""
        present = self.project.mappings.get(feed)
        if present is not None and present.digest == digest:
            return present
        then = self._of_the_time(project_digest).get(feed)
        return then if then is not None and then.digest == digest else None

    def in_force_then(self, feed: str, *, project_digest: str) -> FeedMapping | None:
        """The mapping of the declarations with this digest, or None when they are no longer to be had."""
        if self.project.digest == project_digest:
            return self.project.mappings.get(feed)
        return self._of_the_time(project_digest).get(feed)

    def _of_the_time(self, project_digest: str) -> Mapping[str, FeedMapping]:
        if project_digest not in self._kept:
            self._kept[project_digest] = self._loaded(project_digest)
        return self._kept[project_digest]

    def _loaded(self, project_digest: str) -> Mapping[str, FeedMapping]:
        """An older text that is damaged, or that this version cannot read, is as good as gone."""
        try:
            text = self.text_of(project_digest)
            return {} if text is None else text.mappings
        except RenkeiError:
            return {}
