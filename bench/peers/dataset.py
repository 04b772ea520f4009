"""Make the data of the retrieval benches: documents with vectors, queries, exact answers, and a graph batch.

    python dataset.py --debian debian.jsonl --wordnet wordnet.jsonl --out DIR

DIR receives docs.parquet, queries.parquet, depends.parquet, truth.json, graph.pg, graph.jsonl and stats.json.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import corpus
import truth
from embed import embed_all
from model import DIMENSIONS, MAX_TOKENS, NAME

SCHEMA = f"""\
// Descriptions with their embeddings. Data: `bench/peers/dataset.py`.

node Doc @description("A package or a word sense, described") {{
    name: String @key
    section: String @index
    text: String @index
    embedding: Vector({DIMENSIONS}) @embed(text, model="{NAME}") @index
}}

edge Depends: Doc -> Doc @description("Must be installed for this one to work")
"""


def main() -> None:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    read = corpus.read(options.debian, options.wordnet, options.count)
    print(f"{len(read.documents)} documents, {len(read.queries)} queries, {len(read.depends)} edges", flush=True)

    cache = options.cache or options.out / "cache"
    queries = embed_all([query.summary for query in read.queries], cache, options.processes, options.tokens)
    vectors = embed_all([document.text for document in read.documents], cache, options.processes, options.tokens)
    sections = [document.section for document in read.documents]
    answers = truth.answers(vectors, sections, queries, [query.section for query in read.queries])
    texts = [document.text for document in read.documents]
    answers["text"] = truth.text_answers(texts, [query.summary for query in read.queries])

    _write_tables(options.out, read, vectors, queries)
    _write_batch(options.out, read, vectors)
    (options.out / "truth.json").write_text(json.dumps(answers))
    (options.out / "stats.json").write_text(json.dumps(_stats(read, options.tokens), indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--debian", type=Path, required=True, help="batch made by `omnigraph-convert debian`")
    parser.add_argument("--wordnet", type=Path, help="batch made by `omnigraph-convert wordnet`: fills up to --count")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="where finished parts of the vectors are kept [OUT/cache]")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--tokens", type=int, default=MAX_TOKENS, help="how much of a text is embedded [%(default)s]")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args()


def _write_tables(out: Path, read: corpus.Corpus, vectors: np.ndarray, queries: np.ndarray) -> None:
    documents = {
        "id": pa.array(range(len(read.documents)), pa.int64()),
        "name": [document.name for document in read.documents],
        "section": [document.section for document in read.documents],
        "text": [document.text for document in read.documents],
        "vector": _column(vectors),
    }
    pq.write_table(pa.table(documents), out / "docs.parquet", row_group_size=10_000)
    asked = {
        "name": [query.name for query in read.queries],
        "section": [query.section for query in read.queries],
        "text": [query.summary for query in read.queries],
        "vector": _column(queries),
    }
    pq.write_table(pa.table(asked), out / "queries.parquet")
    row = {document.name: number for number, document in enumerate(read.documents)}
    edges = {
        "src": pa.array([row[src] for src, _ in read.depends], pa.int64()),
        "dst": pa.array([row[dst] for _, dst in read.depends], pa.int64()),
    }
    pq.write_table(pa.table(edges), out / "depends.parquet")


def _column(vectors: np.ndarray) -> pa.Array:
    return pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel(), pa.float32()), vectors.shape[1])


def _write_batch(out: Path, read: corpus.Corpus, vectors: np.ndarray) -> None:
    (out / "graph.pg").write_text(SCHEMA)
    with (out / "graph.jsonl").open("w", encoding="utf-8") as batch:
        for document, vector in zip(read.documents, vectors):
            # Nine digits are enough for a 32-bit float to be read back unchanged.
            embedding = "[" + ",".join(np.char.mod("%.9g", vector)) + "]"
            fields = {"name": document.name, "section": document.section, "text": document.text}
            data = json.dumps(fields, ensure_ascii=False)[:-1]
            batch.write(f'{{"type":"Doc","data":{data},"embedding":{embedding}}}}}\n')
        for src, dst in read.depends:
            batch.write(json.dumps({"edge": "Depends", "from": src, "to": dst, "data": {"id": f"{src}>{dst}"}}) + "\n")


def _stats(read: corpus.Corpus, tokens: int) -> dict:
    words = sum(document.section.startswith("wordnet-") for document in read.documents)
    return {
        "documents": len(read.documents),
        "packages": len(read.documents) - words,
        "wordnet_definitions": words,
        "queries": len(read.queries),
        "depends": len(read.depends),
        "dimensions": DIMENSIONS,
        "model": NAME,
        "tokens_embedded": tokens,
    }


if __name__ == "__main__":
    main()
