"""A hub of the labelled city: three feeds on a shelf, an empty registry in a cluster of its own."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from bench.contest import alone
from bench.desk import ROOT, Desk
from bench.lines import say
from bench.place import desk
from renkei.registry import store
from renkei.registry.embedded import Cluster

#: The feeds, in the order of a night.
FEEDS = ("juki.resident", "tax.taxpayer", "welfare.recipient")
#: The hub's registry.
REGISTRY = "bench_labelled"
_PARTS = Path(__file__).parent / "tasks" / "labelled"


def root(here: Desk) -> Path:
    """The hub's project folder."""
    return here.folder / "hub"


@contextmanager
def labelled_hub(*, people: int, seed: int) -> Iterator[Desk]:
    """The hub with the deliveries of its first night on the shelf."""
    with desk() as here, _cluster(here) as cluster:
        lay_out(here, cluster.url(REGISTRY))
        deliver(here, people=people, seed=seed, night=0)
        yield here


def deliver(here: Desk, *, people: int, seed: int, night: int) -> None:
    """Put a night's deliveries on the shelf; the second night has the moves of a day."""
    made = alone(here, "labelled_city.make", people=people, seed=seed, night=night)
    say(f"labelled city, night {night}: {made.facts}, {made.seconds:.1f} s")


@contextmanager
def _cluster(here: Desk) -> Iterator[Cluster]:
    cluster = Cluster(here.cluster)
    try:
        cluster.start()
        cluster.create_database(REGISTRY)
        store.migrate(cluster.url(REGISTRY))
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.home, ignore_errors=True)
        with suppress(OSError):
            cluster.home.parent.rmdir()


def lay_out(here: Desk, url: str) -> None:
    """The city's codes and towns, the three feeds, the connector to the shelf, and where the registry is."""
    hub = root(here)
    for name in ("codes", "towns"):
        shutil.copytree(ROOT / "mappings" / name, hub / "mappings" / name)
    for place in _PARTS.glob("*.toml"):
        shutil.copy(place, hub / "mappings")
    for name in ("connectors", "reconciliation", "var", "shelf"):
        (hub / name).mkdir()
    shutil.copy(_PARTS / "shelf.py", hub / "connectors")
    before, section, after = (ROOT / "renkei.toml").read_text("utf-8").partition("[declarations]")
    folder_rules = after.replace('approval = "two people"', 'approval = "none"', 1)
    (hub / "renkei.toml").write_text(before + section + folder_rules, "utf-8")
    (hub / "var" / "connections.toml").write_text(f'[shelf]\nplace = "{hub / "shelf"}"\n', "utf-8")
    store.remember_url(hub / "var", url)
