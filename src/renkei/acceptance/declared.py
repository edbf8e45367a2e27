"""The migrations that a city declares."""

from renkei.acceptance.declaration import Migration, load, names
from renkei.errors import FixDeclaration
from renkei.mapping import codes
from renkei.mapping.problems import refuse
from renkei.project import Project
from renkei.records import RECORD_TYPES


def declared(project: Project, name: str) -> Migration:
    """The declaration of that name; FixDeclaration lists what is wrong with it."""
    tables, problems = codes.load(project.root / "mappings" / "codes")
    refuse(problems)
    columns = {
        feed.id: [each for each in RECORD_TYPES[feed.record].schema.names if each != "__rec_no"]
        for feed in project.feeds
    }
    return load(project.root, name, codes=tables, columns=columns)


def problems_of(project: Project) -> list[str]:
    """Everything that is wrong with any declared migration, a text each; before it is put in force."""
    found = []
    for name in names(project.root):
        try:
            declared(project, name)
        except FixDeclaration as wrong:
            found.append(str(wrong.facts.get("problems", wrong)))
    return found
