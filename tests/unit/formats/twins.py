"""Known-bad twins: a module of ours with a guard taken out as text, in the place of the true one."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest


def twin(monkeypatch: pytest.MonkeyPatch, module: ModuleType, *patches: tuple[str, str]) -> ModuleType:
    """Put the patched module wherever the true one is used, until the test ends."""
    source = Path(str(module.__file__)).read_text("utf-8")
    for guard, nothing in patches:
        assert source.count(guard) == 1, f"{module.__name__} has no longer exactly one: {guard}"
        source = source.replace(guard, nothing)
    made = ModuleType(module.__name__)
    made.__file__ = module.__file__
    exec(compile(source, str(module.__file__), "exec"), made.__dict__)
    true = {id(value): name for name, value in vars(module).items() if _is_own(value, module)}
    for user in [each for name, each in sys.modules.items() if name.startswith("renkei.formats")]:
        for name, value in list(vars(user).items()):
            if user is not module and id(value) in true and hasattr(made, true[id(value)]):
                monkeypatch.setattr(user, name, getattr(made, true[id(value)]))
    parent, _, name = module.__name__.rpartition(".")
    monkeypatch.setitem(sys.modules, module.__name__, made)
    monkeypatch.setattr(import_module(parent), name, made)
    for user in [each for key, each in sys.modules.items() if key.startswith("renkei.formats.")]:
        for alias in [alias for alias, value in vars(user).items() if value is module]:
            monkeypatch.setattr(user, alias, made)
    return made


def _is_own(value: object, module: ModuleType) -> bool:
    return getattr(value, "__module__", None) == module.__name__
