"""A writer of the soak: it owns its keys and its branches, so it knows exactly what they have to hold."""

import json
from random import Random
from typing import TextIO
from urllib.parse import quote

import soak_queries as queries
from harness import Answer, Connection, Lost
from soak_model import Branch, Item, State, merge
from soak_process import ALWAYS, TERM, Member

KEYS = 12
"""How many keys a writer has for each branch that it may have, and for `main`."""
LINKS = 40
"""How many links a writer keeps on a branch at most, about."""
STRAY = 0.1
"""How often a write on one branch takes keys of another: now and then that makes a conflict when they merge."""
NOTES = [None, "", "ä\u2028\"\\\n", "note " * 20]
CONDITION = "Omnigraph-If-Graph-Commit"


class Writer(Member):
    """Sends one request at a time and compares what it reads with what was acknowledged."""

    def __init__(self, port: int, token: str, number: int, seed: int, branches: int, pause: float, journal: TextIO):
        super().__init__(f"writer {number}")
        self.actor = self.owner = f"writer-{number}"
        self._connection = Connection(port, token)
        self._random = Random(f"{seed}/writer/{number}")
        self._limit = branches
        self._pause = pause
        self._journal = journal
        self._values = 0
        self.main = Branch("main")
        self.branches: dict[str, Branch] = {}
        self._steps = [
            (20, self._put), (10, self._update), (1, self._update_all), (8, self._delete_item), (6, self._link),
            (3, self._unlink), (10, self._load), (8, self._put_if), (2, self._put_if_stale), (8, self._create),
            (6, self._merge), (2, self._pull), (3, self._delete_branch), (2, self._load_new), (12, self._read),
            (2, self._export), (4, self._feed), (1, self._history),
        ]  # fmt: skip

    def step(self) -> None:
        if len(self.branches) < self._limit and self._random.random() < 0.3:
            action = self._create
        else:
            action = self._random.choices([step for _, step in self._steps], [weight for weight, _ in self._steps])[0]
        action()
        self.sleep(self._pause)

    # Writes of entities.

    def _put(self) -> None:
        branch = self._any_branch()
        self._mutate(branch, "put", self._new_items(branch))

    def _put_if(self) -> None:
        """A conditional write at the head. On a branch of one's own nobody else moves it."""
        branch = self._any_branch()
        answer = self._query(branch, queries.ITEMS)
        if answer is not None:
            head = answer.json["graph_commit_id"]
            self._mutate(branch, "put if", self._new_items(branch), head, also=[412] if branch is self.main else [])

    def _put_if_stale(self) -> None:
        """A conditional write at any commit but the head has to be refused."""
        branch = self._own_branch()
        if branch is None or branch.head is None or len(branch.commits) < 2:
            return
        stale = self._random.choice([commit for commit in branch.commits if commit != branch.head])
        text, params = queries.put(self.owner, self._new_items(branch))
        body = {"query": text, "params": params, "branch": branch.name}
        answer = self._send("put if stale", branch, "POST", "/mutate/if-graph-commit", body, {CONDITION: stale})
        if answer is not None and self.accept(answer, "put if stale", also=[412]):
            self.find(f"stale condition {stale} on {branch.name}: 200 instead of 412")
        self._read_branch(branch)

    def _mutate(self, branch: Branch, what: str, items: dict[str, Item], head: str | None = None, also: list[int] = ()) -> None:
        text, params = queries.put(self.owner, items)
        after = branch.state.with_items(items)
        self._write(branch, what, text, params, after, (len(items), 0), head, also)

    def _update(self) -> None:
        branch = self._any_branch()
        if (key := self._known_item(branch)) is not None:
            value = self._value()
            after = branch.state.with_value([key], value)
            self._write(branch, "update", queries.UPDATE, {"key": key, "value": value}, after, (1, 0))

    def _update_all(self) -> None:
        branch, value = self._any_branch(), self._value()
        keys = list(branch.state.items)
        after = branch.state.with_value(keys, value)
        self._write(branch, "update all", queries.UPDATE_ALL, {"owner": self.owner, "value": value}, after, (len(keys), 0))

    def _delete_item(self) -> None:
        branch = self._any_branch()
        if (key := self._known_item(branch)) is not None:
            after = branch.state.without_item(key)
            gone = len(branch.state.links) - len(after.links)
            self._write(branch, "delete", queries.DELETE_ITEM, {"key": key}, after, (1, gone))

    def _link(self) -> None:
        branch = self._any_branch()
        if branch.state.items and len(branch.state.links) < LINKS:
            tag, ends = f"{self.owner}-{self._value()}", self._ends(branch.state)
            params = {"from": ends[0], "to": ends[1], "tag": tag}
            self._write(branch, "link", queries.LINK, params, branch.state.with_links({tag: ends}), (0, 1))

    def _unlink(self) -> None:
        branch = self._any_branch()
        if branch.state.links:
            tag = self._random.choice(sorted(branch.state.links))
            self._write(branch, "unlink", queries.UNLINK, {"tag": tag}, branch.state.without_link(tag), (0, 1))

    def _write(
        self, branch: Branch, what: str, text: str, params: dict, after: State,
        affected: tuple[int, int], head: str | None = None, also: list[int] = (),
    ) -> None:  # fmt: skip
        body = {"query": text, "params": params, "branch": branch.name}
        path, headers = ("/mutate", None) if head is None else ("/mutate/if-graph-commit", {CONDITION: head})
        answer = self._send(what, branch, "POST", path, body, headers)
        if self._effect(branch, after, answer, what, also):
            counts = (answer.json["affected_nodes"], answer.json["affected_edges"])
            if counts != affected:
                self.find(f"{what} on {branch.name}: affected {counts} instead of {affected}; {params}")

    def _load(self) -> None:
        branch = self._any_branch()
        items = self._new_items(branch)
        after = branch.state.with_items(items)
        links = {f"{self.owner}-{self._value()}": self._ends(after)} if len(after.links) < LINKS else {}
        batch = queries.batch(self.owner, items, links)
        path = f"/load/ndjson?branch={quote(branch.name, safe='')}&mode=merge"
        answer = self._send("load", branch, "POST", path, batch.encode(), {"Content-Type": "application/x-ndjson"})
        self._effect(branch, after.with_links(links), answer, "load")

    def _effect(self, branch: Branch, after: State, answer: Answer | None, what: str, also: list[int] = ()) -> bool:
        """Notes what a write led to. True if it was acknowledged. A 409 of a race had no effect, which the next read tells."""
        if answer is None:
            self._settle(branch, after, what)
            return False
        if not self.accept(answer, what, also=[409, *also]):
            return False
        commit = answer.json["commit"]
        if after != branch.state:
            if commit is None:
                self.find(f"{what} on {branch.name}: no commit in the receipt of a change")
            elif commit["actor_id"] != self.actor:
                self.find(f"{what} on {branch.name}: actor {commit['actor_id']} instead of {self.actor}")
            branch.wrote(after, commit)
        elif commit is not None and not self._writes_unchanged(what):
            self.find(f"{what} on {branch.name}: commit {commit['graph_commit_id']} although nothing changed")
        return True

    @staticmethod
    def _writes_unchanged(what: str) -> bool:
        """Inserts and loads commit also what was there already."""
        return what in ("put", "put if", "load")

    def _settle(self, branch: Branch, after: State, what: str) -> None:
        """Finds out whether a write happened whose answer was lost: wholly or not at all."""
        found = self._state(branch)
        if found == after and after != branch.state:
            self.counts["lost answers, done"] += 1
            self.find(f"{what} on {branch.name} was done, but its answer was lost", TERM)
            branch.wrote(after, None)
        elif found == branch.state:
            self.counts["lost answers, not done"] += 1
        else:
            self._differs(branch, found, f"neither before nor after a lost {what}")

    # Branches.

    def _create(self) -> None:
        if len(self.branches) >= self._limit:
            return
        parent = self.main if self._random.random() < 0.8 else self._any_branch()
        name = self._free_name()
        answer = self._send("create", parent, "POST", "/branches", {"name": name, "from": parent.name})
        if answer is None:
            done = name in self._names()
            self._lost_branch_request(done, f"create of {name}")
        else:
            done = self.accept(answer, "create")
        if done:
            self.branches[name] = parent.fork(name)

    def _load_new(self) -> None:
        """A load that creates its branch. If its answer is lost, the branch may be there without the data."""
        if len(self.branches) >= self._limit:
            return
        branch = self.main.fork(self._free_name())
        items = self._new_items(branch)
        after = branch.state.with_items(items)
        body = {"branch": branch.name, "from": "main", "mode": "merge", "data": queries.batch(self.owner, items, {})}
        answer = self._send("load new", self.main, "POST", "/load", body)
        if answer is None:
            created = branch.name in self._names()
            self._lost_branch_request(created, f"load with new branch {branch.name}")
            if created:
                self.branches[branch.name] = branch
                self._settle(branch, after, "load new")
        elif answer.status == 200:
            self.branches[branch.name] = branch
            self._effect(branch, after, answer, "load new")
        elif not self.accept(answer, "load new", also=[409]) and branch.name in self._names():
            self.branches[branch.name] = branch

    def _merge(self) -> None:
        """A branch into its parent, now and then with its deletion."""
        branch = self._own_branch()
        if branch is None or branch.parent.deleted:
            return
        parent = branch.parent
        after = merge(branch.base, branch.state, parent.state)
        delete = parent is self.main and self._random.random() < 0.3
        body = {"source": branch.name, "target": parent.name, "delete_branch": delete}
        answer = self._send("merge", branch, "POST", "/branches/merge", body)
        if answer is None:
            self._lost_merge(branch, after, delete)
        elif answer.status == 409 and answer.json.get("merge_conflicts"):
            self.counts["merge conflict"] += 1
            if after is not None:
                self.find(f"merge of {branch.name}: conflicts where none are: {answer.body[:500].decode()}")
        elif self.accept(answer, "merge", also=[409]):
            self._merged(branch, after, answer.json)
            if delete and answer.json.get("branch_deleted"):
                self._forget(branch)
            elif delete:
                self.find(f"merge of {branch.name}: not deleted: {answer.json.get('branch_delete_error')}")

    def _merged(self, branch: Branch, after: State | None, body: dict) -> None:
        if after is None:
            self.find(f"merge of {branch.name}: {body['outcome']} where it conflicts")
            after = self._state(branch.parent)
        if (body["outcome"] == "already_up_to_date") == branch.ahead:
            self.find(f"merge of {branch.name}: {body['outcome']}, ahead of its parent: {branch.ahead}")
        if branch.ahead:
            branch.merged_into_parent(after, body.get("commit"))

    def _lost_merge(self, branch: Branch, after: State | None, delete: bool) -> None:
        gone = delete and branch.name not in self._names()
        found = self._state(branch.parent)
        if after is not None and found == after and (gone or after != branch.parent.state):
            self.counts["lost answers, done"] += 1
            self.find(f"merge of {branch.name} was done, but its answer was lost", TERM)
            branch.merged_into_parent(after, None)
        elif found == branch.parent.state and not gone:
            self.counts["lost answers, not done"] += 1
            # A merge that leaves the parent's content as it was cannot be told from none: then nothing more is known of the base.
            if after == found:
                self._abandon(branch)
        else:
            self._differs(branch.parent, found, f"neither before nor after a lost merge of {branch.name} (deleted: {gone})")
        if gone:
            self._forget(branch)

    def _pull(self) -> None:
        """The parent into a branch."""
        branch = self._own_branch()
        if branch is None or branch.parent.deleted:
            return
        parent = branch.parent
        after = merge(branch.base, parent.state, branch.state)
        answer = self._send("pull", branch, "POST", "/branches/merge", {"source": parent.name, "target": branch.name})
        if answer is None:
            # Whether the base moved cannot be told from the content, which may be the same in both cases.
            self._abandon(branch)
        elif answer.status == 409 and answer.json.get("merge_conflicts"):
            self.counts["merge conflict"] += 1
            if after is not None:
                self.find(f"merge of {parent.name} into {branch.name}: conflicts where none are: {answer.body[:500].decode()}")
        elif self.accept(answer, "pull", also=[409]):
            if after is None:
                self.find(f"merge of {parent.name} into {branch.name}: {answer.json['outcome']} where it conflicts")
                after = self._state(branch)
            if answer.json["outcome"] != "already_up_to_date":
                branch.merged_from_parent(after, answer.json.get("commit"))

    def _delete_branch(self) -> None:
        if (branch := self._own_branch()) is not None:
            self._abandon(branch)

    def _abandon(self, branch: Branch) -> None:
        """Deletes a branch, for as long as that takes."""
        while True:
            answer = self._send("delete branch", branch, "DELETE", f"/branches/{quote(branch.name, safe='')}")
            if answer is None:
                gone = branch.name not in self._names()
                self._lost_branch_request(gone, f"deletion of {branch.name}")
                if not gone:
                    continue
            elif not self.accept(answer, "delete branch", also=[409]):
                return
            return self._forget(branch)

    def _forget(self, branch: Branch) -> None:
        branch.deleted = True
        del self.branches[branch.name]

    def _lost_branch_request(self, done: bool, what: str) -> None:
        self.counts["lost answers, done" if done else "lost answers, not done"] += 1
        if done:
            self.find(f"{what} was done, but its answer was lost", TERM)

    # Reads.

    def _read(self) -> None:
        self._read_branch(self._any_branch())

    def _read_branch(self, branch: Branch) -> None:
        found = self._state(branch)
        if found != branch.state:
            self._differs(branch, found, "a read")

    def _export(self) -> None:
        branch = self._any_branch()
        answer = self._send("export", branch, "POST", "/export", {"branch": branch.name})
        if answer is None or not self.accept(answer, "export", also=[413]):
            return
        records = [record for record in answer.lines if queries.is_of(self.owner, record)]
        items = {r["data"]["key"]: Item(r["data"]["value"], r["data"].get("note")) for r in records if "type" in r}
        links = {r["data"]["tag"]: (r["from"], r["to"]) for r in records if "edge" in r}
        if (found := State(items, links)) != branch.state:
            self._differs(branch, found, "an export")

    def _feed(self) -> None:
        """A feed from now on has exactly the next write of a branch that nobody else writes."""
        branch = self._own_branch()
        if branch is None:
            return
        answer = self._send("feed", branch, "GET", f"/changes?branch={quote(branch.name, safe='')}&start=now")
        if answer is None or not self.accept(answer, "feed"):
            return
        cursor = answer.json["cursor"]
        before = set(branch.commits)
        items = self._new_items(branch)
        self._mutate(branch, "put", items)
        new = [commit for commit in branch.commits if commit not in before]
        answer = self._send("feed", branch, "GET", f"/changes?branch={quote(branch.name, safe='')}&cursor={quote(cursor, safe='')}")
        if len(new) != 1 or answer is None or not self.accept(answer, "feed"):
            return
        blocks = [(block["cause"]["graph_commit_id"], {change["id"] for change in block["changes"]}) for block in answer.json["blocks"]]
        if blocks != [(new[0], set(items))] or not answer.json["caught_up"]:
            self.find(f"feed of {branch.name} after {new[0]} with {sorted(items)}: {answer.body[:500].decode()}")

    def _history(self) -> None:
        self._read_history(self._any_branch())

    def _read_history(self, branch: Branch) -> None:
        """Every acknowledged commit is listed, as its receipt gave it."""
        answer = self._read_surely(lambda: self._send("commits", branch, "GET", f"/commits?branch={quote(branch.name, safe='')}"))
        if answer is None or not self.accept(answer, "commits"):
            return
        listed = {commit["graph_commit_id"]: commit for commit in answer.json["commits"]}
        for commit, receipt in branch.commits.items():
            if listed.get(commit) != receipt:
                self.find(f"acknowledged commit {commit} of {branch.name}: the receipt is {receipt}, the list has {listed.get(commit)}")

    def _state(self, branch: Branch) -> State:
        """What the server has of this writer's on a branch, however often that has to be asked."""
        items = self._rows(branch, queries.ITEMS)
        links = self._rows(branch, queries.LINKS)
        return State(
            {row["i.key"]: Item(row["i.value"], row["i.note"]) for row in items},
            {row["l.tag"]: (row["i.key"], row["j.key"]) for row in links},
        )

    def _rows(self, branch: Branch, text: str) -> list[dict]:
        answer = self._read_surely(lambda: self._query(branch, text))
        return [] if answer is None else answer.json["rows"]

    def _query(self, branch: Branch, text: str) -> Answer | None:
        body = {"query": text, "params": {"owner": self.owner}, "branch": branch.name}
        answer = self._send("query", branch, "POST", "/query", body)
        return answer if answer is not None and self.accept(answer, "query") else None

    def _names(self) -> list[str]:
        """The live branches."""
        answer = self._read_surely(lambda: self._send("branches", self.main, "GET", "/branches"))
        return [] if answer is None or not self.accept(answer, "branches") else answer.json["branches"]

    def _read_surely(self, ask) -> Answer | None:
        """Asks again while answers are lost."""
        for _ in range(10):
            if (answer := ask()) is not None:
                return answer
        self.find("no answer to a read in ten attempts")
        return None

    def verify(self) -> None:
        """Compares contents and history of `main` and of each branch, and which branches there are."""
        for branch in [self.main, *self.branches.values()]:
            self._read_branch(branch)
            self._read_history(branch)
        mine = sorted(name for name in self._names() if name.startswith(f"{self.owner}/"))
        if mine != sorted(self.branches):
            self.find(f"branches {mine} instead of {sorted(self.branches)}")
        self.counts["acknowledged commits on main"] = len(self.main.commits)

    def _differs(self, branch: Branch, found: State, by: str) -> None:
        self.find(f"{branch.name}, {by}: {branch.state.difference(found)}", ALWAYS)
        # Go on from what is there, so that one loss is told once.
        branch.state = found

    # Choices.

    def _any_branch(self) -> Branch:
        return self._random.choice([self.main, *self.branches.values()])

    def _own_branch(self) -> Branch | None:
        return self._random.choice(list(self.branches.values())) if self.branches else None

    def _free_name(self) -> str:
        """Names come back, so that a branch is created where another was deleted."""
        free = [name for number in range(2 * self._limit) if (name := f"{self.owner}/{number}") not in self.branches]
        return self._random.choice(free)

    def _new_items(self, branch: Branch) -> dict[str, Item]:
        prefix = self._prefix(branch)
        keys = {f"{prefix}{self._random.randrange(KEYS)}" for _ in range(self._random.randint(1, 3))}
        return {key: Item(self._value(), self._random.choice(NOTES)) for key in sorted(keys)}

    def _known_item(self, branch: Branch) -> str | None:
        prefix = self._prefix(branch)
        keys = [key for key in sorted(branch.state.items) if key.startswith(prefix)]
        return self._random.choice(keys) if keys else None

    def _prefix(self, branch: Branch) -> str:
        """How the keys begin that a write on the branch takes."""
        other = self._any_branch() if self._random.random() < STRAY else branch
        return f"{self.owner}-{other.name.rpartition('/')[2]}-"

    def _ends(self, state: State) -> tuple[str, str]:
        keys = sorted(state.items)
        return self._random.choice(keys), self._random.choice(keys)

    def _value(self) -> int:
        """A number that this writer never wrote before."""
        self._values += 1
        return self._values

    def _send(
        self, what: str, branch: Branch, method: str, path: str, body: object = None, headers: dict | None = None
    ) -> Answer | None:
        """Sends a request and journals it with its answer. None: the answer was lost, and the server is up again."""
        try:
            answer = self.timed(lambda: self._connection.send(method, path, body, headers))
        except Lost as error:
            self._note(what, branch, path, body, lost=str(error))
            self.wait_until_up(self._connection)
            return None
        receipt = answer.json.get("commit") if answer.status == 200 and what not in ("export",) else None
        self._note(what, branch, path, body, status=answer.status, commit=receipt and receipt["graph_commit_id"])
        return answer

    def _note(self, what: str, branch: Branch, path: str, body: object, **outcome) -> None:
        sent = body.decode() if isinstance(body, bytes) else body
        entry = {"at": self._begun, "until": self._ended, "what": what, "branch": branch.name, "path": path, "sent": sent}
        self._journal.write(json.dumps(entry | outcome) + "\n")
