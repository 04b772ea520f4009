"""That the checks of the soak find what they are there for: python3 -m unittest test_soak"""

import io
import json
import unittest

import soak_queries
from harness import Answer, Lost
from soak import _Soak
from soak_feed import Fold, chain, folded, sequence_problem
from soak_model import Branch, Item, State, merge
from soak_process import TERM, UP, Finding
from soak_writer import Writer

BASE = State({"alice": Item(30), "bob": Item(1), "carol": Item(2)}, {"known": ("bob", "carol")})
SIDES = {
    "nothing": (BASE, BASE),
    "add": (BASE.with_items({"eve": Item(21)}), BASE.with_items({"eve": Item(22)})),
    "remove": (BASE.without_item("alice"),) * 2,
    "link": (BASE.with_links({"l": ("alice", "carol")}), BASE.with_links({"r": ("alice", "carol")})),
    "unlink": (BASE.without_link("known"),) * 2,
    "set": (BASE.with_value(["alice"], 31), BASE.with_value(["alice"], 32)),
}
"""What source and target do, as in the truth table of merges."""
CONFLICTS = {("add", "add"), ("set", "set"), ("remove", "link"), ("link", "remove"), ("remove", "set"), ("set", "remove")}


class Merging(unittest.TestCase):
    def test_conflicts_are_those_of_the_truth_table(self):
        for left, (source, _) in SIDES.items():
            for right, (_, target) in SIDES.items():
                with self.subTest(left=left, right=right):
                    self.assertEqual(merge(BASE, source, target) is None, (left, right) in CONFLICTS)

    def test_both_effects_are_there(self):
        merged = merge(BASE, SIDES["unlink"][0], SIDES["add"][1])
        self.assertEqual(merged, BASE.without_link("known").with_items({"eve": Item(22)}))

    def test_a_second_merge_starts_from_the_first(self):
        main = Branch("main", BASE)
        branch = main.fork("draft")
        branch.wrote(branch.state.with_value(["bob"], 5), None)
        branch.merged_into_parent(merge(branch.base, branch.state, main.state), None)
        branch.wrote(branch.state.with_value(["bob"], 6), None)
        self.assertEqual(merge(branch.base, branch.state, main.state).items["bob"], Item(6))


class Feed(unittest.TestCase):
    RECORDS = [
        {"type": "Item", "data": {"id": "a", "key": "a", "note": None}},
        {"edge": "Link", "from": "a", "to": "a", "data": {"id": "e", "tag": "t"}},
    ]

    @staticmethod
    def block(commit: str, op: str, before: dict | None, after: dict | None) -> dict:
        change = {"kind": "node", "type": {"id": "1", "name": "Item"}, "id": "a", "op": op}
        sides = {"before": before, "after": after}
        change |= {side: {"properties": image} for side, image in sides.items() if image is not None}
        return {"cause": {"graph_commit_id": commit}, "changes": [change]}

    def test_a_fold_follows_the_changes(self):
        fold = Fold(folded(self.RECORDS))
        self.assertEqual(fold.add(self.block("1", "update", {"key": "a", "note": None}, {"key": "a", "note": "x"})), [])
        self.assertEqual(fold.entities[("Item", "a")], {"key": "a", "note": "x"})
        self.assertEqual(fold.add(self.block("2", "delete", {"key": "a", "note": "x"}, None)), [])
        self.assertEqual(list(fold.entities), [("Link", "e")])

    def test_a_commit_that_comes_again_is_skipped(self):
        fold = Fold({})
        for _ in range(2):
            self.assertEqual(fold.add(self.block("1", "insert", None, {"key": "a"})), [])
        self.assertEqual((fold.commits, fold.repeated), (["1"], 1))

    def test_a_missing_commit_shows_in_the_image_before(self):
        self.assertEqual(len(Fold(folded(self.RECORDS)).add(self.block("1", "update", {"key": "b"}, {"key": "c"}))), 1)

    def test_gaps_and_swaps_are_told(self):
        self.assertIsNone(sequence_problem(["1", "2"], ["1", "2"]))
        for seen in (["2", "1"], ["1"], ["2"], ["1", "2", "3"], []):
            self.assertIsNotNone(sequence_problem(["1", "2"], seen))

    def test_the_chain_follows_first_parents(self):
        parents = {"4": "3", "3": "1", "2": "1", "1": None}
        commits = [{"graph_commit_id": commit, "parent_commit_id": parent} for commit, parent in parents.items()]
        self.assertEqual(chain(commits, "1"), ["3", "4"])


class _Fake:
    """Answers a writer that only puts. `fault` says what goes wrong with the next write."""

    def __init__(self):
        self.rows: dict[str, dict] = {}
        self.commits: list[dict] = []
        self.fault = ""

    def send(self, method: str, path: str, body: object = None, headers: dict | None = None) -> Answer:
        found = {
            "/healthz": lambda: {},
            "/branches": lambda: {"branches": ["main"]},
            "/commits": lambda: {"commits": self.commits[::-1]},
            "/query": lambda: {"rows": list(self.rows.values()) if body["query"] == soak_queries.ITEMS else []},
            "/mutate": lambda: self._put(body["params"]),
        }[path.partition("?")[0]]()
        return Answer(200, {}, json.dumps(found).encode())

    def get(self, path: str) -> Answer:
        return self.send("GET", path)

    def _put(self, params: dict) -> dict:
        fault, self.fault = self.fault, ""
        count = sum(name.startswith("k") for name in params)
        stored = {"lose": 0, "drop": 0, "half": 1}.get(fault, count)
        for n in range(stored):
            self.rows[params[f"k{n}"]] = {"i.key": params[f"k{n}"], "i.value": params[f"v{n}"], "i.note": params[f"n{n}"]}
        commit = {"graph_commit_id": str(len(self.commits)), "actor_id": "writer-0"}
        if fault not in ("drop", "forget"):
            self.commits.append(commit)
        if fault in ("drop", "half", "late"):
            raise Lost(fault)
        return {"affected_nodes": count, "affected_edges": 0, "commit": commit}


class Writing(unittest.TestCase):
    def setUp(self):
        self.fake, self.journal = _Fake(), io.StringIO()
        self.writer = Writer(0, "", 0, 1, 1, 0, self.journal)
        self.writer._connection = self.fake

    def put(self, fault: str = "") -> list[Finding]:
        self.fake.fault = fault
        items = {f"writer-0-main-{n}": Item(self.writer._value()) for n in range(2)}
        self.writer._mutate(self.writer.main, "put", items)
        self.writer.verify()
        return self.writer.findings

    def test_what_is_as_acknowledged_is_no_finding(self):
        self.assertEqual(self.put(), [])

    def test_an_acknowledged_write_that_is_gone(self):
        self.assertEqual(len(self.put("lose")), 1)

    def test_an_acknowledged_commit_that_is_not_listed(self):
        self.assertEqual(len(self.put("forget")), 1)

    def test_a_lost_answer_may_mean_either(self):
        self.assertEqual(self.put("drop"), [])
        self.assertEqual([finding.when for finding in self.put("late")], [TERM])
        self.assertEqual(self.writer.counts["lost answers, done"], 1)

    def test_a_lost_answer_may_not_mean_a_half(self):
        self.put()
        self.assertEqual(len(self.put("half")), 1)

    def test_the_journal_has_each_write_with_its_commit(self):
        self.put()
        written = [entry for line in self.journal.getvalue().splitlines() if (entry := json.loads(line))["what"] == "put"]
        self.assertEqual([(entry["status"], entry["commit"]) for entry in written], [(200, "0")])


class Spans(unittest.TestCase):
    def test_when_a_finding_counts(self):
        soak = _Soak.__new__(_Soak)
        soak._killed, soak._stopped = [(10, 12)], [(20, 22)]
        counts = lambda when, begun, ended: soak._counts(Finding("", "", begun, ended, when))
        self.assertFalse(counts(UP, 9, 11))
        self.assertTrue(counts(UP, 13, 14))
        self.assertTrue(counts(UP, 20, 21))
        self.assertTrue(counts(TERM, 19, 21))
        self.assertFalse(counts(TERM, 9, 11))


if __name__ == "__main__":
    unittest.main()
