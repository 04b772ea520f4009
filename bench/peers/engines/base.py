"""What an engine must offer to be measured."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

K = 10
RRF = 60
"""The constant of reciprocal rank fusion."""


@dataclass(frozen=True)
class Query:
    """One question, in the forms that the measures need."""

    text: str
    section: str
    vector: np.ndarray
    key: str
    """Name of a document that exists."""
    hub: str
    """Name of a document that has edges."""


class Engine(ABC):
    """Methods named as the measures. Every one that searches answers with the ids of at most `K` documents."""

    package: str
    cannot: dict[str, str] = {}
    """Measures that the engine as published has no means for, and why."""
    writes: set[str] = set()
    """Searches that need a writable store, so that only one process can run them."""
    settings: dict[str, str] = {}
    """How a measure was set up, where that was a choice."""

    def __init__(self, data: Path, store: Path):
        self.data = data
        self.store = store

    @abstractmethod
    def load(self) -> None:
        """Create the store from `docs.parquet` and `depends.parquet`."""

    @abstractmethod
    def open(self, writable: bool) -> None:
        """Open the store for the queries below; unless `writable`, several processes do so at once."""

    def close(self) -> None:
        """Give the store free for another process."""

    def index_key(self) -> None:
        raise NotImplementedError

    def index_text(self) -> None:
        raise NotImplementedError

    def index_vector(self) -> None:
        raise NotImplementedError

    def key(self, query: Query) -> list[int]:
        """The document of a name."""
        raise NotImplementedError

    def scan(self, query: Query) -> list[int]:
        """Documents and mean length of their texts for each section: a row count as answer."""
        raise NotImplementedError

    def join(self, query: Query) -> list[int]:
        """Edges between each two sections, the ten most frequent pairs: their counts as answer."""
        raise NotImplementedError

    def hops(self, query: Query) -> list[int]:
        """The number of documents within two edges of `query.hub`, itself apart unless an edge leads back."""
        raise NotImplementedError

    def knn(self, query: Query) -> list[int]:
        raise NotImplementedError

    def knn_filtered(self, query: Query) -> list[int]:
        """The nearest of those whose section is the query's."""
        raise NotImplementedError

    def text(self, query: Query) -> list[int]:
        """The best by BM25, any of the words."""
        raise NotImplementedError

    def hybrid(self, query: Query) -> list[int]:
        """The ten nearest and the ten best by BM25, fused by reciprocal ranks."""
        return fused([self.knn(query), self.text(query)])

    def hybrid_hop(self, query: Query) -> list[int]:
        """The documents that those of `hybrid` depend on, in no order and without limit."""
        raise NotImplementedError


def fused(rankings: list[list[int]]) -> list[int]:
    """Reciprocal rank fusion; ties keep the order of the first ranking, then of the second."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, row in enumerate(ranking, 1):
            scores[row] = scores.get(row, 0.0) + 1 / (RRF + rank)
    return sorted(scores, key=scores.get, reverse=True)[:K]


def named_edges(data: Path) -> pa.Table:
    """The edges by the names of their ends."""
    names = pq.read_table(data / "docs.parquet", columns=["name"])["name"]
    edges = pq.read_table(data / "depends.parquet")
    return pa.table({"src": pc.take(names, edges["src"]), "dst": pc.take(names, edges["dst"])})
