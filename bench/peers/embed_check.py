"""Real embeddings from end to end: descriptions embedded as they are loaded, and found by questions in words.

    python embed_check.py --omnigraph ../../target/debug/omnigraph --docs DIR/docs.parquet --queries DIR/queries.parquet

Starts `embeddings_server.py`, loads descriptions without vectors (`--embed-on-write`), changes one, asks for the ten nearest
of each question as text, and compares ids with those that the model itself and plain arithmetic give.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from model import NAME, Model

SCHEMA = f"""
node Doc {{
    name: String @key
    text: String
    vec: Vector(384) @embed("text", model="{NAME}") @index(metric="cosine")
}}
"""
READ = "query q($text: String) { match { $d: Doc } return { $d.name as name } order { nearest($d.vec, $text) } limit 10 }"
CHANGE = 'query m($name: String, $text: String) { update Doc set { text: $text } where name = $name }'
K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--omnigraph", type=Path, required=True)
    parser.add_argument("--docs", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--port", type=int, default=8123)
    options = parser.parse_args()

    texts = pq.read_table(options.docs, columns=["text"])["text"].to_pylist()[: options.rows]
    questions = pq.read_table(options.queries, columns=["text"])["text"].to_pylist()[: options.questions]
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("embeddings_server.py"), "--port", str(options.port)],
        stdout=subprocess.DEVNULL,
    )
    try:
        _await(options.port)
        check(options.omnigraph, options.port, texts, questions)
    finally:
        server.terminate()
        server.wait()


def check(omnigraph: Path, port: int, texts: list[str], questions: list[str]) -> None:
    environment = os.environ | {
        "OMNIGRAPH_EMBED_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OMNIGRAPH_EMBED_MODEL": NAME,
        "OPENAI_API_KEY": "any",
    }

    def run(*arguments: str) -> str:
        done = subprocess.run([omnigraph, *arguments], env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SystemExit(f"omnigraph {' '.join(arguments[:2])}: {done.stderr}")
        return done.stdout

    with tempfile.TemporaryDirectory() as directory:
        graph, schema, data = (str(Path(directory) / name) for name in ["docs.graph", "docs.pg", "docs.jsonl"])
        Path(schema).write_text(SCHEMA)
        with open(data, "w") as out:
            for row, text in enumerate(texts):
                print(json.dumps({"type": "Doc", "data": {"name": f"d{row:05}", "text": text}}), file=out)
        run("init", graph, "--schema", schema)
        started = time.perf_counter()
        run("load", graph, "--data", data, "--mode", "append", "--embed-on-write")
        seconds = time.perf_counter() - started

        # A text that changes is embedded anew.
        texts = [questions[0]] + texts[1:]
        params = json.dumps({"name": "d00000", "text": texts[0]})
        run("mutate", "--store", graph, "--embed-on-write", "-e", CHANGE, "--params", params)

        model = Model(threads=2)
        vectors = model.embed(model.tokens(texts))
        hits = 0
        for question in questions:
            distances = 1 - vectors @ model.embed(model.tokens([question]))[0]
            expected = {f"d{row:05}" for row in np.argsort(distances, kind="stable")[:K]}
            answer = json.loads(run("query", "--store", graph, "-e", READ, "--params", json.dumps({"text": question}), "--json"))
            hits += len(expected & {row["name"] for row in answer["rows"]})
        asked = K * len(questions)
        print(f"{len(texts)} texts embedded and loaded in {seconds:.1f} s; {hits} of {asked} nearest agree")
        if hits < 0.99 * asked:
            raise SystemExit("the nearest are others than the model's")


def _await(port: int) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1).read()
            return
        except OSError as error:
            if getattr(error, "code", None):
                return
            time.sleep(0.2)
    raise SystemExit("the embeddings server does not answer")


if __name__ == "__main__":
    main()
