"""Known-bad twins of the engine's part of a transfer: its text with a guard taken out."""

import importlib.util
from pathlib import Path
from types import ModuleType

import renkei

ENGINE = Path(renkei.__file__).parent


def engine_without(file: str, *patches: tuple[str, str]) -> ModuleType:
    """A module of the engine with a guard taken out; the engine itself stays as it is."""
    place = ENGINE / file
    text = place.read_text("utf-8")
    for guard, nothing in patches:
        assert text.count(guard) >= 1, f"{file} has no longer: {guard}"
        text = text.replace(guard, nothing)
    name = ".".join(("renkei", *Path(file).with_suffix("").parts))
    spec = importlib.util.spec_from_loader(f"{name}_twin", loader=None)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    exec(compile(text, f"{place} (twin)", "exec"), vars(module))
    return module
