"""Every kind of file runs the same kit: a kind without samples fails here."""

from importlib import import_module
from pathlib import Path

import pytest
from tests.conformance.format_kit import CHECKS, Sample

from renkei import formats

KINDS = sorted(set(formats.KINDS) - {"arrow"})  # what connectors land themselves; their kit proves it


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_conforms(kind: str, check, tmp_path: Path) -> None:
    samples: tuple[Sample, ...] = import_module(f"tests.conformance.formats.{kind}").SAMPLES

    assert samples
    for number, sample in enumerate(samples):
        folder = tmp_path / str(number)
        folder.mkdir()
        check(sample, folder)
