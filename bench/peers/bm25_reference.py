"""BM25 by Lucene's formula over real package descriptions, as a fixture for the engine's tests.

    python bm25_reference.py --docs DIR/docs.parquet --queries DIR/queries.parquet --out fixture.json

Written from the formula alone, sharing no code with an engine, and checked here against `rank-bm25`.

Score of a document for a query: the sum over the query's terms (a word asked twice counts twice) of

    ln(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * length / mean_length))

N documents, n of them with the term, f the term's count in the document, lengths counted in terms. Lengths are exact
(Lucene itself rounds them to one byte). The classic formula has a factor (k1 + 1) on top, which Lucene dropped; the
fixture names it so that engines which kept it can be compared.
"""

import argparse
import json
import math
import random
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
from rank_bm25 import BM25Okapi

from analysis import ANALYZERS, Analyzer

K1 = 1.2
B = 0.75
DOCUMENTS = 200
QUERIES = 20
SEED = 7


class Bm25:
    """Scores of all documents of a small corpus."""

    def __init__(self, documents: list[list[str]]):
        self._counts = [Counter(terms) for terms in documents]
        self._lengths = [len(terms) for terms in documents]
        self._mean = sum(self._lengths) / len(documents)
        self._holders = Counter(term for counts in self._counts for term in counts)

    def idf(self, term: str) -> float:
        holders = self._holders[term]
        return math.log(1 + (len(self._counts) - holders + 0.5) / (holders + 0.5))

    def scores(self, terms: list[str]) -> list[float]:
        return [sum(self.idf(term) * self._saturated(term, row) for term in terms) for row in range(len(self._counts))]

    def _saturated(self, term: str, row: int) -> float:
        count = self._counts[row][term]
        return count / (count + K1 * (1 - B + B * self._lengths[row] / self._mean))


class RankBm25Lucene(BM25Okapi):
    """`rank-bm25` with Lucene's idf; its own differs (a floor for common terms), and it keeps the factor k1 + 1."""

    def _calc_idf(self, nd: dict[str, int]) -> None:
        for term, holders in nd.items():
            self.idf[term] = math.log(1 + (self.corpus_size - holders + 0.5) / (holders + 0.5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    documents, queries = _choose(options.docs, options.queries)
    fixture = {
        "formula": "lucene",
        "k1": K1,
        "b": B,
        "classic_factor": K1 + 1,
        "documents": [{"id": f"d{row:03}", "text": text} for row, text in enumerate(documents)],
        "analyzers": [_answers(analyzer, documents, queries) for analyzer in ANALYZERS],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(fixture, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _choose(docs: Path, queries: Path) -> tuple[list[str], list[str]]:
    """Whole descriptions of packages, and summaries of others that share words with them."""
    table = pq.read_table(docs, columns=["section", "text"]).to_pylist()
    packages = [row["text"] for row in table if not row["section"].startswith("wordnet-")]
    asked = pq.read_table(queries, columns=["text"])["text"].to_pylist()
    chosen = random.Random(SEED)
    documents = chosen.sample(packages, DOCUMENTS)
    # One query asks a word twice, and one names nothing that exists.
    return documents, chosen.sample(asked, QUERIES - 2) + ["library library for fonts", "zzyzx qwxyz"]


def _answers(analyzer: Analyzer, documents: list[str], queries: list[str]) -> dict:
    analysed = [analyzer.terms(text) for text in documents]
    engine = Bm25(analysed)
    reference = RankBm25Lucene(analysed, k1=K1, b=B)
    answers = []
    for query in queries:
        terms = analyzer.terms(query)
        scores = engine.scores(terms)
        _check(scores, reference.get_scores(terms))
        found = sorted((row for row, score in enumerate(scores) if score > 0), key=lambda row: (-scores[row], row))
        answers.append(
            {"text": query, "terms": terms, "scores": [[f"d{row:03}", round(scores[row], 9)] for row in found]}
        )
    return {"name": analyzer.name, "rule": analyzer.rule, "mean_length": engine._mean, "queries": answers}


def _check(scores: list[float], classic: list[float]) -> None:
    for score, other in zip(scores, classic, strict=True):
        if not math.isclose(score * (K1 + 1), other, rel_tol=1e-9, abs_tol=1e-12):
            raise AssertionError(f"rank-bm25 says {other}, the formula {score * (K1 + 1)}")


if __name__ == "__main__":
    main()
