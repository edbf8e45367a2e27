import subprocess
import sys
import time

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
    """How many times as long as a bare interpreter, by the best of alternating rounds."""
    best = {"pass": float("inf"), program: float("inf")}
    for _ in range(rounds):
        for code in best:
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
            best[code] = min(best[code], time.perf_counter() - begun)
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
