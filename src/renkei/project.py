"""A city's project: finds ``renkei.toml``, loads the four folders, and loads connectors by path."""

import importlib
import itertools
import os
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from renkei import archive
from renkei.archive import CONFIG
from renkei.errors import FixDeclaration
from renkei.model import Connection, Connector, Feed
from renkei.vault.policy import OFF, VaultPolicy, policy_of

if TYPE_CHECKING:
    from datetime import date

    from renkei.mapping import Mapping as FeedMapping
    from renkei.reconcile import Rule
    from renkei.reconcile.double_entry import Offices
    from renkei.vault.tokens import TokenKey

#: Who must agree before a changed text runs; what is in force says so, not the draft.
APPROVALS = ("two people", "one person", "none")


@dataclass(frozen=True, kw_only=True)
class CityConfig:
    """What ``renkei.toml`` says of this municipality."""

    name: str
    name_en: str
    code: str
    time_zone: str
    trust: Mapping[str, tuple[str, ...]]
    blast_share: float
    blast_least: int
    refuse_contradictions: bool
    audit_origin: str
    witnesses: tuple[str, ...]
    departments: tuple[str, ...]
    approval: str = APPROVALS[0]
    # of level 3: how many pairs one run may compare, and how likely a pair is proposed
    pair_budget: int = 20_000_000
    propose_from: float = 0.5
    #: Who must agree before a decision about two records works: ``two people`` or ``one person``.
    decisions_approval: str = APPROVALS[0]
    #: Accounts of those who may decide on restricted persons; for everybody else there is no such person.
    decide_restricted: tuple[str, ...] = ()
    vault: VaultPolicy = OFF
    keys: str = "var/keys"
    #: Feed and number of each household that is a facility (施設): who lives there is not swept in.
    facilities: tuple[tuple[str, str], ...] = ()
    #: Beginning of a terminal's or an operator's name → the department that sits there.
    terminals: Mapping[str, str] = field(default_factory=dict)
    operators: Mapping[str, str] = field(default_factory=dict)
    #: How many cases one person may settle at once; more wait for a second one.
    cases_alone: int = 50

    def trusted(self, field: str) -> tuple[str, ...]:
        """Systems in order of trust for a field (or group of fields) of the golden record."""
        return self.trust.get(field, self.trust["default"])


@dataclass(frozen=True)
class Project:
    """One city's folders and settings. Loading is cheap; each folder is read when first asked for.

    ``root`` is the folder that an engineer edits (the draft), or where what is in force was laid out; then
    ``in_force`` is the id of that declaration, and ``home`` the city's folder.
    """

    root: Path
    var: Path
    home: Path | None = None
    in_force: int | None = None

    @cached_property
    def config(self) -> CityConfig:
        """``renkei.toml``; of a draft it may be half saved, and no run of what is in force asks."""
        return _config(self.root / CONFIG)

    @cached_property
    def mappings(self) -> dict[str, "FeedMapping"]:
        """Feed id → its mapping, in the order of the files."""
        from renkei.mapping import load_all

        made = load_all(self.root / "mappings")
        self._refuse_numbers(made)
        return {mapping.feed.id: mapping.keyed(self.tokens) for mapping in made}

    def _refuse_numbers(self, made: "Iterable[FeedMapping]") -> None:
        """A mapping that hands on individual numbers needs the vault; no other asks for it."""
        found = [
            f"{mapping.file}:{rule.line}"
            for mapping in made
            for rule in mapping.every_field
            if rule.to == "individual_number_token"
        ]
        if found and not self.config.vault.is_on:
            raise FixDeclaration("E_VAULT_OFF", places=", ".join(sorted(set(found))))

    @cached_property
    def tokens(self) -> "TokenKey":
        """What makes tokens of numbers; its key is read when the first token is made."""
        from renkei.vault.tokens import TokenKey

        return TokenKey(self.keys)

    @property
    def keys(self) -> Path:
        """Folder of the token key and the vault's keys: ``RENKEI_KEYS``, else as ``renkei.toml`` says."""
        given = os.environ.get("RENKEI_KEYS")
        return Path(given) if given else self._own_place(self.config.keys)

    @property
    def feeds(self) -> tuple[Feed, ...]:
        """Every declared feed."""
        return tuple(mapping.feed for mapping in self.mappings.values())

    @cached_property
    def rules(self) -> tuple["Rule", ...]:
        """Every rule of ``reconciliation/``."""
        from renkei.reconcile import load_rules

        return load_rules(self.root / "reconciliation")

    @property
    def offices(self) -> "Offices":
        """Which department sits at which terminal, as ``[offices]`` says, else the owner of the feed."""
        from renkei.reconcile.double_entry import Offices

        owners = {feed.id: feed.owner for feed in self.feeds}
        return Offices(terminals=self.config.terminals, operators=self.config.operators, owners=owners)

    @cached_property
    def digest(self) -> str:
        """One hash over everything the city declares; pinned in every run."""
        return archive.digest_of(archive.read(self.root))

    def says(self, digest: str) -> bool:
        """True when the folder is the text of that digest; one that no archive can hold is none."""
        try:
            return self.digest == digest
        except FixDeclaration:
            return False

    @property
    def witnesses(self) -> tuple[Path, ...]:
        """Files outside the database that keep every checkpoint; ``var/…`` follows a moved ``var``."""
        return tuple(self._own_place(name) for name in self.config.witnesses)

    def _own_place(self, name: str) -> Path:
        inside = name.startswith("var/")
        return self.var / name.removeprefix("var/") if inside else (self.home or self.root) / name

    def mapping(self, feed_id: str) -> "FeedMapping":
        """The mapping of a feed; an unknown name is answered with the nearest one."""
        if feed_id not in self.mappings:
            raise FixDeclaration(
                "E_NOT_FOUND", kind="feed", name=feed_id, nearest=nearest(feed_id, self.mappings)
            )
        return self.mappings[feed_id]

    def trusted(self, field: str, *, group: str, day: "date") -> tuple[str, ...]:
        """Feeds and systems in order of trust for a group of the golden record, whose first field is given.

        A feed that its mapping ranks for the field goes before the city's order for the group.
        """
        from renkei.mapping import ranked

        return (*ranked(self.mappings.values(), field, day=day), *self.config.trusted(group))

    def connection(self, name: str) -> Connection:
        """How to reach a legacy system, from ``connections.toml``; secrets stand there by reference only."""
        known = self._connections
        if name not in known:
            raise FixDeclaration("E_NOT_FOUND", kind="connection", name=name, nearest=nearest(name, known))
        return Connection(name=name, settings={key: str(value) for key, value in known[name].items()})

    def connector(self, feed: Feed, *, workdir: Path) -> Connector:
        """The feed's connector on its connection."""
        return self.connect(feed.connector, feed.connection, workdir=workdir)

    def connect(self, connector: str, connection: str, *, workdir: Path) -> Connector:
        """A connector, loaded from the city's ``connectors`` folder by path, on a connection."""
        if connector not in self._connectors:
            self._connectors[connector] = load_connector(self.root / "connectors", connector)
        workdir.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        workdir.mkdir(parents=True, exist_ok=True)
        made: Connector = self._connectors[connector].connect(self.connection(connection), workdir=workdir)
        return made

    @property
    def connections(self) -> tuple[str, ...]:
        """Every connection that ``connections.toml`` declares."""
        return tuple(self._connections)

    @cached_property
    def _connectors(self) -> dict[str, ModuleType]:
        """Connector → its module, loaded when first used."""
        return {}

    @cached_property
    def laid_out(self) -> "dict[str, Project]":
        """Digest → the declarations in force under it, as this project has used them."""
        return {}

    @cached_property
    def _connections(self) -> dict[str, dict[str, Any]]:
        place = Path(os.environ.get("RENKEI_CONNECTIONS") or self.var / "connections.toml")
        return tomllib.loads(place.read_text("utf-8")) if place.exists() else {}


def load(root: Path | None = None) -> Project:
    """The project at ``root``, or around the current folder, or where ``RENKEI_PROJECT`` says."""
    found = _find(root or Path(os.environ.get("RENKEI_PROJECT") or Path.cwd()))
    return Project(root=found, var=Path(os.environ.get("RENKEI_VAR") or found / "var"))


def laid_out(draft: Project, folder: Path, *, in_force: int | None = None) -> Project:
    """The project of declarations that were laid out in ``folder``, with the rest as the draft has it."""
    home = draft.home or draft.root
    return Project(root=folder, var=draft.var, home=home, in_force=in_force)


def load_connector(folder: Path, name: str) -> ModuleType:
    """Load ``connectors/<name>.py`` by path: its folder's name is too common to look up by import.

    The folder becomes a package of its own, so that a connector reaches its parts by ``from . import``.
    """
    place = folder / f"{name}.py"
    if not name.isidentifier() or not place.exists():
        known = [file.stem for file in folder.glob("*.py")]
        raise FixDeclaration("E_NOT_FOUND", kind="connector", name=name, nearest=nearest(name, known))
    package = f"renkei_connectors_{next(_LOADED)}"
    made = ModuleType(package)
    made.__path__ = [str(folder)]
    sys.modules[package] = made
    return importlib.import_module(f"{package}.{name}")


#: Every load is a package of its own, so that two folders, or two states of one, never mix.
_LOADED = itertools.count(1)


def nearest(name: str, known: "Mapping[str, Any] | list[str]") -> str:
    """The known name most like this one, for an error message."""
    return next(iter(get_close_matches(name, list(known), n=1, cutoff=0.0)), "-")


def _find(start: Path) -> Path:
    start = start.resolve()
    for folder in (start, *start.parents):
        if (folder / CONFIG).is_file():
            return folder
    raise FixDeclaration("E_NOT_FOUND", kind="project", name=str(start), nearest="renkei init")


def _config(place: Path) -> CityConfig:
    try:
        text = tomllib.loads(place.read_text("utf-8"))
        city, blast, audit = text["city"], text["blast"], text["audit"]
        return CityConfig(
            name=city["name"],
            name_en=city["name_en"],
            code=city["code"],
            time_zone=city["time_zone"],
            trust={field: tuple(systems) for field, systems in text["trust"].items()},
            blast_share=float(blast["share"]),
            blast_least=int(blast["least"]),
            refuse_contradictions=bool(text["linking"]["refuse_contradictions"]),
            pair_budget=_pair_budget(text),
            propose_from=_propose_from(text),
            audit_origin=audit["origin"],
            witnesses=tuple(audit["witnesses"]),
            departments=tuple(entry["id"] for entry in text["department"]),
            approval=_approval(text),
            decisions_approval=_decisions_approval(text),
            decide_restricted=_accounts(text.get("decisions", {}).get("restricted", [])),
            vault=policy_of(text.get("vault", {})),
            keys=str(text.get("keys", {}).get("folder", "var/keys")),
            facilities=_facilities(text),
            terminals=_offices(text, "terminals"),
            operators=_offices(text, "operators"),
            cases_alone=_cases_alone(text),
        )
    except (KeyError, ValueError, TypeError) as wrong:
        problem = f"{CONFIG}: {type(wrong).__name__}: {wrong}"
        raise FixDeclaration("E_DECLARATION", problems=problem) from wrong


def _facilities(text: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """``FEED/NUMBER`` as records are named elsewhere."""
    stated = text.get("protection", {}).get("facilities", [])
    parts = [str(each).partition("/") for each in stated]
    if wrong := [f"{feed}{slash}{number}" for feed, slash, number in parts if not (feed and number)]:
        raise ValueError(f'[protection] facilities: expected "FEED/NUMBER", found {wrong[0]!r}')
    return tuple((feed, number) for feed, _, number in parts)


def _offices(text: Mapping[str, Any], kind: str) -> Mapping[str, str]:
    """Each department that is named must be one of the city's."""
    stated = text.get("offices", {}).get(kind, {})
    known = [entry["id"] for entry in text["department"]]
    if wrong := [office for start, office in stated.items() if office not in known or not start]:
        raise ValueError(f"[offices] {kind}: expected a department, found {wrong[0]!r}")
    return dict(stated)


def _approval(text: Mapping[str, Any]) -> str:
    stated = text.get("declarations", {}).get("approval", APPROVALS[0])
    if stated not in APPROVALS:
        expected = ", ".join(f'"{each}"' for each in APPROVALS)
        raise ValueError(f"[declarations] approval: expected {expected}, found {stated!r}")
    return str(stated)


def _pair_budget(text: Mapping[str, Any]) -> int:
    stated = text["linking"].get("pair_budget", CityConfig.pair_budget)
    if not isinstance(stated, int) or stated < 1:
        raise ValueError(f"[linking] pair_budget: expected a number of pairs, found {stated!r}")
    return stated


def _propose_from(text: Mapping[str, Any]) -> float:
    stated = text["linking"].get("propose_from", CityConfig.propose_from)
    if not isinstance(stated, int | float) or not 0 < stated < 1:
        raise ValueError(f"[linking] propose_from: expected a probability, found {stated!r}")
    return float(stated)


def _decisions_approval(text: Mapping[str, Any]) -> str:
    stated = text.get("decisions", {}).get("approval", APPROVALS[0])
    if stated not in APPROVALS[:2]:
        expected = ", ".join(f'"{each}"' for each in APPROVALS[:2])
        raise ValueError(f"[decisions] approval: expected {expected}, found {stated!r}")
    return str(stated)


def _cases_alone(text: Mapping[str, Any]) -> int:
    stated = text.get("cases", {}).get("alone", CityConfig.cases_alone)
    if not isinstance(stated, int) or isinstance(stated, bool) or stated < 0:
        raise ValueError(f"[cases] alone: expected a number of cases, found {stated!r}")
    return stated


def _accounts(stated: object) -> tuple[str, ...]:
    if not isinstance(stated, list) or not all(isinstance(each, str) and each for each in stated):
        raise ValueError(f"[decisions] restricted: expected names of accounts, found {stated!r}")
    return tuple(stated)
