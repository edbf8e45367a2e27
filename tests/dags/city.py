"""A small city of two welfare feeds whose deliveries lie on a shelf: real declarations, no legacy system."""

import re
import shutil
from datetime import date
from pathlib import Path

from renkei.feeds import FeedHead, feeds_of

ROOT = Path(__file__).resolve().parents[2]
NAME, KANA, TOWN = "葛原 花世", "クズハラ ハナヨ", "本町三丁目"

RECIPIENTS = """<?xml version="1.0" encoding="UTF-8"?>
<対象者一覧 作成日="{day}" 件数="1"><対象者 番号="F00000012"><氏名>{name}</氏名><フリガナ>{kana}</フリガナ>
<性別>F</性別><生年月日>1985-04-01</生年月日><続柄>本人</続柄><住所>{town}1-2</住所><状態>有効</状態>
<更新日時>{day}T09:00:00+09:00</更新日時></対象者></対象者一覧>
"""
BENEFITS = """<?xml version="1.0" encoding="UTF-8"?>
<給付一覧 作成日="{day}" 件数="1"><給付 番号="K00000034"><対象者番号>F00000012</対象者番号>
<種別>児童手当</種別><状態>受給中</状態><開始日>2026-04-01</開始日><更新日時>{day}T09:00:00+09:00</更新日時></給付></給付一覧>
"""


class ShelfCity:
    """The folder of the city, and its shelf."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.shelf = root / "shelf"

    @property
    def feeds(self) -> tuple[FeedHead, ...]:
        return feeds_of(self.root)

    def deliver(self, day: date) -> None:
        """Both files of a day, each naming the same person."""
        for feed, name, text in (
            ("welfare.recipient", "TAISHO", RECIPIENTS),
            ("welfare.benefit", "KYUFU", BENEFITS),
        ):
            place = self.shelf / feed / f"{name}_{day:%Y%m%d}.xml"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text.format(day=day.isoformat(), name=NAME, kana=KANA, town=TOWN), "utf-8")

    def fail_next(self, feed: str, *faults: str) -> None:
        """Let the next pulls of a feed raise these: ``TryAgain:E_LINK_DOWN``."""
        (self.shelf / f"{feed}.faults").write_text("\n".join(faults), "utf-8")


def build(root: Path) -> ShelfCity:
    """Copy the repository's own declarations of the welfare systems, with the shelf as their connector."""
    for folder in ("mappings/codes", "mappings/schemas", "dags"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    declared = (ROOT / "mappings" / "welfare.toml").read_text("utf-8")
    # people and benefits alone: every further feed is a task more in each night
    two = "\n[[feed]]\n".join(declared.split("\n[[feed]]\n")[:3])
    shelved = re.sub(r'connector = "sftp"', 'connector = "shelf"', two)
    (root / "mappings" / "welfare.toml").write_text(shelved, "utf-8")
    (root / "reconciliation").mkdir()
    shutil.copy(ROOT / "reconciliation" / "R39_delivery_anomaly.toml", root / "reconciliation")
    (root / "connectors").mkdir()
    shutil.copy(Path(__file__).with_name("shelf.py"), root / "connectors")
    shutil.copy(ROOT / "renkei.toml", root)
    city = ShelfCity(root)
    city.shelf.mkdir()
    (root / "var").mkdir()
    connection = f'[welfare_sftp]\npath = "{city.shelf}"\n'
    (root / "var" / "connections.toml").write_text(connection, "utf-8")
    return city
