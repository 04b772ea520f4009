"""A graph, a server on it and connections to it: what every script of this folder needs."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or Path(__file__).resolve().parents[2] / "target") / "debug"
LISTENING = "OMNIGRAPH_LISTEN_ADDR="
START_SECONDS = 120
STOP_SECONDS = 120
ANSWER_SECONDS = 120
"""How long a client waits for an answer. Longer than any honest one, so that running into it is a finding."""

GRAPH_ACTIONS = ["read", "export", "change", "schema_apply", "branch_create", "branch_delete", "branch_merge", "invoke_query"]


class Lost(Exception):
    """The connection ended before an answer came: the request may have taken effect or not."""


class ServerFailed(Exception):
    """The server did not start, or did not stop, as it has to."""


def add_binaries(parser) -> None:
    """Adds the options that tell where the binaries are. From here on SIGTERM is an exit that still ends the server."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser.add_argument("--server", type=Path, default=TARGET / "omnigraph-server", help="the server (default: %(default)s)")
    parser.add_argument("--cli", type=Path, default=TARGET / "omnigraph", help="the command line (default: %(default)s)")


def make_graph(cli: Path, graph: Path, schema: str, data: Path | None = None) -> None:
    """Creates a graph beside its schema file and loads `data` in one commit."""
    source = graph.with_suffix(".pg")
    source.write_text(schema)
    run = lambda *words: subprocess.run([cli, *words], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    run("init", "--schema", source, graph)
    if data is not None:
        run("load", graph, "--data", data, "--mode", "append")
        run("optimize", graph)


@dataclass
class Access:
    """Actors with their tokens, and a policy that grants them all every action on the graph."""

    tokens: dict[str, str]

    @classmethod
    def of(cls, actors: list[str]) -> "Access":
        return cls({actor: f"token-of-{actor}" for actor in actors})

    def write(self, folder: Path, queries: dict[str, str]) -> Path:
        """Writes policy, stored queries and configuration. JSON is YAML too. Gives the path of the configuration."""
        rule = {"id": "all", "allow": {"actors": {"group": "clients"}, "actions": GRAPH_ACTIONS}}
        policy = {"version": 1, "groups": {"clients": sorted(self.tokens)}, "rules": [rule]}
        (folder / "policy.yaml").write_text(json.dumps(policy))
        for name, text in queries.items():
            (folder / f"{name}.gq").write_text(text)
        stored = {name: {"file": f"{name}.gq"} for name in queries}
        config = folder / "omnigraph.yaml"
        config.write_text(json.dumps({"policy": {"file": "policy.yaml"}, "queries": stored}))
        return config


@dataclass
class Server:
    """A server process, which may be stopped and started again on the same graph and port."""

    binary: Path
    graph: Path
    access: Access | None
    folder: Path
    queries: dict[str, str] = field(default_factory=dict)
    memory: str | None = None
    port: int = 0
    process: subprocess.Popen | None = None

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def start(self) -> float:
        """Starts the server and waits until it listens. Gives the seconds that took."""
        variables = {k: v for k, v in os.environ.items() if not k.startswith("OMNIGRAPH_")}
        variables.setdefault("RUST_LOG", "warn")
        command = [self.binary, self.graph, "--bind", f"127.0.0.1:{self.port}"]
        if self.access is None:
            command.append("--unauthenticated")
        else:
            command += ["--config", self.access.write(self.folder, self.queries)]
            variables["OMNIGRAPH_SERVER_BEARER_TOKENS_JSON"] = json.dumps(self.access.tokens)
        if self.memory is not None:
            command += ["--memory", self.memory]
        begun = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=variables, cwd=self.folder, text=True
            )
        # A server that hangs while it starts is killed, which ends its output and so the wait for its line.
        deadline = threading.Timer(START_SECONDS, self.process.kill)
        deadline.start()
        try:
            for line in self.process.stdout:
                if line.startswith(LISTENING):
                    self.port = int(line.strip().rpartition(":")[2])
                    threading.Thread(target=self.process.stdout.read, daemon=True).start()
                    return time.monotonic() - begun
        finally:
            deadline.cancel()
        raise ServerFailed(f"no listen line; exit code {self.process.wait()}\n{self.log_tail()}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """Asks the server to stop and gives its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"still running {STOP_SECONDS} s after SIGTERM\n{self.log_tail()}") from None

    def close(self) -> None:
        """Ends the process, whatever state it is in."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def log_tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


@dataclass
class Usage:
    """What the kernel says of a process: resident memory now and at most, the part of it that is no file, and the
    processor time used."""

    rss_mib: float
    peak_mib: float
    anonymous_mib: float
    cpu_seconds: float

    @classmethod
    def of(cls, pid: int) -> "Usage":
        status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        mib = lambda name: int(status[name].split()[0]) / 1024
        # The name of the command stands in parentheses and may hold blanks; fields are counted after it.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return cls(mib("VmRSS"), mib("VmHWM"), mib("RssAnon"), ticks / os.sysconf("SC_CLK_TCK"))


def machine_cpu_seconds() -> float:
    """Processor time that all processes of the machine have used, the kernel included."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def reset_peak(pid: int) -> None:
    """Lets the peak of resident memory count from now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


@dataclass
class Answer:
    """Status, headers and body of a response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self):
        return json.loads(self.body) if self.body else None

    @property
    def lines(self) -> list:
        return [json.loads(line) for line in self.body.splitlines()]


class Connection:
    """One keep-alive connection of one actor. It is opened when first needed, and again after it was lost."""

    def __init__(self, port: int, token: str | None = None):
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_SECONDS)
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def send(self, method: str, path: str, body: object = None, headers: dict[str, str] | None = None) -> Answer:
        """Sends a request: bytes as they are, anything else as JSON. Raises `Lost` if no whole answer comes."""
        all_headers = self._headers | (headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            all_headers["Content-Type"] = "application/json"
        try:
            if self._http.sock is None:
                self._http.connect()
                self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._http.request(method, path, body, all_headers)
            response = self._http.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            self._http.close()
            raise Lost(f"{method} {path}: {error!r}") from error

    def get(self, path: str, **query: str) -> Answer:
        return self.send("GET", with_query(path, query))

    def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> Answer:
        return self.send("POST", path, body, headers)

    def close(self) -> None:
        self._http.close()


def with_query(path: str, query: dict[str, str]) -> str:
    """A path with a query string; members that are None are left out."""
    words = [f"{name}={quote(str(value), safe='')}" for name, value in query.items() if value is not None]
    return path + ("?" + "&".join(words) if words else "")
