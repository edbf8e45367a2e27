"""A model: comparisons, how telling each level is, and which pairs are looked at. Made once, then fixed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from math import log2
from pathlib import Path
from typing import Any

from renkei.errors import Stop
from renkei.likeness import columns, levels, pairs

_DEFAULT = Path(__file__).parent / "data" / "default_model.json"
#: A name met this many times more often than it was: a small registry's counts say little of commonness.
FREQUENCY_PRIOR = 3.0


@dataclass(frozen=True, kw_only=True)
class Model:
    """``body`` is all of it: what one run with it proposes, another run on the same records proposes too.

    ``body`` = {columns: version of the prepared columns, prior: probability that two residents are one,
    comparisons: [{name, levels: [{code, sql, m, u, often}]}], rules: [{name, left, right}]}.
    """

    body: Mapping[str, Any]

    @cached_property
    def digest(self) -> str:
        """sha256 of the body."""
        text = json.dumps(self.body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def prior(self) -> float:
        """How probable it is of two residents, before anything is compared, that they are one person."""
        return float(self.body["prior"])

    @cached_property
    def rules(self) -> tuple[pairs.Rule, ...]:
        """The blocking rules."""
        return tuple(
            pairs.Rule(name=rule["name"], left=tuple(rule["left"]), right=tuple(rule["right"]))
            for rule in self.body["rules"]
        )

    @cached_property
    def weights(self) -> Mapping[str, Mapping[str, float]]:
        """Comparison → level → its weight in bits; 0 where one side says nothing."""
        return {
            each["name"]: {
                level["code"]: 0.0 if level["m"] is None else log2(level["m"] / level["u"])
                for level in each["levels"]
            }
            for each in self.body["comparisons"]
        }

    def code(self, comparison: str, gamma: int) -> str:
        """The level that a comparison vector names: -1 is unknown, else the levels from the last up."""
        known = [
            level["code"]
            for each in self.body["comparisons"]
            if each["name"] == comparison
            for level in each["levels"]
            if level["m"] is not None
        ]
        return "unknown" if gamma < 0 else str(known[len(known) - 1 - gamma])


def of_levels(*, prior: float, trained: Mapping[tuple[str, str], tuple[float, float]] | None = None) -> Model:
    """The model of this release's comparisons and rules, with trained m and u or what we think beforehand."""
    told = trained or {}
    return Model(
        body={
            "columns": columns.VERSION,
            "prior": _short(prior),
            "comparisons": [
                {
                    "name": comparison.name,
                    "levels": [
                        _level(level, told.get((comparison.name, level.code))) for level in comparison.levels
                    ],
                }
                for comparison in levels.COMPARISONS
            ],
            "rules": [
                {"name": rule.name, "left": list(rule.left), "right": list(rule.right)}
                for rule in pairs.RULES
            ],
        }
    )  # fmt: skip


def _level(level: levels.Level, trained: tuple[float, float] | None) -> dict[str, Any]:
    m, u = trained or (level.m, level.u)
    return {
        "code": level.code,
        "sql": level.sql,
        "m": None if m is None else _short(m),
        "u": None if u is None else _short(u),
        "often": level.often,
    }


def _short(number: float) -> float:
    """Six figures: sums of two machines differ in the last ones."""
    return float(f"{number:.6g}")


def checked(body: Mapping[str, Any]) -> Model:
    """The model of a stored body; one that was made with other columns says nothing of these.

    Its SQL is run, so it must be this release's own: E_LINK_MODEL_CHANGED where more differs than figures.
    """
    if body.get("columns") != columns.VERSION:
        raise Stop("E_LINK_MODEL", found=body.get("columns"), expected=columns.VERSION)
    model = Model(body=body)
    if not _is_ours(body):
        raise Stop("E_LINK_MODEL_CHANGED", digest=model.digest[:12])
    return model


def _is_ours(body: Mapping[str, Any]) -> bool:
    """True where nothing but the prior, m and u is other than what this release would write."""
    try:
        levels_ = [level for each in body["comparisons"] for level in each["levels"]]
        told = [level[name] for level in levels_ for name in ("m", "u") if level[name] is not None]
        is_right = _shape(body) == _shape(of_levels(prior=0.5).body)
        return is_right and all(0 < each <= 1 for each in (body["prior"], *told))
    except (KeyError, TypeError):
        return False


def _shape(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without its figures."""
    comparisons = [
        {
            **each,
            "levels": [
                {**level, "m": level["m"] is None, "u": level["u"] is None} for level in each["levels"]
            ],
        }
        for each in body["comparisons"]
    ]
    return {**body, "prior": None, "comparisons": comparisons}


@cache
def default() -> Model:
    """The model that comes along; ``script/train-link-model`` made it on the synthetic city."""
    return checked(json.loads(_DEFAULT.read_text("utf-8")))
