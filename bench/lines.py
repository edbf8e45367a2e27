"""How a result is told: a JSON line on standard output, a word to the person on standard error."""

import json
import sys
import time
from typing import Any

from bench.contest import Taken

_BEGAN = time.monotonic()


def show(
    ours: Taken, *, floor: Taken | None = None, usual: Taken | None = None, night: int | None = None
) -> None:
    """Print one stage's line. Every line has the same keys; a stage of a night also has its number."""
    line = {**_line(ours, floor=floor, usual=usual), **({} if night is None else {"night": night})}
    print(json.dumps(_rounded(line), ensure_ascii=False), flush=True)
    say(f"{ours.name}: {ours.rows} rows, {ours.seconds:.3f} s, {_rounded(line['ratio'])}")


def say(text: str) -> None:
    """Progress, for a person."""
    print(f"{time.monotonic() - _BEGAN:7.1f} s  {text}", file=sys.stderr, flush=True)


def _line(ours: Taken, *, floor: Taken | None, usual: Taken | None) -> dict[str, Any]:
    return {
        "stage": ours.name,
        "rows": ours.rows,
        "seconds": ours.seconds,
        "rows_per_s": ours.rows / ours.seconds,
        "peak_mb": ours.peak_mb,
        "runs": ours.runs,
        "floor": _beside(ours, floor),
        "usual": _beside(ours, usual),
        "ratio": _ratio(ours, floor=floor, usual=usual),
        "parts": dict(ours.parts),
        "facts": dict(ours.facts),
    }


def _beside(ours: Taken, other: Taken | None) -> dict[str, Any] | None:
    """A contender that did only a sample is scaled to all rows, and says so."""
    if other is None:
        return None
    sample = {"scaled_from_rows": other.rows} if _is_scaled(ours, other) else {}
    told = {"name": other.name, "seconds": _scaled(ours, other), "peak_mb": other.peak_mb}
    return {**told, **sample, "facts": dict(other.facts)}


def _ratio(ours: Taken, *, floor: Taken | None, usual: Taken | None) -> dict[str, float]:
    ratio = {}
    if floor:
        ratio["times_the_floor"] = ours.seconds / _scaled(ours, floor)
    if usual:
        ratio["times_faster_than_usual"] = _scaled(ours, usual) / ours.seconds
    return ratio


def _scaled(ours: Taken, other: Taken) -> float:
    return other.seconds * ours.rows / other.rows if _is_scaled(ours, other) else other.seconds


def _is_scaled(ours: Taken, other: Taken) -> bool:
    return other.is_sample and other.rows < ours.rows


def _rounded(value: Any) -> Any:  # noqa: ANN401 - plain JSON
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value
