"""The pushing side of the ODBC subject: a table that counts what is done to it, beside the register."""

from collections.abc import Callable
from typing import TypedDict

import pyarrow as pa
from tests.integration.connectors.peers import Juki, feed_of

from renkei.model import Feed, Outgoing

_ROWS = 40
_TARGET = """
DROP TABLE IF EXISTS juki.taisho, juki.kazu CASCADE;
CREATE TABLE juki.taisho (atena_no char(10) PRIMARY KEY, shimei varchar(80), biko varchar(200));
CREATE TABLE juki.kazu (atena_no text);
CREATE OR REPLACE FUNCTION juki.kazoeru() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN INSERT INTO juki.kazu VALUES (NEW.atena_no); RETURN NULL; END $$;
CREATE TRIGGER kazoeru AFTER INSERT OR UPDATE ON juki.taisho FOR EACH ROW EXECUTE FUNCTION juki.kazoeru();
GRANT SELECT, INSERT, UPDATE ON juki.taisho TO renkei_pull;
"""


class PushParts(TypedDict):
    """What a subject has to offer where its connector pushes."""

    push_feed: Feed
    outgoing: Callable[[int], Outgoing]
    effects: Callable[[], int]


def push_parts(juki: Juki) -> PushParts:
    """Pass it on as ``Subject(…, **push_parts(juki))``; the subject's own account may write the table."""
    juki.execute(_TARGET)
    return PushParts(
        push_feed=feed_of(
            "odbc",
            table="juki.taisho",
            key="atena_no",
            columns=["atena_no", "shimei", "biko"],
            deadline="10s",
        ),
        outgoing=outgoing,
        effects=lambda: effects(juki),
    )


def outgoing(number: int) -> Outgoing:
    """The n-th push: residents of its own."""
    numbers = [f"{number * 1000 + place:010d}" for place in range(_ROWS)]
    names = [f"髙﨑　𠮷郎{place}" for place in range(_ROWS)]
    notes = [None if place % 2 else "" for place in range(_ROWS)]
    rows = {"atena_no": numbers, "shimei": names, "biko": notes}
    table = pa.table({name: pa.array(values, pa.string()) for name, values in rows.items()})
    return Outgoing(key=f"push-{number}", rows=table)


def effects(juki: Juki) -> int:
    """How many rows were written, by the target's own trigger."""
    with juki.cluster._connection("juki") as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM juki.kazu").fetchall()
    return int(count)
