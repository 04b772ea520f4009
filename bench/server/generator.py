"""Load generators: `wrk` for reads, and processes of Python for every mix. Both keep one request per connection in flight."""

import json
import multiprocessing
import resource
import shutil
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from harness import Connection, Lost
from people import Workload, name

SCRIPT = Path(__file__).with_name("read.lua")
PROCESSES = 2
REFUSED_PAUSE = 0.2
"""Seconds that a connection waits after a 429, so that refusals do not become the load."""


@dataclass
class Load:
    """What to send, and to where."""

    workload: Workload
    connections: int
    seconds: float
    port: int
    tokens: list[str]
    people: int
    seed: int

    def token(self, connection: int) -> str:
        return self.tokens[0 if self.workload.one_actor else connection % len(self.tokens)]


@dataclass
class Figures:
    """What a load measured. Latencies are in milliseconds, of 2xx answers alone, by kind of request."""

    seconds: float = 0.0
    latencies: dict[str, "Latency"] = field(default_factory=dict)
    statuses: Counter = field(default_factory=Counter)
    broken: int = 0
    samples: list[str] = field(default_factory=list)
    client_cpu: float = 0.0

    @property
    def errors(self) -> int:
        """Answers that are neither 2xx nor 429, and connections that broke."""
        return self.broken + sum(count for status, count in self.statuses.items() if status // 100 != 2 and status != 429)


@dataclass
class Latency:
    count: int
    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, milliseconds: list[float]) -> "Latency":
        ordered = sorted(milliseconds)
        at = lambda share: ordered[min(len(ordered) - 1, int(share * len(ordered)))]
        return cls(len(ordered), at(0.5), at(0.99), ordered[-1])


def measure(load: Load, client: str) -> Figures:
    """Runs the load with processes of Python, or (`auto`) with `wrk` where it is installed and the load only reads."""
    wrk = client == "auto" and shutil.which("wrk") is not None
    before = _children_cpu()
    figures = _with_wrk(load) if wrk and load.workload.write_share == 0 else _with_python(load)
    figures.client_cpu = _children_cpu() - before
    return figures


def _children_cpu() -> float:
    """Processor time of the children that have ended: the generators, but not the running server."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _with_wrk(load: Load) -> Figures:
    body = json.dumps({"query": load.workload.read, "params": {"name": "%s"}})
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds:.0f}s", "--timeout", "60s", "-s", SCRIPT]
    command += [f"http://127.0.0.1:{load.port}", "--", body, name(0), str(load.people), str(load.seed), load.token(0)]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(text[text.index("RESULT ") + len("RESULT ") :])
    figures = Figures(seconds=found["seconds"], broken=found["broken"])
    figures.statuses = Counter({int(status): count for status, count in found["statuses"].items()})
    figures.latencies["read"] = Latency(figures.statuses[200], found["p50"], found["p99"], found["max"])
    return figures


def _with_python(load: Load) -> Figures:
    context = multiprocessing.get_context("spawn")
    count = min(PROCESSES, load.connections)
    workers = []
    for number in range(count):
        ours, theirs = context.Pipe()
        mine = list(range(number, load.connections, count))
        worker = context.Process(target=_process, args=(theirs, load, mine))
        worker.start()
        workers.append((worker, ours))
    # Processes take a while to come up: all of them begin together.
    for _, pipe in workers:
        pipe.recv()
    begun = time.monotonic()
    for _, pipe in workers:
        pipe.send("go")
    figures, found = Figures(), {}
    for worker, pipe in workers:
        latencies, statuses, broken, samples = pipe.recv()
        for kind, values in latencies.items():
            found.setdefault(kind, []).extend(values)
        figures.statuses.update(statuses)
        figures.broken += broken
        figures.samples += samples
        worker.join()
    figures.seconds = time.monotonic() - begun
    figures.latencies = {kind: Latency.of(values) for kind, values in found.items()}
    return figures


def _process(pipe, load: Load, connections: list[int]) -> None:
    clients = [_Client(load, number) for number in connections]
    pipe.send("ready")
    pipe.recv()
    until = time.monotonic() + load.seconds
    threads = [threading.Thread(target=client.run, args=(until,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    latencies, statuses = {}, Counter()
    for client in clients:
        statuses.update(client.statuses)
        for kind, values in client.latencies.items():
            latencies.setdefault(kind, []).extend(values)
    samples = [sample for client in clients for sample in client.samples][:3]
    pipe.send((latencies, statuses, sum(client.broken for client in clients), samples))


class _Client:
    """One connection and what was measured on it."""

    def __init__(self, load: Load, number: int):
        self._load = load
        self._random = Random(f"{load.seed}/{load.workload.name}/{number}")
        self._connection = Connection(load.port, load.token(number))
        self.latencies: dict[str, list[float]] = {}
        self.statuses: Counter = Counter()
        self.samples: list[str] = []
        self.broken = 0

    def run(self, until: float) -> None:
        while (begun := time.monotonic()) < until:
            request = self._load.workload.draw(self._random, self._load.people)
            try:
                answer = self._connection.post(request.path, request.body)
            except Lost as error:
                self.broken += 1
                self.samples.append(str(error))
                time.sleep(REFUSED_PAUSE)
                continue
            self.statuses[answer.status] += 1
            if answer.status // 100 == 2:
                self.latencies.setdefault(request.kind, []).append((time.monotonic() - begun) * 1000)
            elif answer.status == 429:
                time.sleep(REFUSED_PAUSE)
            else:
                self.samples.append(f"{request.path} → {answer.status} {answer.body[:300].decode(errors='replace')}")
