"""A copy of the city's declarations under which the hub receives individual numbers: the vault is on.

The declarations that ship are those of a city without: there no system sends a number.
"""

import shutil
from pathlib import Path

#: The folders that a city declares.
_FOLDERS = ("connectors", "mappings", "reconciliation", "dags")
_OFF = '[vault]\nindividual_number = "off"\n'
_ON = """[vault]
individual_number = "on"
legal_basis = "番号法9条1項・2項（標本の市）"
retention = "5y"

[[vault.purpose]]
code = "resident-tax"
task = "個人住民税の賦課"
article = "番号法別表24の項"
"""
_FIELD = """[[feed.field]]
to = "individual_number_token"
from = {source}
steps = [{{ token = "individual_number" }}]

"""
_FILLER = '[[feed.ignored]]\nname = "FILLER"\nat = {at}\nbytes = {size}\n'
_PROTECTED = '[[feed.field]]\nto = "protected"\nfrom = {source}\n'
_LAST_ELEMENT = '        <xs:element name="支援措置" type="短文" minOccurs="0"/>\n'


def declare(root: Path, folder: Path) -> Path:
    """Copy what a city declares into an empty folder, and turn the vault on there; the folder.

    ValueError where the declarations are not those of the sample city.
    """
    for name in _FOLDERS:
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "renkei.toml", folder)
    replace_once(folder / "renkei.toml", _OFF, _ON)
    mappings = folder / "mappings"
    before = _PROTECTED.format(source='"shien_kbn"')
    replace_once(mappings / "juki.toml", before, _FIELD.format(source='"kojin_bango"') + before)
    number = _FIELD.format(source='{ name = "KOJIN_BANGO", at = 367, bytes = 12 }')
    rest = _FILLER.format(at=379, size=42)
    replace_once(mappings / "tax.toml", _FILLER.format(at=367, size=54), number + rest)
    before = _PROTECTED.format(source='{ name = "支援措置", optional = true }')
    number = _FIELD.format(source='{ name = "個人番号", optional = true }')
    replace_once(mappings / "welfare.toml", before, number + before)
    element = _LAST_ELEMENT.replace("支援措置", "個人番号")
    replace_once(mappings / "schemas" / "welfare_recipient.xsd", _LAST_ELEMENT, _LAST_ELEMENT + element)
    return folder


def replace_once(file: Path, old: str, new: str) -> None:
    """Exchange a text that stands in a file once; ValueError where it stands there otherwise."""
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{file.name}: the text to exchange stands there {text.count(old)} times")
    file.write_text(text.replace(old, new), encoding="utf-8")
