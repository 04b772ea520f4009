"""Results as a Markdown page, with what can be said of the answers' correctness."""

import json
from pathlib import Path

from engines.base import K

TIE = 1e-6
SAME = {"key", "scan", "join", "hops"}
"""Measures whose answers must be the same for all engines."""


def brief(row: dict) -> str:
    """One line for the terminal."""
    for name in ("cannot", "failed"):
        if name in row:
            return f"{name}: {row[name]}"
    if "p50_ms" in row:
        return f"p50 {row['p50_ms']:.2f} ms, {row['qps']:.0f}/s, {row['rss_mib']:.0f} MiB"
    return f"{row['seconds']:.1f} s, {row['rss_mib']:.0f} MiB"


def markdown(rows: list[dict], data: Path) -> str:
    stats = json.loads((data / "stats.json").read_text())
    truth = json.loads((data / "truth.json").read_text())
    said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in stats.items())
    parts = [f"# Retrieval engines side by side\n\n{said}.", _versions(rows), _builds(rows), _searches(rows, truth)]
    return "\n\n".join(parts + [_notes(rows)]) + "\n"


def _versions(rows: list[dict]) -> str:
    versions = {row["engine"]: row["version"] for row in rows if "version" in row}
    return "Versions: " + ", ".join(f"{engine} {version}" for engine, version in versions.items()) + "."


def _builds(rows: list[dict]) -> str:
    lines = [
        [row["measure"], row["engine"], f"{row['seconds']:.1f}", _number(row.get("cpu_seconds")), f"{row['rss_mib']:.0f}"]
        + [f"{row['disk_mib']:.0f}", f"{row['load_average']:.1f}"]
        for row in rows
        if "seconds" in row
    ]
    heads = ["build", "engine", "s", "CPU s", "peak RSS MiB", "store on disk after it, MiB", "machine load"]
    return _table(heads, sorted(lines, key=lambda line: (_place(rows, line[0]), _place(rows, line[1]))))


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _searches(rows: list[dict], truth: dict) -> str:
    asked = [row for row in rows if "p50_ms" in row]
    asked.sort(key=lambda row: (_place(rows, row["measure"]), _place(rows, row["engine"])))
    lines = [
        [row["measure"], row["engine"], f"{row['p50_ms']:.2f}", f"{row['p95_ms']:.2f}", f"{row['cpu_ms']:.2f}"]
        + [f"{row['qps']:.0f} of {row['clients']}", f"{row['rss_mib']:.0f}", _quality(row, rows, truth)]
        + [f"{row['load_average']:.1f}"]
        for row in asked
    ]
    heads = ["search", "engine", "p50 ms", "p95 ms", "CPU ms", "queries/s of clients", "peak RSS MiB", "answers"]
    return _table(heads + ["machine load"], lines)


def _notes(rows: list[dict]) -> str:
    found = [("set up", row, row["setting"]) for row in rows if row.get("setting")]
    found += [("cannot", row, row["cannot"]) for row in rows if "cannot" in row]
    found += [("failed", row, row["failed"]) for row in rows if "failed" in row]
    return "\n".join(f"* {row['engine']}, {row['measure']} ({kind}): {text}." for kind, row, text in found)


def _place(rows: list[dict], name: str) -> int:
    """Engines and measures keep the order in which they first came."""
    return next(position for position, row in enumerate(rows) if name in (row["engine"], row["measure"]))


def _quality(row: dict, rows: list[dict], truth: dict) -> str:
    exact = {"knn": truth["all"], "knn_filtered": truth["filtered"], "text": truth["text"]}.get(row["measure"])
    if exact is not None:
        return f"recall@{K} {recall(row['answers'], exact):.4f}"
    first = next(other for other in rows if other["measure"] == row["measure"] and "answers" in other)
    if row["measure"] not in SAME or first is row:
        return ""
    pairs = list(zip(row["answers"], first["answers"]))
    same = sum(ours == theirs for ours, theirs in pairs)
    return f"{same} of {len(pairs)} as {first['engine']}"


def recall(answers: list[list[int]], exact: list[dict]) -> float:
    """Mean share of the `K` best that were found; a document as good as the last of them counts as one of them."""
    shares = []
    for answer, truth in zip(answers, exact):
        wanted = min(K, len(truth["rows"]))
        if wanted:
            least = truth["score"][wanted - 1] - TIE
            good = {row for row, score in zip(truth["rows"], truth["score"]) if score >= least}
            shares.append(min(wanted, len(good & set(answer[:K]))) / wanted)
    return sum(shares) / len(shares)


def _table(heads: list[str], lines: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in [heads, ["---"] * len(heads), *lines])
