"""Exact answers, computed by brute force: nearest neighbours by cosine, best texts by BM25."""

import numpy as np

import analysis
from bm25 import Bm25

KEEP = 100
BLOCK = 50


def answers(vectors: np.ndarray, sections: list[str], queries: np.ndarray, wanted: list[str]) -> dict:
    """Rows of the `KEEP` nearest documents of each query: among all, and among those of the query's section.

    Ties go to the lower row. Similarities (`score`) are kept so that a recall may count ties as hits.
    """
    section = np.array(sections)
    everything = _nearest(vectors, np.arange(len(vectors)), queries)
    filtered = []
    for query, name in zip(queries, wanted):
        filtered += _nearest(vectors, np.flatnonzero(section == name), query[None])
    for answer, name in zip(filtered, wanted):
        answer["section"] = name
    return {"metric": "cosine", "k": KEEP, "all": everything, "filtered": filtered}


def text_answers(texts: list[str], queries: list[str]) -> list[dict]:
    """Rows of the `KEEP` best documents of each query, and their scores, by the analyzer `english`."""
    engine = Bm25([analysis.english(text) for text in texts])
    return [_best(engine.scores(analysis.english(query))) for query in queries]


def _best(scores: np.ndarray) -> dict:
    rows = np.flatnonzero(scores)
    order = rows[np.lexsort((rows, -scores[rows]))][:KEEP]
    return {"rows": order.tolist(), "score": np.round(scores[order], 7).tolist()}


def _nearest(vectors: np.ndarray, rows: np.ndarray, queries: np.ndarray) -> list[dict]:
    found = []
    for start in range(0, len(queries), BLOCK):
        similar = queries[start : start + BLOCK].astype(np.float64) @ vectors[rows].astype(np.float64).T
        for line in similar:
            order = np.lexsort((rows, -line))[:KEEP]
            found.append({"rows": rows[order].tolist(), "score": np.round(line[order], 7).tolist()})
    return found
