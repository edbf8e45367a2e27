"""Identity: which records are one resident (同一人の判定), kept as links on two axes of time."""

from renkei.registry.identity.definition import Decided, Edge, Held, Node, Resolution, resolve, solve
from renkei.registry.identity.incoming import identify, one_linker
from renkei.registry.identity.settle import Settled, settle

__all__ = [
    "Decided",
    "Edge",
    "Held",
    "Node",
    "Resolution",
    "Settled",
    "identify",
    "one_linker",
    "resolve",
    "settle",
    "solve",
]
