import os
import subprocess
import sys

MAIN = "import sys; from renkei.cli import main; sys.exit(main(['--help']))"
HEAVY = {
    "argparse",
    "sqlalchemy",
    "pyarrow",
    "polars",
    "duckdb",
    "lxml",
    "airflow",
    "paramiko",
    "click",
    "rich",
}


def ratio(program: str, *, rounds: int = 15) -> float:
    """How many times the processor's time of a bare interpreter, by the best of alternating rounds.

    Its own time, not the wall's: a machine that is busy with something else gives the same answer.
    """
    best = {"pass": float("inf"), program: float("inf")}
    for _ in range(rounds):
        for code in best:
            child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            assert child.returncode == 0
            best[code] = min(best[code], used.ru_utime + used.ru_stime)
    return best[program] / best["pass"]


def test_help_starts_within_three_times_a_bare_interpreter() -> None:
    assert ratio(MAIN) <= 3


def test_the_measure_would_notice_a_heavy_import() -> None:
    assert ratio(f"import click; {MAIN}", rounds=7) > 3


def test_help_loads_nothing_that_it_does_not_need() -> None:
    listing = "import sys; from renkei.cli import main; main(['--help']); print(*sys.modules)"

    out = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout

    assert HEAVY.isdisjoint(out.splitlines()[-1].split())


def test_the_help_of_a_command_loads_no_database_and_no_arrow() -> None:
    listing = (
        "import sys\nfrom renkei.cli import COMMANDS\nfrom renkei.cli.program import parser_of\n"
        "for name in COMMANDS: parser_of(name)\nprint(*sys.modules)"
    )

    out = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True).stdout

    assert (HEAVY - {"argparse"}).isdisjoint(out.split())
