"""Memory of the server over minutes of reads and upserts: it has to become level, within the budget."""

import argparse
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import people
from generator import Load, measure
from harness import Access, Server, Usage, add_binaries, make_graph

WORKLOAD = people.Workload("half-writes", write_share=0.5)
MOST_GROWTH = 1.1
"""Of the last quarter over the second one."""
SLACK_MIB = 16
UNBUDGETED_MIB = 96
"""What a server takes that no budget counts: its own state, threads, and buffers of requests."""


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="omnigraph-memory-") as name:
        folder = Path(name)
        data, graph = folder / "people.jsonl", folder / "people.graph"
        people.write(data, arguments.people, 2 * arguments.people, arguments.seed)
        make_graph(arguments.cli, graph, people.SCHEMA, data)
        access = Access.of([f"client-{number}" for number in range(arguments.connections)])
        server = Server(arguments.server, graph, access, folder, memory=f"{arguments.memory}MiB")
        try:
            server.start()
            return _run(arguments, server)
        finally:
            server.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_binaries(parser)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--memory", type=int, default=256, help="budget of the server in MiB (default: %(default)s)")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--every", type=float, default=15, help="seconds between samples (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


@dataclass
class _Sample:
    seconds: float
    usage: Usage


def _run(arguments: argparse.Namespace, server: Server) -> int:
    samples, ended = [], threading.Event()

    def watch() -> None:
        begun = time.monotonic()
        print("| seconds | anonymous MiB | RSS MiB | CPU seconds |\n|---|---|---|---|", flush=True)
        while not ended.is_set():
            sample = _Sample(time.monotonic() - begun, Usage.of(server.pid))
            samples.append(sample)
            usage = sample.usage
            row = [f"{sample.seconds:.0f}", f"{usage.anonymous_mib:.0f}", f"{usage.rss_mib:.0f}", f"{usage.cpu_seconds:.0f}"]
            print(f"| {' | '.join(row)} |", flush=True)
            ended.wait(arguments.every)

    watcher = threading.Thread(target=watch)
    watcher.start()
    load = Load(
        WORKLOAD, arguments.connections, 60 * arguments.minutes, server.port,
        list(server.access.tokens.values()), arguments.people, arguments.seed,
    )  # fmt: skip
    figures = measure(load, "python")
    ended.set()
    watcher.join()
    code = server.stop()
    counts = {kind: latency.count for kind, latency in sorted(figures.latencies.items())}
    print(f"{counts} answers, {figures.errors} errors, exit code {code}")
    findings = _findings([sample.usage.anonymous_mib for sample in samples], arguments.memory)
    print("\n".join(findings) or "level, and within the budget")
    return 1 if findings or figures.errors or code else 0


def _findings(mib: list[float], budget: int) -> list[str]:
    """Compares the second quarter with the last, and the most with the budget."""
    quarter = len(mib) // 4
    if quarter == 0:
        return ["too few samples to tell anything"]
    mean = lambda part: sum(part) / len(part)
    before, after = mean(mib[quarter : 2 * quarter]), mean(mib[-quarter:])
    findings = []
    if after > MOST_GROWTH * before + SLACK_MIB:
        findings.append(f"FINDING: memory grows: {before:.0f} MiB in the second quarter, {after:.0f} in the last")
    if max(mib) > budget + UNBUDGETED_MIB:
        findings.append(f"FINDING: {max(mib):.0f} MiB, with a budget of {budget}")
    return findings


if __name__ == "__main__":
    sys.exit(main())
