"""A consumer of the change feed of `main`: it folds what it is told over a baseline and compares with an export."""

from random import Random

from harness import Answer, Connection, Lost, with_query
from soak_process import Member

POLLS = 5000
"""How many polls may lead to the head."""

Key = tuple[str, str]
"""Type name and id of an entity."""


def folded(records: list[dict]) -> dict[Key, dict]:
    """The entities of an export, each as (type, id) → its properties and ends without nulls."""
    entities = {}
    for record in records:
        kind = record.get("type") or record["edge"]
        data = {name: value for name, value in record["data"].items() if value is not None}
        key = (kind, data.pop("id"))
        entities[key] = data if "type" in record else data | {"from": record["from"], "to": record["to"]}
    return entities


def image(change: dict, side: str) -> dict | None:
    """One side of a change, in the form of `folded`."""
    if (found := change.get(side)) is None:
        return None
    return {name: value for name, value in found["properties"].items() if value is not None} | found.get("endpoints", {})


class Fold:
    """The state that the changes lead to, and the commits that led there."""

    def __init__(self, entities: dict[Key, dict]):
        self.entities = entities
        self.commits: list[str] = []
        self.repeated = 0
        self._seen: set[str] = set()

    def add(self, block: dict) -> list[str]:
        """Applies one commit, unless it is known. Gives what is wrong with it."""
        commit = block["cause"]["graph_commit_id"]
        if commit in self._seen:
            self.repeated += 1
            return []
        self._seen.add(commit)
        self.commits.append(commit)
        wrong = []
        for change in block["changes"]:
            key = (change["type"]["name"], change["id"])
            before, after = image(change, "before"), image(change, "after")
            if self.entities.get(key) != before:
                wrong.append(f"{change['op']} of {key} in {commit}: before is {before}, known is {self.entities.get(key)}")
            if after is None:
                self.entities.pop(key, None)
            else:
                self.entities[key] = after
        return wrong


def chain(commits: list[dict], first: str) -> list[str]:
    """The ids of the first parents from the head of a list of commits back to `first`, oldest first, without `first`."""
    by_id = {commit["graph_commit_id"]: commit for commit in commits}
    ids, at = [], commits[0]["graph_commit_id"]
    while at != first and at is not None:
        ids.append(at)
        at = by_id[at]["parent_commit_id"] if at in by_id else None
    return ids[::-1]


def sequence_problem(expected: list[str], seen: list[str]) -> str | None:
    """Tells where the commits that a consumer saw depart from those of the branch."""
    for number, (want, got) in enumerate(zip(expected, seen)):
        if want != got:
            return f"commit {number} after the baseline is {want}, the feed gave {got}"
    if len(expected) != len(seen):
        return f"{len(expected)} commits since the baseline, the feed gave {len(seen)}"
    return None


class Consumer(Member):
    """Polls with a cursor. Now and then it goes back to an older cursor, as one does that crashed before it saved."""

    def __init__(self, port: int, token: str, number: int, seed: int, only: str | None, page: int | None):
        super().__init__(f"consumer {number}")
        self._connection = Connection(port, token)
        self._random = Random(f"{seed}/consumer/{number}")
        self._filter = {"type": only, "limit": page}
        self._only = only
        self._fold: Fold | None = None
        self._first = ""
        self._cursor = self._saved = ""

    def step(self) -> None:
        if self._fold is None:
            self._baseline()
        elif self._random.random() < 0.02:
            self._cursor = self._saved
        else:
            self._poll()
            if self._random.random() < 0.1:
                self._saved = self._cursor
        self.sleep(0.05)

    def _baseline(self) -> None:
        answer = self._ask("POST", "/changes/baseline", self._types("type"))
        if answer is None or not self.accept(answer, "POST /changes/baseline", also=[413]):
            return
        *records, last = answer.lines
        self._fold = Fold(folded(records))
        self._first = last["baseline"]["snapshot_commit_id"]
        self._cursor = self._saved = last["baseline"]["resume_cursor"]

    def _poll(self) -> bool:
        """Reads up to the next block boundary. True if that is the head."""
        position, partial = {"cursor": self._cursor}, None
        while True:
            path = with_query("/changes", position | self._filter)
            answer = self._ask("GET", path)
            if answer is None:
                return False
            if not self.accept(answer, "GET /changes"):
                return False
            page = answer.json
            for block in page["blocks"]:
                if partial is not None and partial["cause"] == block["cause"]:
                    partial["changes"] += block["changes"]
                    continue
                if partial is not None:
                    self._add(partial)
                partial = block
            if (token := page.get("next_page_token")) is None:
                break
            position = {"page_token": token}
        if partial is not None:
            self._add(partial)
        self._cursor = page["cursor"]
        return page["caught_up"]

    def _add(self, block: dict) -> None:
        for problem in self._fold.add(block):
            self.find(f"the feed does not follow from what it told before: {problem}")

    def _ask(self, method: str, path: str, body: object = None) -> Answer | None:
        """None if the answer was lost; the same can be asked again, as nothing is written."""
        try:
            return self.timed(lambda: self._connection.send(method, path, body))
        except Lost:
            self.wait_until_up(self._connection)
            return None

    def verify(self) -> None:
        """Reads up to the head, while nobody writes, and compares with the history and an export of `main`."""
        if not self._reaches_head():
            self.find(f"does not reach the head of main in {POLLS} polls")
            return
        listed, exported = self._ask("GET", "/commits"), self._ask("POST", "/export", self._types("type_names"))
        if listed is None or exported is None:
            self.find("the server went away while nothing was written")
            return
        if not (self.accept(listed, "GET /commits") and self.accept(exported, "POST /export")):
            return
        if self._only is None:
            problem = sequence_problem(chain(listed.json["commits"], self._first), self._fold.commits)
            if problem is not None:
                self.find(f"gap in the feed of main: {problem}")
        export = folded(exported.lines)
        for key in sorted(export.keys() | self._fold.entities.keys()):
            if export.get(key) != self._fold.entities.get(key):
                self.find(f"{key}: the export has {export.get(key)}, baseline and feed give {self._fold.entities.get(key)}")
        self.counts["commits"] = len(self._fold.commits)
        self.counts["commits seen again"] = self._fold.repeated

    def _reaches_head(self) -> bool:
        for _ in range(POLLS):
            if self._fold is None:
                self._baseline()
            elif self._poll():
                return True
        return False

    def _types(self, member: str) -> dict:
        return {} if self._only is None else {member: [self._only]}
