"""Throughput and latency of the server: reads, upserts and a mix of both, at several numbers of connections."""

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import people
from generator import Figures, Load, measure
from harness import Access, Server, Usage, add_binaries, machine_cpu_seconds, make_graph, reset_peak

COLUMNS = [
    "workload", "connections", "kind", "per second", "p50 ms", "p99 ms", "max ms", "answers", "errors",
    "held before → after (peak RSS) MiB", "CPU: server", "client", "others",
]  # fmt: skip
WARM_UP_SECONDS = 2


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="omnigraph-load-") as name:
        folder = Path(name)
        data, graph = folder / "people.jsonl", folder / "people.graph"
        people.write(data, arguments.people, arguments.edges, arguments.seed)
        begun = time.monotonic()
        make_graph(arguments.cli, graph, people.SCHEMA, data)
        _note(f"{arguments.people} people and {arguments.edges} edges loaded in {time.monotonic() - begun:.1f} s")
        access = Access.of([f"client-{number}" for number in range(arguments.actors)])
        server = Server(arguments.server, graph, access, folder)
        try:
            _note(f"server up after {server.start():.2f} s")
            return _run(arguments, server)
        finally:
            server.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_binaries(parser)
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement (default: %(default)s)")
    parser.add_argument("--connections", default="1,16,128", type=lambda text: [int(word) for word in text.split(",")])
    names = list(people.WORKLOADS)
    parser.add_argument("--workloads", default=names, type=lambda text: text.split(","), help=f"some of {','.join(names)}")
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--edges", type=int, default=200_000)
    parser.add_argument("--actors", type=int, default=256, help="each connection has its own while they last")
    parser.add_argument("--client", choices=["auto", "python"], default="auto", help="auto: wrk for pure reads, if installed")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if unknown := set(arguments.workloads) - set(names):
        parser.error(f"unknown workloads: {', '.join(sorted(unknown))}")
    return arguments


def _run(arguments: argparse.Namespace, server: Server) -> int:
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    errors, samples = 0, []
    for name in arguments.workloads:
        for connections in arguments.connections:
            load = Load(
                people.WORKLOADS[name], connections, WARM_UP_SECONDS, server.port,
                list(server.access.tokens.values()), arguments.people, arguments.seed,
            )  # fmt: skip
            measure(load, arguments.client)
            load.seconds, load.seed = arguments.seconds, arguments.seed + 1
            found = _Measurement.of(load, arguments.client, server.pid)
            print(found.rows(), flush=True)
            errors += found.figures.errors
            samples += found.figures.samples
    code = server.stop()
    for sample in samples[:20]:
        _note(sample)
    if code != 0:
        _note(f"exit code {code} after SIGTERM\n{server.log_tail()}")
    return 1 if errors or code else 0


@dataclass
class _Measurement:
    load: Load
    figures: Figures
    before: Usage
    after: Usage
    machine_cpu: float
    """Seconds that the whole machine used meanwhile."""

    @classmethod
    def of(cls, load: Load, client: str, pid: int) -> "_Measurement":
        reset_peak(pid)
        before, machine = Usage.of(pid), machine_cpu_seconds()
        figures = measure(load, client)
        return cls(load, figures, before, Usage.of(pid), machine_cpu_seconds() - machine)

    def rows(self) -> str:
        figures = self.figures
        answers = ", ".join(f"{status}: {count}" for status, count in sorted(figures.statuses.items()))
        server_cpu = self.after.cpu_seconds - self.before.cpu_seconds
        others = max(0.0, self.machine_cpu - server_cpu - figures.client_cpu)
        cpu = [f"{seconds / figures.seconds:.2f}" for seconds in (server_cpu, figures.client_cpu, others)]
        memory = f"{self.before.anonymous_mib:.0f} → {self.after.anonymous_mib:.0f} ({self.after.peak_mib:.0f})"
        shared = [answers, figures.errors, memory, *cpu]
        rows = []
        for kind, latency in sorted(figures.latencies.items()):
            times = [f"{value:.2f}" for value in (latency.p50, latency.p99, latency.max)]
            rows.append([self.load.workload.name, self.load.connections, kind, f"{latency.count / figures.seconds:.0f}", *times, *shared])
            # What belongs to the whole measurement is told once.
            shared = [""] * len(shared)
        if not rows:
            rows.append([self.load.workload.name, self.load.connections, "", 0, "", "", "", *shared])
        return "\n".join(f"| {' | '.join(map(str, row))} |" for row in rows)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
