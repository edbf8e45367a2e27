"""``python -m bench VERB``: one JSON line a stage on standard output, progress on standard error."""

import argparse
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from bench.contest import Failed
from bench.lines import say

#: Verb → its module, what it measures, and the size it takes: option, default and meaning.
LINKS = {
    "pull": ("links_odbc", "a table over ODBC into a proved Arrow file", "rows", 1_000_000),
    "push": ("links_push", "rows into a table over ODBC", "rows", 200_000),
    "changes": ("links_changes", "a change at the source to the hub's notice", "rows", 20_000),
    "xml": ("links_xml", "XML to columns and back", "rows", 200_000),
    "fixed": ("links_fixed", "fixed-length records and CSV to columns and back", "rows", 1_000_000),
    "encodings": ("links_encodings", "kanji columns to text and back", "rows", 200_000),
    "cobol": ("links_cobol", "COBOL records to columns and back", "rows", 1_000_000),
    "reconcile": ("reconcile", "two tables of 15 columns compared, beside others", "rows", 1_000_000),
    "rules": ("rules", "every rule over three systems, beside a script for each", "rows", 1_000_000),
    "sftp": ("links_sftp", "a file over SFTP, each way", "megabytes", 1024),
    "keys": ("keys", "which keys two feeds do not share, beside others", "rows", 1_000_000),
}

#: The same for people: the registry's merge, and how fast and how well records are linked.
PEOPLE = {
    "registry": (
        "registry",
        "three systems' first load, and a night with 1 % changed",
        "residents",
        1_000_000,
    ),
    "link": ("link", "links by rules and likely ones, beside others", "rows", 1_000_000),
    "link-quality": ("link_quality", "how many links are right, on a labelled city", "people", 200_000),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one measurement; 130 when it was interrupted, 1 when a stage failed. Both leave nothing behind."""
    wanted = vars(_arguments(argv))
    signal.signal(signal.SIGTERM, _interrupt)
    measured = import_module(f"bench.{wanted.pop('module')}")
    try:
        measured.measure(**wanted)
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except Failed as failed:
        say(str(failed))
        return 1
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    one = verbs.add_parser("night", help="every stage of a night on the sample city")
    one.set_defaults(module="night")
    one.add_argument("--residents", type=int, default=20_000, metavar="N", help="people in the city (20000)")
    one.add_argument("--seed", type=int, default=1, metavar="S", help="another seed is another city (1)")
    one.add_argument("--days", type=int, default=1, metavar="N", help="nights after the first load (1)")
    one.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of a short contest (3)")
    steps = verbs.add_parser("normalize", help="twelve fields through a mapping's plan, and row by row")
    steps.set_defaults(module="normalize")
    steps.add_argument(
        "--rows", type=int, nargs="+", default=[1_000_000], metavar="N", help="one size or several (1000000)"
    )
    steps.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of a short contest (3)")
    steps.add_argument(
        "--sample",
        type=int,
        default=100_000,
        metavar="N",
        help="rows of the loop, which is then scaled (100000)",
    )
    quality = verbs.add_parser(
        "rule-quality", help="what every rule finds, misses and makes up, night by night"
    )
    quality.set_defaults(module="rule_quality")
    quality.add_argument(
        "--residents", type=int, default=20_000, metavar="N", help="people in the city (20000)"
    )
    quality.add_argument("--weeks", type=int, default=2, metavar="N", help="weeks of nights (2)")
    quality.add_argument("--seed", type=int, default=1, metavar="S", help="another seed is another city (1)")
    quality.add_argument("--json", action="store_true", dest="as_json", help="one JSON document, not a table")
    for verb, (module, what, size, default) in PEOPLE.items():
        labelled = verbs.add_parser(verb, help=what)
        labelled.set_defaults(module=module)
        labelled.add_argument(
            f"--{size}", type=int, default=default, metavar="N", help=f"how many ({default})"
        )
        labelled.add_argument("--seed", type=int, default=1, metavar="S", help="another labelled city (1)")
        if verb == "registry":
            labelled.add_argument(
                "--prove", action="store_true", help="then every proof of the doctor, timed"
            )
    for verb, (module, what, size, default) in LINKS.items():
        link = verbs.add_parser(verb, help=what)
        link.set_defaults(module=module)
        link.add_argument(f"--{size}", type=int, default=default, metavar="N", help=f"how many ({default})")
        link.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of a short contest (3)")
        if verb in ("reconcile", "rules"):
            allowed = "1500MB" if verb == "rules" else "1GB"
            link.add_argument(
                "--memory", default=allowed, metavar="SIZE", help=f"what DuckDB may hold ({allowed})"
            )
        if verb == "reconcile":
            link.add_argument("--alone", action="store_true", help="ours alone, with nothing beside it")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
