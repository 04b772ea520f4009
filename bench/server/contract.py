"""Sends requests that Schemathesis draws from `openapi.json` to a server, and fails on any answer that departs from it."""

import argparse
import copy
import json
import re
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

from contract_names import odd_requests
from harness import Access, Connection, Lost, Server, ServerFailed, add_binaries, make_graph

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMATHESIS = "schemathesis==4.32.5"
GRAPH = "default"

SCHEMA = """\
node Person {
    name: String @key
    age: I32?
    photo: Blob?
}

edge Knows: Person -> Person {
    since: I32?
}
"""
DATA = [
    {"type": "Person", "data": {"name": "ada", "age": 36, "photo": "base64:aGVsbG8="}},
    {"type": "Person", "data": {"name": "lin"}},
    {"edge": "Knows", "from": "ada", "to": "lin", "data": {"since": 2001}},
]
QUERIES = {
    "people": "query people($age: I32?) { match { $p: Person } return { $p.name, $p.age } }",
    "add": "query add($name: String) { insert Person { name: $name } }",
}
READ = "query all() { match { $p: Person } return { $p.name, $p.age } }"
WRITE = "query grow() { update Person set { age: 37 } where name = \"ada\" }"
ROW = '{"type":"Person","data":{"name":"eve"}}\n'

BODIES = {
    "cluster_query": {"query": READ},
    "cluster_read": {"query_source": READ},
    "cluster_mutate": {"query": WRITE},
    "cluster_mutate_if_graph_commit": {"query": WRITE, "branch": "still/1"},
    "cluster_change": {"query": WRITE},
    "cluster_load": {"data": ROW, "branch": "loaded", "from": "main", "mode": "merge"},
    "cluster_ingest": {"data": ROW},
    "cluster_loadNdjson": ROW,
    "cluster_createBranch": {"name": "draft/1", "from": "main"},
    "cluster_mergeBranches": {"source": "draft/1"},
    "cluster_applySchema": {"schema_source": SCHEMA},
    "cluster_export": {"type_names": ["Person"]},
    "cluster_captureChangeBaseline": {"type": ["Person"], "kind": ["node"]},
    "cluster_invoke_query": {"params": {"age": 3}},
    "cluster_invoke_query_if_graph_commit": {"params": {"name": "zoe"}, "branch": "still/2"},
}
"""A body for each operation that has one: the schema cannot tell what a query or a batch looks like."""

BRANCHES = ["still/1", "still/2", "merge"]
"""Branches that stay at the first commit, so that a conditional write succeeds once; and one whose name is a route."""

PARAMETERS = {
    ("cluster_invoke_query", "name"): "people",
    ("cluster_invoke_query_if_graph_commit", "name"): "add",
    ("cluster_deleteBranch", "branch"): "draft/1",
    ("cluster_loadNdjson", "branch"): "main",
    ("cluster_getBlob", "entity"): "node",
    ("cluster_getBlob", "type"): "Person",
    ("cluster_getBlob", "id"): "ada",
    ("cluster_getBlob", "property"): "photo",
    ("cluster_getBlob", "Range"): "bytes=1-2",
    ("cluster_headBlob", "entity"): "node",
    ("cluster_headBlob", "type"): "Person",
    ("cluster_headBlob", "id"): "ada",
    ("cluster_headBlob", "property"): "photo",
    ("cluster_pollChanges", "start"): "beginning",
}

CONFIGURATION = """\
hooks = {hooks}

[parameters]
# Any other graph is a 404; that of the server is what has to be tried.
"path.graph_id" = "{graph}"

# A limit over the greatest one is a 413, which tells the limit.
[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "5xx"]
"""

NEVER_2XX = {"listGraphs": "needs a policy of the server, which a server of one graph has none of"}
"""Operations that cannot succeed here, and why. Any other has to, at least once, or the run says little."""

EXCLUDED = {
    "positive_data_acceptance": "queries, batches, branch names and ids are plain strings to the schema, and most strings are none of these",
}
"""Checks that are left out, and why."""


def main() -> int:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="omnigraph-contract-") as name:
        folder = Path(name)
        command = arguments.schemathesis or _install(folder / "venv")
        access = Access.of(["tester"])
        server = Server(arguments.server, _graph(arguments.cli, folder), access, folder, QUERIES)
        try:
            server.start()
            token = access.tokens["tester"]
            head = _fork(server, token)
            failed = _run(arguments, command, folder, server, head, token)
            failed |= _run(arguments, command, folder, server, head, None)
            failed |= _name_branches(server, head, token)
            if (code := server.stop()) != 0:
                print(f"exit code {code} after SIGTERM\n{server.log_tail()}")
                failed = True
        finally:
            server.close()
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_binaries(parser)
    parser.add_argument("--examples", type=int, default=60, help="requests drawn for each operation and phase (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--schemathesis", type=Path, help=f"the program; without it pip installs {SCHEMATHESIS} for this run")
    return parser.parse_args()


def _install(folder: Path) -> Path:
    venv.create(folder, with_pip=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", SCHEMATHESIS], check=True)
    return folder / "bin" / "schemathesis"


def _graph(cli: Path, folder: Path) -> Path:
    graph, data = folder / "people.graph", folder / "people.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in DATA))
    make_graph(cli, graph, SCHEMA, data)
    return graph


def prepared(document: dict, head: str) -> dict:
    """The document with an example for what no schema can describe. `head` is the commit to write on.

    A branch called `merge` is deleted at the path of merges, where the document does not repeat the operation.
    """
    paths = document["paths"]
    delete = copy.deepcopy(paths["/graphs/{graph_id}/branches/{branch}"]["delete"]) | {"operationId": "delete_branch_merge"}
    delete["parameters"] = [parameter for parameter in delete["parameters"] if parameter["name"] != "branch"]
    paths["/graphs/{graph_id}/branches/merge"]["delete"] = delete
    for operations in paths.values():
        for operation in operations.values():
            name = operation["operationId"]
            for parameter in operation.get("parameters", []):
                value = PARAMETERS.get((name, parameter["name"]))
                if parameter["name"] in ("commit_id", "Omnigraph-If-Graph-Commit"):
                    value = head
                if parameter["name"] == "graph_id":
                    value = GRAPH
                if value is not None:
                    parameter["example"] = value
            if name in BODIES:
                for content in operation["requestBody"]["content"].values():
                    content["example"] = BODIES[name]
    return document


def _run(arguments: argparse.Namespace, command: Path, folder: Path, server: Server, head: str, token: str | None) -> bool:
    """One run over the document. True if anything was found."""
    print(f"\n== {'with a token' if token else 'without a token'}", flush=True)
    document = folder / "openapi.json"
    source = prepared(json.loads((REPOSITORY / "openapi.json").read_text()), head)
    document.write_text(json.dumps(source))
    hooks = json.dumps(str(Path(__file__).with_name("contract_hooks.py")))
    (folder / "schemathesis.toml").write_text(CONFIGURATION.format(hooks=hooks, graph=GRAPH))
    archive = folder / "requests.har"
    words = ["run", document, "--url", f"http://127.0.0.1:{server.port}", "--checks", "all", "--exclude-checks", ",".join(EXCLUDED)]
    words += ["--seed", str(arguments.seed), "--max-examples", str(arguments.examples), "--generation-database", "none"]
    words += ["--continue-on-failure", "--request-timeout", "60", "--no-color", "--warnings", "off", "--suppress-health-check", "all"]
    words += ["--report-har-path", archive]
    if token is not None:
        words += ["--header", f"Authorization: Bearer {token}"]
    else:
        # Every answer is a 401, whatever else is wrong with a request.
        words += ["--exclude-checks", "negative_data_rejection,missing_required_header"]
    failed = subprocess.run([command, *words], cwd=folder).returncode != 0
    statuses = _statuses(source, json.loads(archive.read_text()))
    for operation, counts in sorted(statuses.items()):
        print(f"{operation}: {', '.join(f'{status}: {count}' for status, count in sorted(counts.items()))}")
        if token is not None and operation not in NEVER_2XX and not any(200 <= status < 400 for status in counts):
            print("  never succeeded")
            failed = True
    return failed


def _name_branches(server: Server, head: str, token: str) -> bool:
    """Gives odd names wherever a branch is named. True if any answer was a 5xx or broke a connection."""
    print("\n== with a token and odd names of branches", flush=True)
    document = prepared(json.loads((REPOSITORY / "openapi.json").read_text()), head)
    connection, statuses, problems, before = Connection(server.port, token), Counter(), [], None
    for request in odd_requests(document):
        send = lambda: connection.send(request.method, request.path, request.body, {"Content-Type": request.media_type})
        try:
            answer = send()
        except Lost:
            # The connection is reused, so the server closed it after an answer that did not say so.
            problems.append(f"{before}: the connection was closed without `Connection: close`")
            answer = send()
        statuses[answer.status] += 1
        if answer.status >= 500:
            problems.append(f"{request}: {answer.status} {answer.body[:200].decode(errors='replace')}")
        before = request
    print("\n".join(problems))
    print(", ".join(f"{status}: {count}" for status, count in sorted(statuses.items())))
    return bool(problems)


def _statuses(document: dict, archive: dict) -> dict[str, Counter]:
    """How often each operation was answered how. A request belongs to the path with the fewest parameters that fits."""
    patterns = []
    for path, operations in sorted(document["paths"].items(), key=lambda pair: pair[0].count("{")):
        pattern = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)))
        patterns += [(pattern, method.upper(), operation["operationId"]) for method, operation in operations.items()]
    statuses = {name: Counter() for _, _, name in patterns}
    for entry in archive["log"]["entries"]:
        path = urlsplit(entry["request"]["url"]).path
        for pattern, method, name in patterns:
            if method == entry["request"]["method"] and pattern.fullmatch(path):
                statuses[name][entry["response"]["status"]] += 1
                break
    return statuses


def _fork(server: Server, token: str) -> str:
    """Creates the branches and gives the commit that they begin with."""
    connection = Connection(server.port, token)
    for branch in BRANCHES:
        answer = connection.post("/branches", {"name": branch})
        if answer.status != 200:
            raise ServerFailed(f"no branch {branch}: {answer.status} {answer.body!r}")
    return connection.get("/commits").json["commits"][0]["graph_commit_id"]


if __name__ == "__main__":
    sys.exit(main())
