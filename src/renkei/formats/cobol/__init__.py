"""COBOL files (kind ``cobol``): read and written as a copybook describes them, to the byte.

The copybook's text decides what lies where; the declaration says what a copybook cannot say: the encoding,
how signs are written, which redefinition a record has. Whatever is in doubt is refused.
"""

from renkei.formats.cobol.copybook import sources
from renkei.formats.cobol.describe import codes, describe, skeleton
from renkei.formats.cobol.read import read
from renkei.formats.cobol.shape import SHAPE, problems
from renkei.formats.cobol.write import write

__all__ = ["SHAPE", "codes", "describe", "problems", "read", "skeleton", "sources", "write"]
