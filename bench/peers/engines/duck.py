"""DuckDB with its full-text extension, which a PyPI package ships."""

from pathlib import Path

import duckdb
import numpy as np
from duckdb_extensions import import_extension

from engines.base import Engine, K, Query, named_edges

BEST = f"""
    SELECT id FROM (SELECT id, fts_main_docs.match_bm25(id, $1) AS score FROM docs)
    WHERE score IS NOT NULL ORDER BY score DESC, id LIMIT {K}"""


class Duck(Engine):
    package = "duckdb"
    settings = {
        "index_text": "extension fts",
        "knn": "brute force; the vector is passed as text, as binding a list of 384 numbers alone takes 28 ms",
    }
    cannot = {"index_vector": "its HNSW index is an extension whose stored form is marked experimental"}

    def load(self) -> None:
        self._connect(read_only=False)
        edges = named_edges(self.data)
        source = self.data / "docs.parquet"
        self._run(f"CREATE TABLE docs AS SELECT * REPLACE (vector::FLOAT[384] AS vector) FROM '{source}'")
        self._run("CREATE TABLE depends AS SELECT * FROM edges", edges=edges)
        self._database.close()

    def index_key(self) -> None:
        self._connect(read_only=False)
        self._run("CREATE UNIQUE INDEX docs_name ON docs(name)")
        self._run("CREATE INDEX docs_section ON docs(section)")
        self._run("CREATE INDEX depends_src ON depends(src)")
        self._database.close()

    def index_text(self) -> None:
        self._connect(read_only=False)
        import_extension("fts", con=self._database)
        self._run("LOAD fts")
        self._run("PRAGMA create_fts_index('docs', 'id', 'text')")
        self._database.close()

    def open(self, writable: bool) -> None:
        self._connect(read_only=not writable)
        self._run("LOAD fts")

    def key(self, query: Query) -> list[int]:
        return self._ids("SELECT id FROM docs WHERE name = $1", query.key)

    def scan(self, query: Query) -> list[int]:
        return [len(self._ids("SELECT section, count(*), avg(length(text)) FROM docs GROUP BY section"))]

    def join(self, query: Query) -> list[int]:
        return self._ids(
            f"""SELECT count(*) AS edges FROM depends JOIN docs a ON a.name = src JOIN docs b ON b.name = dst
            GROUP BY a.section, b.section ORDER BY edges DESC LIMIT {K}"""
        )

    def hops(self, query: Query) -> list[int]:
        return self._ids(
            """WITH one AS (SELECT dst FROM depends WHERE src = $1)
            SELECT count(*) FROM (FROM one UNION SELECT d.dst FROM depends d JOIN one ON d.src = one.dst)""",
            query.hub,
        )

    def knn(self, query: Query) -> list[int]:
        return self._ids(
            f"SELECT id FROM docs ORDER BY array_cosine_distance(vector, $1::FLOAT[384]), id LIMIT {K}",
            _text(query.vector),
        )

    def knn_filtered(self, query: Query) -> list[int]:
        return self._ids(
            f"""SELECT id FROM docs WHERE section = $2
            ORDER BY array_cosine_distance(vector, $1::FLOAT[384]), id LIMIT {K}""",
            _text(query.vector),
            query.section,
        )

    def text(self, query: Query) -> list[int]:
        return self._ids(BEST, query.text)

    def hybrid_hop(self, query: Query) -> list[int]:
        return self._ids(
            """SELECT DISTINCT b.id FROM docs a JOIN depends ON src = a.name JOIN docs b ON b.name = dst
            WHERE a.id IN (SELECT unnest($1::BIGINT[]))""",
            self.hybrid(query),
        )

    def _connect(self, read_only: bool) -> None:
        self.store.mkdir(parents=True, exist_ok=True)
        config = {"extension_directory": str(Path(self.store, "extensions").absolute())}
        self._database = duckdb.connect(self.store / "duck.db", read_only=read_only, config=config)

    def _run(self, statement: str, **tables) -> None:
        for name, table in tables.items():
            self._database.register(name, table)
        self._database.execute(statement)

    def _ids(self, statement: str, *values) -> list[int]:
        return [row[0] for row in self._database.execute(statement, values).fetchall()]


def _text(vector: np.ndarray) -> str:
    return str(vector.tolist())
