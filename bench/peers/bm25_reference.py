"""BM25 by Lucene's formula over real package descriptions, as a fixture for the engine's tests.

    python bm25_reference.py --docs DIR/docs.parquet --queries DIR/queries.parquet --out fixture.json

The formula is that of `bm25.py`, checked here against `rank-bm25`. The fixture names the factor by which scores of the
classic formula are greater, so that engines which kept it can be compared.
"""

import argparse
import json
import math
import random
from pathlib import Path

import pyarrow.parquet as pq
from rank_bm25 import BM25Okapi

from analysis import ANALYZERS, Analyzer
from bm25 import K1, B, Bm25

DOCUMENTS = 200
QUERIES = 20
SEED = 7


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
        scores = engine.scores(terms).tolist()
        _check(scores, reference.get_scores(terms))
        found = sorted((row for row, score in enumerate(scores) if score > 0), key=lambda row: (-scores[row], row))
        answers.append(
            {"text": query, "terms": terms, "scores": [[f"d{row:03}", round(scores[row], 9)] for row in found]}
        )
    return {"name": analyzer.name, "rule": analyzer.rule, "mean_length": engine.mean_length, "queries": answers}


def _check(scores: list[float], classic: list[float]) -> None:
    for score, other in zip(scores, classic, strict=True):
        if not math.isclose(score * (K1 + 1), other, rel_tol=1e-9, abs_tol=1e-12):
            raise AssertionError(f"rank-bm25 says {other}, the formula {score * (K1 + 1)}")


if __name__ == "__main__":
    main()
