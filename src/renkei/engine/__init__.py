"""Where bulk SQL runs: rules know relations and parameters, the edge chooses which engine answers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import pyarrow as pa


class Engine(Protocol):
    """Answers SQL over named relations. Names are ``system.feed``; a name is defined once."""

    def relation(self, name: str, parquet: Sequence[Path]) -> None:
        """Make Parquet files readable under a name, without copying them."""
        ...

    def table(self, name: str, table: pa.Table) -> None:
        """Make an Arrow table readable under a name."""
        ...

    def derive(self, name: str, query: str, parameters: Mapping[str, object]) -> None:
        """Answer the query once and keep what it returned under a name."""
        ...

    def drop(self, name: str) -> None:
        """Forget a table."""
        ...

    def sql(self, query: str, parameters: Mapping[str, object]) -> pa.RecordBatchReader:
        """Stream the answer of one SELECT; only the parameters that it names are bound."""
        ...

    def rows(self, query: str, parameters: Mapping[str, object], *, within: float | None = None) -> pa.Table:
        """The whole answer of one SELECT; FixDeclaration E_QUERY_SLOW where it takes more seconds."""
        ...

    def seal(self) -> None:
        """From here on no query reaches a file or the network: only what was named can be read."""
        ...
