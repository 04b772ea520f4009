"""A member of the fleet: a process that acts step by step and is told when to pause, verify and stop."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe

from harness import Answer, Connection, Lost

DOWN_SECONDS = 300
"""How long a server may stay away before its clients give up."""
FINDINGS = 200
"""How many findings a member keeps; the rest is counted."""

ALWAYS, UP, TERM = "always", "unless killed", "while stopping"
"""When something is a finding: whatever happens, unless the server was being killed, only while it stopped in order."""


@dataclass(frozen=True)
class Finding:
    """Something that must not be. Times are those of the request it is about, on the clock that all processes share."""

    who: str
    text: str
    begun: float
    ended: float
    when: str = ALWAYS


@dataclass
class Report:
    findings: list[Finding] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)


class Member:
    """Base of writers and consumers."""

    def __init__(self, name: str):
        self.name = name
        self.findings: list[Finding] = []
        self.counts: Counter = Counter()
        self._begun = self._ended = time.monotonic()

    def step(self) -> None:
        raise NotImplementedError

    def verify(self) -> None:
        raise NotImplementedError

    def find(self, text: str, when: str = ALWAYS) -> None:
        self.counts["findings"] += 1
        if len(self.findings) < FINDINGS:
            self.findings.append(Finding(self.name, text, self._begun, self._ended, when))

    def accept(self, answer: Answer, what: str, also: list[int] = ()) -> bool:
        """True for a 200. Any other status that is not in `also` is a finding."""
        self.counts[f"{what} {answer.status}"] += 1
        if answer.status == 200:
            return True
        if answer.status not in also:
            text = f"{what} → {answer.status} {answer.body[:500].decode(errors='replace')}"
            self.find(text, UP if answer.status >= 500 else ALWAYS)
        return False

    def timed(self, ask: Callable[[], Answer]) -> Answer:
        self._begun = time.monotonic()
        try:
            return ask()
        finally:
            self._ended = time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait_until_up(self, connection: Connection) -> None:
        deadline = time.monotonic() + DOWN_SECONDS
        while time.monotonic() < deadline:
            try:
                if connection.get("/healthz").status == 200:
                    return
            except Lost:
                time.sleep(0.05)
        raise TimeoutError(f"{self.name}: no server for {DOWN_SECONDS} s")

    def run(self, pipe: Pipe) -> None:
        """Steps until told otherwise. Commands: `pause`, then any of `verify`, `go`, `stop`."""
        while True:
            if not pipe.poll():
                self.step()
                continue
            command = pipe.recv()
            if command == "pause":
                pipe.send("paused")
                command = pipe.recv()
            if command == "verify":
                self.verify()
                pipe.send(Report(self.findings, self.counts))
                self.findings = []
                command = pipe.recv()
            if command == "stop":
                return
