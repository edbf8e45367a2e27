"""``bench xml``: benefits in XML to columns and back."""

import shutil

from bench.contest import contest, entry
from bench.lines import show
from bench.place import desk


def measure(*, rows: int, rounds: int) -> None:
    """Reading beside libxml2 alone and iterparse, tuned and naive; writing beside lxml's writer."""
    with desk() as here:
        floor = entry("xmllint --stream --noout", "xml_files.xmllint", rows=rows)
        if shutil.which("xmllint") is None:
            floor = entry("libxml2, parsing only", "xml_files.libxml2", rows=rows)
        ours, least, tuned, naive = contest(
            here,
            entry("read_xml", "xml_files.ours", rows=rows),
            floor,
            entry("lxml iterparse, tuned, with schema", "xml_files.iterparse", rows=rows),
            entry("lxml iterparse, naive", "xml_files.naive", rows=rows),
            rounds=rounds,
        )
        show(ours, floor=least, usual=tuned)
        show(ours, floor=least, usual=naive)
        written, theirs = contest(
            here,
            entry("write_xml", "xml_files.write", rows=rows),
            entry("lxml.xmlfile", "xml_files.xmlfile", rows=rows),
            rounds=rounds,
        )
        show(written, usual=theirs)
