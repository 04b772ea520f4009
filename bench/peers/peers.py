"""Side-by-side bench of retrieval engines on the data of `dataset.py`.

    python peers.py --data DIR --work DIR [--engines lancedb,duckdb] [--measures knn,text] [--omnigraph BINARY]

Each measurement runs in a process of its own. Writes WORK/results.json and WORK/results.md; measurements already in
results.json are kept unless `--again` is given, so an interrupted run goes on where it stopped.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import report
from engines import NAMES, omnigraph
from measure import BUILDS, SEARCHES

SEED = 11


def main() -> None:
    options = _options()
    options.work.mkdir(parents=True, exist_ok=True)
    _prepare(options.data, options.work / "queries.parquet")
    rows = _known(options.work / "results.json")
    for engine in options.engines:
        for measure in options.measures:
            if options.again or (engine, measure) not in rows:
                rows[engine, measure] = _measured(options, engine, measure)
                _write(options, rows)
    for row in omnigraph.results(options.omnigraph, options.data, options.work):
        rows[row["engine"], row["measure"]] = row
    _write(options, rows)
    print((options.work / "results.md").read_text())


def _options() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="where the stores and the results go")
    parser.add_argument("--engines", type=names, default=NAMES, help=",".join(NAMES))
    parser.add_argument("--measures", type=names, default=BUILDS + SEARCHES, help=",".join(BUILDS + SEARCHES))
    parser.add_argument("--seconds", type=float, default=10, help="length of a throughput run [%(default)s]")
    parser.add_argument("--clients", type=int, default=2, help="processes of a throughput run [%(default)s]")
    parser.add_argument("--omnigraph", default="omnigraph-bench", help="binary with the command `retrieval`")
    parser.add_argument("--again", action="store_true", help="measure also what results.json has")
    return parser.parse_args()


def _prepare(data: Path, path: Path) -> None:
    """The queries, each with a name to look up and the name of a document that has edges."""
    queries = pq.read_table(data / "queries.parquet", columns=["text", "section", "vector"])
    names = pq.read_table(data / "docs.parquet", columns=["name"])["name"].to_pylist()
    sources = pq.read_table(data / "depends.parquet", columns=["src"])["src"].unique().to_pylist()
    chosen = random.Random(SEED)
    keys = [names[chosen.randrange(len(names))] for _ in range(len(queries))]
    hubs = [names[chosen.choice(sources)] for _ in range(len(queries))]
    pq.write_table(queries.append_column("key", pa.array(keys)).append_column("hub", pa.array(hubs)), path)


def _known(path: Path) -> dict[tuple[str, str], dict]:
    rows = json.loads(path.read_text()) if path.exists() else []
    return {(row["engine"], row["measure"]): row for row in rows if "failed" not in row}


def _measured(options: argparse.Namespace, engine: str, measure: str) -> dict:
    print(f"{engine} {measure} ...", end=" ", flush=True, file=sys.stderr)
    if measure == "load":
        _remove_store(options.work, engine)
    fields = {
        "engine": engine,
        "measure": measure,
        "data": options.data,
        "store": options.work / engine,
        "queries": options.work / "queries.parquet",
        "seconds": options.seconds,
        "clients": options.clients,
    }
    arguments = [str(word) for name, value in fields.items() for word in (f"--{name}", value)]
    script = Path(__file__).with_name("measure.py")
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        row = {"engine": engine, "measure": measure, "failed": _reason(done.stderr)}
    else:
        row = json.loads(done.stdout)
    print(report.brief(row), file=sys.stderr, flush=True)
    return row


def _remove_store(work: Path, engine: str) -> None:
    """A directory, or a file and those that go with it (`kuzu`, `kuzu.wal`); not `lancedb-pq` along with `lancedb`."""
    for path in [work / engine, *work.glob(f"{engine}.*")]:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _reason(errors: str) -> str:
    """The line of a traceback that names the error: the last may be a mark below a statement."""
    return next((line for line in reversed(errors.splitlines()) if "Error" in line), "killed")


def _write(options: argparse.Namespace, rows: dict[tuple[str, str], dict]) -> None:
    (options.work / "results.json").write_text(json.dumps(list(rows.values())))
    (options.work / "results.md").write_text(report.markdown(list(rows.values()), options.data))


if __name__ == "__main__":
    main()
