"""Ladybug, and Kuzu, the graph database that it was forked from: the same interface.

Ladybug's wheels lack its vector and full-text extensions, which it downloads at run time; Kuzu's last wheels have them
linked in. So the searches of this family are measured on Kuzu, and the graph on both.
"""

from importlib import import_module

import pyarrow.parquet as pq

from engines.base import Engine, K, Query, named_edges

SCHEMA = """
CREATE NODE TABLE Doc(id INT64, name STRING PRIMARY KEY, section STRING, text STRING, vector FLOAT[384]);
CREATE REL TABLE Depends(FROM Doc TO Doc);
"""
NOT_SHIPPED = "the wheel lacks the extension; it is downloaded from the project's own server at run time"


class Ladybug(Engine):
    package = "ladybug"
    settings = {"knn": "brute force", "index_key": "built with the load: the name is the primary key"}
    cannot = {
        "index_key": "built with the load",
        "index_vector": NOT_SHIPPED,
        "index_text": NOT_SHIPPED,
        "text": NOT_SHIPPED,
        "hybrid": NOT_SHIPPED,
        "hybrid_hop": NOT_SHIPPED,
    }

    def load(self) -> None:
        self._connect(read_only=False)
        edges = self.store.with_suffix(".edges.parquet")
        pq.write_table(named_edges(self.data), edges)
        for statement in SCHEMA.split(";")[:-1]:
            self._rows(statement)
        self._rows(f"COPY Doc FROM '{self.data / 'docs.parquet'}'")
        self._rows(f"COPY Depends FROM '{edges}'")
        edges.unlink()
        self._database.close()

    def open(self, writable: bool) -> None:
        self._connect(read_only=not writable)

    def close(self) -> None:
        self._connection.close()
        self._database.close()

    def key(self, query: Query) -> list[int]:
        return self._ids("MATCH (d:Doc {name: $name}) RETURN d.id", name=query.key)

    def scan(self, query: Query) -> list[int]:
        return [len(self._ids("MATCH (d:Doc) RETURN d.section, count(*), avg(size(d.text))"))]

    def join(self, query: Query) -> list[int]:
        return self._ids(
            f"""MATCH (a:Doc)-[:Depends]->(b:Doc) WITH a.section AS a, b.section AS b, count(*) AS edges
            RETURN edges ORDER BY edges DESC LIMIT {K}"""
        )

    def hops(self, query: Query) -> list[int]:
        return self._ids(
            "MATCH (a:Doc {name: $name})-[:Depends*1..2]->(b:Doc) RETURN count(DISTINCT b.id)", name=query.hub
        )

    def knn(self, query: Query) -> list[int]:
        return self._ids(
            f"""MATCH (d:Doc) RETURN d.id, array_cosine_similarity(d.vector, CAST($vector AS FLOAT[384])) AS near
            ORDER BY near DESC LIMIT {K}""",
            vector=query.vector.tolist(),
        )

    def knn_filtered(self, query: Query) -> list[int]:
        return self._ids(
            f"""MATCH (d:Doc) WHERE d.section = $section
            RETURN d.id, array_cosine_similarity(d.vector, CAST($vector AS FLOAT[384])) AS near
            ORDER BY near DESC LIMIT {K}""",
            vector=query.vector.tolist(),
            section=query.section,
        )

    def hybrid_hop(self, query: Query) -> list[int]:
        return self._ids(
            "MATCH (a:Doc)-[:Depends]->(b:Doc) WHERE a.id IN $ids RETURN DISTINCT b.id", ids=self.hybrid(query)
        )

    def _connect(self, read_only: bool) -> None:
        module = import_module(self.package)
        self._database = module.Database(str(self.store), read_only=read_only)
        self._connection = module.Connection(self._database)

    def _rows(self, statement: str, **values) -> list[list]:
        return self._connection.execute(statement, values).get_all()

    def _ids(self, statement: str, **values) -> list[int]:
        return [row[0] for row in self._rows(statement, **values)]


class Kuzu(Ladybug):
    package = "kuzu"
    settings = {
        "index_vector": "HNSW, cosine, defaults",
        "knn_filtered": "a projected graph for each section; a read-only store refuses to make one, so: one client",
    }
    cannot = {"index_key": "built with the load"}
    writes = {"knn_filtered"}

    def open(self, writable: bool) -> None:
        super().open(writable)
        self._projected: dict[str, str] = {}

    def index_text(self) -> None:
        self._connect(read_only=False)
        self._rows("CALL CREATE_FTS_INDEX('Doc', 'words', ['text'])")
        self._database.close()

    def index_vector(self) -> None:
        self._connect(read_only=False)
        self._rows("CALL CREATE_VECTOR_INDEX('Doc', 'near', 'vector', metric := 'cosine')")
        self._database.close()

    def knn(self, query: Query) -> list[int]:
        return self._nearest("Doc", query)

    def knn_filtered(self, query: Query) -> list[int]:
        graph = self._projected.get(query.section)
        if graph is None:
            graph = self._projected[query.section] = f"section{len(self._projected)}"
            members = f'MATCH (d:Doc) WHERE d.section = "{query.section}" RETURN d'
            self._rows(f"CALL PROJECT_GRAPH_CYPHER('{graph}', '{members}')")
        return self._nearest(graph, query)

    def text(self, query: Query) -> list[int]:
        return self._ids(
            f"CALL QUERY_FTS_INDEX('Doc', 'words', $text, top := {K}) RETURN node.id, score ORDER BY score DESC",
            text=query.text,
        )

    def _nearest(self, graph: str, query: Query) -> list[int]:
        return self._ids(
            f"CALL QUERY_VECTOR_INDEX('{graph}', 'near', $vector, {K}) RETURN node.id, distance ORDER BY distance",
            vector=query.vector.tolist(),
        )
