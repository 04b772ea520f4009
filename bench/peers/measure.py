"""One measurement of one engine, in a process of its own: `peers.py` starts it and reads the JSON it prints."""

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from itertools import cycle
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from engines import engine_class
from engines.base import Engine, Query

BUILDS = ["load", "index_key", "index_text", "index_vector"]
SEARCHES = ["key", "scan", "join", "hops", "knn", "knn_filtered", "text", "hybrid", "hybrid_hop"]
WARM_UP = 50
WHOLE_TABLE = {"scan", "join"}
"""Measures that read everything and whose answer does not depend on the query: fewer runs do."""


@dataclass(frozen=True)
class Job:
    """What is measured, as given on the command line."""

    engine: str
    measure: str
    data: Path
    store: Path
    queries: Path
    seconds: float
    clients: int

    def opened(self) -> Engine:
        engine = engine_class(self.engine)(self.data, self.store)
        engine.open(self._writes)
        return engine

    @property
    def processes(self) -> int:
        return 1 if self._writes else self.clients

    @property
    def _writes(self) -> bool:
        return self.measure in engine_class(self.engine).writes

    def read_queries(self) -> list[Query]:
        queries = []
        for row in pq.read_table(self.queries).to_pylist():
            row["vector"] = np.array(row["vector"], np.float32)
            queries.append(Query(**row))
        return queries[:20] if self.measure in WHOLE_TABLE else queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, kind in Job.__annotations__.items():
        parser.add_argument(f"--{name}", type=kind, required=True)
    job = Job(**vars(parser.parse_args()))
    kind = engine_class(job.engine)
    result = {"engine": job.engine, "measure": job.measure, "setting": kind.settings.get(job.measure)}
    result["version"] = version(kind.package)
    reason = kind.cannot.get(job.measure)
    if reason is not None:
        result["cannot"] = reason
    elif job.measure in BUILDS:
        result |= _build(job)
    else:
        result |= _latency(job)
        result |= _throughput(job)
    result["load_average"] = os.getloadavg()[0]
    json.dump(result, sys.stdout)


def _build(job: Job) -> dict:
    engine = engine_class(job.engine)(job.data, job.store)
    start, busy = time.perf_counter(), _cpu_seconds()
    getattr(engine, job.measure)()
    return {
        "seconds": time.perf_counter() - start,
        "cpu_seconds": _cpu_seconds() - busy,
        "rss_mib": _peak_rss_mib(),
        "disk_mib": _size(job.store) / 2**20,
    }


def _latency(job: Job) -> dict:
    """One client, one query after the other, until each was asked once or the time is up."""
    engine, queries = _warm(job)
    ask = getattr(engine, job.measure)
    answers, times = [], []
    start, busy = time.perf_counter(), _cpu_seconds()
    for query in queries:
        begin = time.perf_counter()
        answers.append(ask(query))
        times.append(time.perf_counter() - begin)
        if time.perf_counter() - start > job.seconds * 3:
            break
    engine.close()
    return {
        "queries": len(times),
        "p50_ms": 1e3 * float(np.percentile(times, 50)),
        "p95_ms": 1e3 * float(np.percentile(times, 95)),
        "cpu_ms": 1e3 * (_cpu_seconds() - busy) / len(times),
        "rss_mib": _peak_rss_mib(),
        "answers": answers,
    }


def _throughput(job: Job) -> dict:
    """Several processes, each with a client that asks for `job.seconds` without a pause."""
    context = multiprocessing.get_context("spawn")
    barrier, rates = context.Barrier(job.processes), context.Queue()
    clients = [context.Process(target=_client, args=(job, number, barrier, rates)) for number in range(job.processes)]
    for client in clients:
        client.start()
    try:
        return {"clients": job.processes, "qps": sum(rates.get(timeout=job.seconds * 10 + 60) for _ in clients)}
    finally:
        for client in clients:
            client.join(timeout=10)


def _client(job: Job, number: int, barrier, rates) -> None:
    engine, queries = _warm(job)
    ask = getattr(engine, job.measure)
    # Each client starts elsewhere in the list, so that they do not ask the same at the same time.
    turn = len(queries) * number // job.processes
    barrier.wait()
    start, done = time.perf_counter(), 0
    for query in cycle(queries[turn:] + queries[:turn]):
        ask(query)
        done += 1
        if time.perf_counter() - start > job.seconds:
            break
    rates.put(done / (time.perf_counter() - start))


def _warm(job: Job) -> tuple[Engine, list[Query]]:
    queries = job.read_queries()
    engine = job.opened()
    ask = getattr(engine, job.measure)
    start = time.perf_counter()
    for query in queries[-WARM_UP:]:
        ask(query)
        if time.perf_counter() - start > job.seconds:
            break
    return engine, queries


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _peak_rss_mib() -> float:
    """Of this program alone; what `getrusage` tells may stem from the program that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise OSError("no VmHWM in /proc/self/status")


def _size(store: Path) -> int:
    """Of the store and of the files beside it that bear its name."""
    roots = [store, *store.parent.glob(f"{store.name}.*")]
    files = (file for root in roots for file in ([root] if root.is_file() else root.rglob("*")))
    return sum(file.stat().st_blocks * 512 for file in files if file.is_file())


if __name__ == "__main__":
    main()
