"""Documents, queries and edges taken from the strict graph batches that `omnigraph-convert` makes."""

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

QUERIES = 500
SEED = 20261121


@dataclass(frozen=True)
class Document:
    name: str
    section: str
    summary: str
    text: str


@dataclass(frozen=True)
class Corpus:
    documents: list[Document]
    queries: list[Document]
    depends: list[tuple[str, str]]


def read(debian: Path, wordnet: Path | None, count: int) -> Corpus:
    """Packages that have a description, in name order, filled up with WordNet definitions to `count` documents.

    The packages whose summaries serve as queries are held out: a query never finds its own text.
    """
    packages, depends = _packages(debian)
    packages.sort(key=lambda document: document.name)
    held_out = set(random.Random(SEED).sample(range(len(packages)), QUERIES))
    queries = [packages[row] for row in sorted(held_out)]
    documents = [package for row, package in enumerate(packages) if row not in held_out][:count]
    if wordnet is not None:
        definitions = sorted(_definitions(wordnet), key=lambda document: document.name)
        random.Random(SEED).shuffle(definitions)
        documents += definitions[: count - len(documents)]
    names = {document.name for document in documents}
    edges = sorted({edge for edge in depends if edge[0] in names and edge[1] in names})
    return Corpus(documents, queries, edges)


def _packages(path: Path) -> tuple[list[Document], list[tuple[str, str]]]:
    described, sections, depends = {}, {}, []
    for row in _rows(path):
        if row.get("type") == "Package" and row["data"].get("summary"):
            described[row["data"]["name"]] = row["data"]
        elif row.get("edge") == "InSection":
            sections[row["from"]] = row["to"]
        elif row.get("edge") == "Depends":
            depends.append((row["from"], row["to"]))
    documents = [
        Document(name, sections.get(name, "none"), data["summary"], _joined(data["summary"], data.get("description")))
        for name, data in described.items()
    ]
    return documents, depends


def _definitions(path: Path) -> Iterator[Document]:
    for row in _rows(path):
        if row.get("type") == "Synset":
            data = row["data"]
            text = f"{data['label']}: {data['definition']}"
            yield Document(f"wordnet/{data['code']}", f"wordnet-{data['part_of_speech']}", data["label"], text)


def _joined(summary: str, description: str | None) -> str:
    return f"{summary}\n{description}" if description else summary


def _rows(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(('{"type":"Package"', '{"type":"Synset"', '{"edge":"InSection"', '{"edge":"Depends"')):
                yield json.loads(line)
