"""Omnigraph measures itself, in Rust, and prints rows like those of `measure.py`."""

import json
import subprocess
from pathlib import Path

NAME = "omnigraph"


def results(binary: str, data: Path, work: Path) -> list[dict]:
    """The rows of `omnigraph-bench retrieval`, or one that says that the binary or the command is not there."""
    try:
        known = subprocess.run([binary, "retrieval", "--help"], capture_output=True).returncode == 0
    except FileNotFoundError:
        known = False
    if not known:
        return [{"engine": NAME, "measure": "load", "cannot": f"not built: `{binary} retrieval`"}]
    command = [binary, "retrieval", "--data", str(data), "--dir", str(work / NAME), "--json"]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
    return [{"engine": NAME, **row} for row in json.loads(output)]
