"""``renkei link``: propose residents that look like one person, and keep the models that say how alike."""

import argparse
from typing import TYPE_CHECKING, Any

from renkei.cli import exits, place
from renkei.cli.output import answer, show, tell
from renkei.cli.parser import Parser, add_as_of, add_json, count
from renkei.cli.width import table
from renkei.errors import FixDeclaration
from renkei.language import say

if TYPE_CHECKING:
    from renkei.likeness.models import Kept
    from renkei.workflow.propose_links import LinkResult

#: Blocking rule → what the two records of a pair have in common.
RULES = {
    "sound_and_birth_year": ("読みと生年", "reading, birth year"),
    "sound_and_birth_month_day": ("読みと生まれた月日・性別", "reading, birth month and day, sex"),
    "name_and_birth": ("氏名と生年月日", "name, birth date"),
    "birth_and_town": ("生年月日と町字・性別", "birth date, town, sex"),
    "given_name_and_birth": ("名の読みと生年月日・性別", "reading of the given name, birth date, sex"),
    "common_name_and_birth": ("通称と生年月日", "通称, birth date"),
    "former_name_and_birth": ("旧氏と名と生年月日", "旧氏 with given name, birth date"),
    "roman_name_and_birth_year": ("ローマ字氏名と生年", "name in Latin letters, birth year"),
    "given_name_and_block": ("名の読みと番地", "reading of the given name, block"),
    "name_and_town": ("氏名と町字・性別", "name, town, sex"),
}


def declare(parser: Parser) -> None:
    """``propose``, ``train``, ``adopt`` and ``models``."""
    proposed = parser.verb(
        "propose",
        _propose,
        say("似た人の候補を挙げる（結ばない）", "propose who looks alike; nothing is linked"),
    )
    add_as_of(proposed)
    proposed.option(
        "--dry-run",
        say(
            "書かずに、比べる組の数と確率の分布だけを見る",
            "only count pairs and probabilities; write nothing",
        ),
        action="store_true",
    )
    add_json(proposed)
    trained = parser.verb(
        "train", _train, say("今の統合レコードから重みの型を作る", "make a model of what the registry holds")
    )
    text = say("標本抽出の種（既定1）", "seed of the sample (1)")
    trained.option("--seed", text, type=count, default=1, metavar="N")
    add_json(trained)
    adopted = parser.verb("adopt", _adopt, say("重みの型を使い始める", "put a model in use"))
    adopted.option("model", say("型の番号", "the model's number"), type=count, metavar="MODEL")
    text = say("理由（証跡に残る）", "why (kept in the audit trail)")
    adopted.option("--reason", text, required=True, metavar=say("理由", "REASON"))
    add_json(adopted)
    listed = parser.verb("models", _models, say("重みの型の一覧", "the models"))
    add_json(listed)


def _propose(asked: argparse.Namespace) -> int:
    from renkei import workflow

    project = place.project()
    result = workflow.propose_links(
        project,
        as_of=asked.as_of or place.today(project),
        actor=place.actor(),
        trigger=place.TRIGGER,
        is_dry=asked.dry_run,
    )
    if asked.json:
        answer("renkei.link.propose/1", result.summary())
    else:
        _show_result(result)
    return exits.OK


def _show_result(result: "LinkResult") -> None:
    heads = (say("組の作り方", "blocking rule"), say("組の数", "pairs"))
    counted = [(say(*RULES.get(name, (name, name))), f"{pairs:,}") for name, pairs in result.estimate.rules]
    show(table(heads, [*counted, (say("計", "total"), f"{result.estimate.pairs:,}")]))
    show("")
    heads = (say("同一人である確率", "probability"), say("候補", "proposals"))
    show(table(heads, [(_band(name), f"{found:,}") for name, found in result.bands.items()]))
    settled = result.settled
    if settled is None:
        tell(say("試しに数えただけで、何も書いていません。", "Only looked; nothing was written."))
        return
    tell(
        say(
            f"新しい候補 {settled.opened} 件、引き続き {settled.kept} 件、なくなった {settled.gone} 件、"
            f"判定済みで挙げない {settled.decided} 件（型 {result.model[:12]}）。",
            f"{settled.opened} new candidates, {settled.kept} as before, {settled.gone} gone, "
            f"{settled.decided} already decided (model {result.model[:12]}).",
        )
    )


def _band(name: str) -> str:
    """``>=0.99`` in words."""
    least = float(name.removeprefix(">="))
    return say(f"{least:.0%} 以上", f"{least:.0%} or more")


def _train(asked: argparse.Namespace) -> int:
    from renkei.workflow.propose_links import room_of, train_model

    project = place.project()
    with place.registry(project) as engine:
        kept = train_model(engine, actor=place.actor(), seed=asked.seed, temp=room_of(project))
    if asked.json:
        answer("renkei.link.model/1", _body(kept))
        return exits.OK
    show(_weights(kept))
    number = kept.link_model_id
    tell(
        say(
            f"型 {number} を作りました。使うには renkei link adopt {number} --reason …",
            f"Model {number} is made. Put it in use with renkei link adopt {number} --reason …",
        )
    )
    return exits.OK


def _adopt(asked: argparse.Namespace) -> int:
    from renkei.workflow.propose_links import adopt_model

    reason = asked.reason.strip()
    if not reason:
        raise FixDeclaration(
            "E_USAGE", problem=say("--reason が空です", "--reason is empty"), command="renkei link adopt"
        )
    with place.registry(place.project()) as engine:
        kept = adopt_model(engine, asked.model, actor=place.actor(), reason=reason)
    if asked.json:
        answer("renkei.link.model/1", _body(kept))
    else:
        number = kept.link_model_id
        tell(say(f"これから型 {number} で候補を挙げます。", f"Model {number} proposes from now on."))
    return exits.OK


def _models(asked: argparse.Namespace) -> int:
    from renkei.likeness import models

    with place.registry(place.project()) as engine, engine.connect() as connection:
        found = models.every(connection)
    if asked.json:
        answer("renkei.link.models/1", {"models": [_body(kept) for kept in found]})
        return exits.OK
    heads = (
        say("型", "model"), say("使用中", "in use"), "digest", say("作成者", "made by"), say("作成", "made"),
        say("採用者", "adopted by"), say("採用", "adopted"),
    )  # fmt: skip
    show(table(heads, [_line(kept) for kept in found]))
    if not any(kept.is_in_use for kept in found):
        tell(
            say(
                "まだ採用した型がありません。製品に付属する型を使います。",
                "None was adopted yet: the one that comes along proposes.",
            )
        )
    return exits.OK


def _line(kept: "Kept") -> tuple[object, ...]:
    return (
        kept.link_model_id, "○" if kept.is_in_use else "", kept.digest[:12], kept.trained_by,
        kept.trained_at.date(), kept.adopted_by or "", kept.adopted_at.date() if kept.adopted_at else "",
    )  # fmt: skip


def _body(kept: "Kept") -> dict[str, Any]:
    return {
        "link_model_id": kept.link_model_id,
        "digest": kept.digest,
        "in_use": kept.is_in_use,
        "trained_by": kept.trained_by,
        "trained_at": kept.trained_at,
        "trained_on": dict(kept.trained_on),
        "adopted_by": kept.adopted_by,
        "adopted_at": kept.adopted_at,
        "retired_at": kept.retired_at,
        "prior": kept.model.prior,
        "weights": {name: dict(levels) for name, levels in kept.model.weights.items()},
    }


def _weights(kept: "Kept") -> str:
    heads = (say("比べる項目", "comparison"), say("段階", "level"), say("重み（ビット）", "weight (bits)"))
    return table(
        heads,
        [
            (name, code, f"{weight:+.2f}")
            for name, levels in kept.model.weights.items()
            for code, weight in levels.items()
        ],
    )
