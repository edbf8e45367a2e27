"""``python -m bench night``: one JSON line a stage on standard output, progress on standard error."""

import argparse
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from bench import night
from bench.contest import Failed
from bench.lines import say


def main(argv: Sequence[str] | None = None) -> int:
    """Run one measurement; 130 when it was interrupted, 1 when a stage failed. Both leave nothing behind."""
    wanted = _arguments(argv)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        night.measure(residents=wanted.residents, seed=wanted.seed, days=wanted.days, rounds=wanted.rounds)
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
    one.add_argument("--residents", type=int, default=20_000, metavar="N", help="people in the city (20000)")
    one.add_argument("--seed", type=int, default=1, metavar="S", help="another seed is another city (1)")
    one.add_argument("--days", type=int, default=1, metavar="N", help="nights after the first load (1)")
    one.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of a short contest (3)")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
