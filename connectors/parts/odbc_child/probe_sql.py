"""What the probe asks each kind of database: expressions only, so that nothing is left behind."""

from collections.abc import Mapping
from dataclasses import dataclass

#: Exact numbers and moments that drivers are known to bend, as texts.
DECIMALS = {"38,0": "99999999999999999999999999999999999999", "18,4": "-12345678901234.5678"}
MOMENT, DAYS = "1899-12-31 23:59:59.123456", ("1868-01-25", "1000-01-01")


@dataclass(frozen=True, kw_only=True)
class Sql:
    """Templates. ``{hex}`` is a text in UTF-8, ``{rows}`` a count, ``{value}`` a literal.

    ``echo`` gives a parameter's bytes in UTF-8 as hexadecimal digits: what the server understood. ``wait``
    lasts longer than anybody has patience.
    """

    text: str
    echo: str
    decimal: str
    moment: str
    day: str
    rows: str
    wait: str
    times: str


SQL: Mapping[str, Sql] = {
    "postgresql": Sql(
        text="convert_from('\\x{hex}', 'UTF8')",
        echo="encode(convert_to(CAST(? AS text), 'UTF8'), 'hex')",
        decimal="CAST('{value}' AS numeric({size}))",
        moment="CAST('{value}' AS timestamp)",
        day="CAST('{value}' AS date)",
        rows="SELECT CAST(n AS integer) AS n FROM generate_series(1, {rows}) AS n",
        wait="SELECT pg_sleep(4)",
        times="repeat({text}, {count})",
    ),
    "mariadb": Sql(
        text="CONVERT(X'{hex}' USING utf8mb4)",
        echo="LOWER(HEX(CONVERT(? USING utf8mb4)))",
        decimal="CAST('{value}' AS DECIMAL({size}))",
        moment="CAST('{value}' AS DATETIME(6))",
        day="CAST('{value}' AS DATE)",
        rows="SELECT seq AS n FROM seq_1_to_{rows}",
        wait="SELECT SLEEP(4)",
        times="REPEAT({text}, {count})",
    ),
    "sqlite": Sql(
        text="CAST(X'{hex}' AS TEXT)",
        echo="lower(hex(?))",
        decimal="CAST('{value}' AS DECIMAL({size}))",
        moment="'{value}'",
        day="'{value}'",
        rows="WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g LIMIT {rows}) SELECT n FROM g",
        wait="WITH RECURSIVE g(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM g) SELECT count(*) AS n FROM g",
        times="replace(hex(zeroblob({count})), '00', {text})",
    ),
}
