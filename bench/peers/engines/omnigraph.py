"""Omnigraph measures itself, in Rust, and prints rows like those of `measure.py`."""

import json
import subprocess
from pathlib import Path

import pyarrow.parquet as pq

NAME = "omnigraph"


def results(binary: str, data: Path, work: Path) -> list[dict]:
    """The rows of `omnigraph-bench retrieval`, or one that says that the binary or the command is not there."""
    try:
        known = subprocess.run([binary, "retrieval", "--help"], capture_output=True).returncode == 0
    except FileNotFoundError:
        known = False
    if not known:
        return [{"engine": NAME, "measure": "load", "cannot": f"not built: `{binary} retrieval`"}]
    questions = work / "questions.jsonl"
    with questions.open("w") as lines:
        for row in pq.read_table(work / "queries.parquet").to_pylist():
            lines.write(json.dumps(row) + "\n")
    command = [binary, "retrieval", "--data", str(data), "--dir", str(work / NAME), "--json"]
    command += ["--queries", str(questions)]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    table = pq.read_table(data / "docs.parquet", columns=["id", "name"])
    ids = dict(zip(table["name"].to_pylist(), table["id"].to_pylist()))
    rows = json.loads(output)
    # What the load's process went on with after the load was acknowledged.
    indexed = [{**row, "measure": "index_all", "seconds": row["index_seconds"]} for row in rows if "index_seconds" in row]
    rows += indexed
    for row in rows:
        if "answers" in row:
            row["answers"] = [[ids.get(found, found) for found in answer] for answer in row["answers"]]
    return [{"engine": NAME, **row} for row in rows]
