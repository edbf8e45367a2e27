"""One night's deliveries of 税 and 福祉, and the file anomalies of the day."""

from pathlib import Path

from renkei_sample.legacy.tax_files import assessment_file, taxpayer_file, write_with_done
from renkei_sample.legacy.welfare_files import benefit_file, recipient_file
from renkei_sample.state import CityState

Place = tuple[Path, Path]
#: (file name, feed, what is wrong): re-sent under another name, or with a trailer that miscounts.
Anomaly = tuple[str, str, str]


def write_night(state: CityState, *, tax: Place, welfare: Place, anomalies: tuple[Anomaly, ...] = ()) -> None:
    """Write the full files of the state's day. ``tax`` and ``welfare`` are (folder, staging folder)."""
    day, generation = state.day, state.day.toordinal()
    taxpayers = list(state.taxpayers.values())
    files = {
        f"KJ_{day:%Y%m%d}": taxpayer_file(taxpayers, day=day, generation=generation),
        f"FK_{day:%Y%m%d}": assessment_file(list(state.assessments.values()), day=day, generation=generation),
    }
    for name, content in files.items():
        write_with_done(tax[0] / f"{name}.DAT", content, done=".END", staging=tax[1])
    for name, content in _welfare(state).items():
        write_with_done(welfare[0] / f"{name}.xml", content, done=".done", staging=welfare[1])
    for name, _, klass in anomalies:
        content = files[f"{name[:2]}_{day:%Y%m%d}"]
        if klass == "refused":
            content = taxpayer_file(taxpayers, day=day, generation=generation, stated=len(taxpayers) + 1)
        write_with_done(tax[0] / name, content, done=".END", staging=tax[1])


def _welfare(state: CityState) -> dict[str, bytes]:
    return {
        f"TAISHO_{state.day:%Y%m%d}": recipient_file(list(state.recipients.values()), day=state.day),
        f"KYUFU_{state.day:%Y%m%d}": benefit_file(list(state.benefits.values()), day=state.day),
    }
