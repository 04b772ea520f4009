"""LanceDB. It has no graph: edges are a table of their own with an index on the source."""

import os

# Else it logs a warning for each search that does not ask for the scores it computes.
os.environ["LANCEDB_LOG"] = "error"

import lancedb
import pyarrow.parquet as pq
from lancedb.rerankers import RRFReranker

from engines.base import RRF, Engine, K, Query


class Lance(Engine):
    """With the HNSW index, whose recall is the better one."""

    package = "lancedb"
    cannot = {
        "scan": "no aggregation in its query interface",
        "join": "no joins",
        "hops": "no graph and no joins",
    }
    settings = {
        "index_vector": "IVF_HNSW_SQ, cosine, defaults",
        "knn": "refine_factor 4: with defaults recall is 0.89",
        "hybrid_hop": "second query on a table of edges",
    }
    refine = 4
    """Times as many candidates are ranked again by exact distances: enough for a recall of 0.95."""

    def load(self) -> None:
        database = lancedb.connect(self.store)
        docs = pq.ParquetFile(self.data / "docs.parquet")
        database.create_table("docs", docs.iter_batches(10_000), schema=docs.schema_arrow)
        database.create_table("depends", pq.read_table(self.data / "depends.parquet"))

    def index_key(self) -> None:
        self._connect()
        self._docs.create_scalar_index("name", index_type="BTREE")
        self._docs.create_scalar_index("section", index_type="BITMAP")
        self._depends.create_scalar_index("src", index_type="BTREE")

    def index_text(self) -> None:
        self._connect()
        self._docs.create_fts_index("text")

    def index_vector(self) -> None:
        self._connect()
        self._docs.create_index(metric="cosine", index_type="IVF_HNSW_SQ")

    def open(self, writable: bool) -> None:
        self._connect()
        self._reranker = RRFReranker(K=RRF)

    def key(self, query: Query) -> list[int]:
        return self._ids(self._docs.search().where(f"name = {_quoted(query.key)}").limit(1))

    def knn(self, query: Query) -> list[int]:
        return self._ids(self._nearest(self._docs.search(query.vector).distance_type("cosine")))

    def knn_filtered(self, query: Query) -> list[int]:
        search = self._docs.search(query.vector).distance_type("cosine")
        search = search.where(f"section = {_quoted(query.section)}", prefilter=True)
        return self._ids(self._nearest(search))

    def text(self, query: Query) -> list[int]:
        return self._ids(self._docs.search(query.text, query_type="fts").limit(K))

    def hybrid(self, query: Query) -> list[int]:
        search = self._docs.search(query_type="hybrid").vector(query.vector).text(query.text)
        return self._ids(self._nearest(search.distance_type("cosine")).rerank(self._reranker))

    def hybrid_hop(self, query: Query) -> list[int]:
        found = ",".join(map(str, self.hybrid(query)))
        edges = self._depends.search().where(f"src IN ({found})").select(["dst"]).to_arrow()
        return edges["dst"].unique().to_pylist()

    def _connect(self) -> None:
        database = lancedb.connect(self.store)
        self._docs = database.open_table("docs")
        self._depends = database.open_table("depends")

    def _nearest(self, search):
        return search.limit(K).refine_factor(self.refine)

    def _ids(self, search) -> list[int]:
        return search.select(["id"]).to_arrow()["id"].to_pylist()


class LancePq(Lance):
    """With the default index, product quantization."""

    settings = Lance.settings | {
        "index_vector": "IVF_PQ, cosine, defaults",
        "knn": "refine_factor 20: with defaults recall is 0.55",
    }
    refine = 20

    def index_vector(self) -> None:
        self._connect()
        self._docs.create_index(metric="cosine", index_type="IVF_PQ")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
