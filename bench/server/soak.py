"""Fleet traffic on many branches while the server is killed and restarted: nothing acknowledged may be lost."""

import argparse
import math
import multiprocessing
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median

import soak_queries
from harness import Access, Server, ServerFailed, Usage, add_binaries, make_graph
from soak_feed import Consumer
from soak_process import TERM, UP, Finding, Report
from soak_writer import Writer

CONSUMERS = [(None, None), ("Item", None), (None, 3)]
"""Filter by type and page length of each consumer of the feed."""
MEMBER_SECONDS = 600
"""How long a member may take for a step or a verification."""
SHOWN = 40


def main() -> int:
    arguments = _arguments()
    folder = Path(tempfile.mkdtemp(prefix="omnigraph-soak-"))
    soak = _Soak(arguments, folder)
    try:
        soak.run()
    except (ServerFailed, _MemberFailed) as error:
        soak.fail("soak", str(error))
    finally:
        soak.close()
    failed = soak.report()
    if failed or arguments.keep:
        print(f"graph, journals and log of the server: {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_binaries(parser)
    parser.add_argument("--minutes", type=float, default=30, help="of traffic, verifications included (default: %(default)s)")
    parser.add_argument("--kill-every", type=float, default=5, metavar="MINUTES", help="the middle one is a SIGTERM (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the choices repeat, the interleaving need not (default: %(default)s)")
    parser.add_argument("--writers", type=int, default=10)
    parser.add_argument("--branches", type=int, default=50, help="live ones at most, shared by the writers")
    parser.add_argument("--pause", type=float, default=0.02, help="seconds that a writer waits after each step (default: %(default)s)")
    parser.add_argument("--memory", help="what the server may hold in caches: the less, the sooner a leak shows (default: its own)")
    parser.add_argument("--rss-growth", type=float, default=1.5, help="of the last quarter of a run of the server against its second, besides 128 MiB")
    parser.add_argument("--quick", action="store_true", help="one minute, killed every 15 seconds")
    parser.add_argument("--lose", action="store_true", help="bring an older graph back at each restart: the soak has to fail")
    parser.add_argument("--keep", action="store_true", help="keep graph and journals also of a run without findings")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.minutes, arguments.kill_every = 1, 0.25
    return arguments


class _MemberFailed(Exception):
    pass


@dataclass
class _Member:
    """A process of the fleet, from outside."""

    name: str
    process: multiprocessing.Process
    pipe: object
    report: Report = field(default_factory=Report)

    def tell(self, command: str) -> None:
        self.pipe.send(command)

    def answer(self):
        try:
            if self.pipe.poll(MEMBER_SECONDS):
                return self.pipe.recv()
        except EOFError:
            raise _MemberFailed(f"{self.name} ended by itself; its traceback is above") from None
        raise _MemberFailed(f"{self.name} hangs")


class _Soak:
    def __init__(self, arguments: argparse.Namespace, folder: Path):
        self._arguments = arguments
        self._random = Random(f"{arguments.seed}/soak")
        self._writers = [f"writer-{number}" for number in range(arguments.writers)]
        consumers = [f"consumer-{number}" for number in range(len(CONSUMERS))]
        self._access = Access.of([*self._writers, *consumers])
        self._server = Server(arguments.server, folder / "soak.graph", self._access, folder, memory=arguments.memory)
        self._folder = folder
        self._members: list[_Member] = []
        self._findings: list[Finding] = []
        self._killed: list[tuple[float, float]] = []
        self._stopped: list[tuple[float, float]] = []
        self._starts: list[float] = []
        self._server_runs: list[list[Usage]] = []

    def run(self) -> None:
        make_graph(self._arguments.cli, self._server.graph, soak_queries.SCHEMA)
        self._start()
        begun = time.monotonic()
        self._begin_members()
        end = begun + self._arguments.minutes * 60
        for at, kill in self._plan(begun):
            self._wait(at)
            self._restart(kill)
            self._verify()
            self._tell_all("go")
        self._wait(end)
        self._verify()
        self._tell_all("stop")
        for member in self._members:
            member.process.join(MEMBER_SECONDS)
        if (code := self._server.stop()) != 0:
            self.fail("server", f"exit code {code} after SIGTERM")

    def _plan(self, begun: float) -> list[tuple[float, bool]]:
        """When the server goes down, and whether by SIGKILL: every so often, at a random moment."""
        every = self._arguments.kill_every * 60
        count = max(0, math.ceil(self._arguments.minutes * 60 / every) - 1)
        jitter = lambda: self._random.uniform(-0.2, 0.2) * every
        return [(begun + (number + 1) * every + jitter(), number != count // 2) for number in range(count)]

    def _begin_members(self) -> None:
        context = multiprocessing.get_context("spawn")
        port, seed = self._server.port, self._arguments.seed
        share, rest = divmod(self._arguments.branches, len(self._writers))
        for number, actor in enumerate(self._writers):
            journal = self._folder / f"{actor}.jsonl"
            options = (port, self._access.tokens[actor], number, seed, share + (number < rest), self._arguments.pause, journal)
            self._begin(context, actor, _write, options)
        for number, (only, page) in enumerate(CONSUMERS):
            actor = f"consumer-{number}"
            self._begin(context, actor, _consume, (port, self._access.tokens[actor], number, seed, only, page))

    def _begin(self, context, name: str, target, options: tuple) -> None:
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs, *options), daemon=True)
        process.start()
        theirs.close()
        self._members.append(_Member(name, process, ours))

    def _start(self) -> None:
        self._starts.append(self._server.start())
        self._server_runs.append([])

    def _wait(self, until: float) -> None:
        """Lets the fleet work and takes a sample of the server every second."""
        while (left := until - time.monotonic()) > 0:
            time.sleep(min(1, left))
            if self._server.process.poll() is not None:
                raise ServerFailed(f"ended by itself with code {self._server.process.returncode}\n{self._server.log_tail()}")
            for member in self._members:
                if not member.process.is_alive():
                    raise _MemberFailed(f"{member.name} ended by itself; its traceback is above")
            self._server_runs[-1].append(Usage.of(self._server.pid))

    def _restart(self, kill: bool) -> None:
        older = self._folder / "older.graph"
        if self._arguments.lose:
            self._pause()
            shutil.copytree(self._server.graph, older)
            self._tell_all("go")
            self._wait(time.monotonic() + 1)
        begun = time.monotonic()
        if kill:
            self._server.kill()
        elif (code := self._server.stop()) != 0:
            self.fail("server", f"exit code {code} after SIGTERM")
        down = time.monotonic() - begun
        if self._arguments.lose:
            shutil.rmtree(self._server.graph)
            older.rename(self._server.graph)
        self._start()
        (self._killed if kill else self._stopped).append((begun, time.monotonic()))
        print(f"{'SIGKILL' if kill else 'SIGTERM'}: down after {down:.2f} s, up again {self._starts[-1]:.2f} s later", flush=True)

    def _verify(self) -> None:
        """While nobody writes, each member compares what it knows with what the server has."""
        begun = time.monotonic()
        self._pause()
        self._tell_all("verify")
        fresh = 0
        for member in self._members:
            member.report = member.answer()
            real = [finding for finding in member.report.findings if self._counts(finding)]
            self._findings += real
            fresh += len(real)
        print(f"verified in {time.monotonic() - begun:.1f} s: {fresh} findings", flush=True)

    def _counts(self, finding: Finding) -> bool:
        within = lambda spans: any(finding.begun < end and finding.ended > begun for begun, end in spans)
        if finding.when == UP:
            return not within(self._killed)
        return finding.when != TERM or within(self._stopped)

    def _pause(self) -> None:
        self._tell_all("pause")
        for member in self._members:
            member.answer()

    def _tell_all(self, command: str) -> None:
        for member in self._members:
            member.tell(command)

    def fail(self, who: str, text: str) -> None:
        now = time.monotonic()
        self._findings.append(Finding(who, text, now, now))

    def close(self) -> None:
        self._server.close()
        for member in self._members:
            if member.process.is_alive():
                member.process.terminate()

    def report(self) -> bool:
        """Prints what was done and found. True if anything was found."""
        counts = sum((member.report.counts for member in self._members), Counter())
        print(f"\nseed {self._arguments.seed}, {len(self._killed)} times SIGKILL, {len(self._stopped)} times SIGTERM")
        print(f"starts in seconds: {', '.join(f'{seconds:.2f}' for seconds in self._starts)}")
        for what, count in sorted(counts.items()):
            print(f"  {count:8} {what}")
        for number, run in enumerate(self._server_runs):
            self._report_memory(number, run)
        print(f"\n{len(self._findings)} findings")
        distinct = Counter((finding.who, finding.text) for finding in self._findings)
        for (who, text), count in list(distinct.items())[:SHOWN]:
            print(f"- {who}: {text}" + (f" ({count} times)" if count > 1 else ""))
        return bool(self._findings)

    def _report_memory(self, number: int, run: list[Usage]) -> None:
        series = [usage.rss_mib for usage in run]
        step = max(1, len(series) // 12)
        print(f"run of the server {number + 1}, {len(series)} s, RSS in MiB: {', '.join(f'{value:.0f}' for value in series[::step])}")
        quarter = len(series) // 4
        # In a short run the caches are still filling.
        if quarter < 30:
            return
        early, late = median(series[quarter : 2 * quarter]), median(series[-quarter:])
        if late > self._arguments.rss_growth * early + 128:
            self.fail("server", f"RSS grew from {early:.0f} to {late:.0f} MiB in run {number + 1}")


def _write(pipe, port, token, number, seed, branches, pause, journal) -> None:
    with journal.open("w") as out:
        Writer(port, token, number, seed, branches, pause, out).run(pipe)


def _consume(pipe, port, token, number, seed, only, page) -> None:
    Consumer(port, token, number, seed, only, page).run(pipe)


if __name__ == "__main__":
    sys.exit(main())
