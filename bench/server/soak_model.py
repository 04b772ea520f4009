"""What a branch has to hold, as the only writer of its keys knows it: contents, and how branches merge."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Item:
    """The properties of a node of type `Item` that change."""

    value: int
    note: str | None = None


@dataclass(frozen=True)
class State:
    """The items (by key) and links (by tag: from, to) of one writer on one branch. Never changed, only replaced."""

    items: dict[str, Item] = field(default_factory=dict)
    links: dict[str, tuple[str, str]] = field(default_factory=dict)

    def with_items(self, items: dict[str, Item]) -> "State":
        return replace(self, items=self.items | items)

    def with_links(self, links: dict[str, tuple[str, str]]) -> "State":
        return replace(self, links=self.links | links)

    def with_value(self, keys: list[str], value: int) -> "State":
        """Sets one property and leaves the others."""
        return self.with_items({key: replace(self.items[key], value=value) for key in keys})

    def without_item(self, key: str) -> "State":
        """Removes an item and the links that touch it."""
        items = {k: item for k, item in self.items.items() if k != key}
        return State(items, {tag: ends for tag, ends in self.links.items() if key not in ends})

    def without_link(self, tag: str) -> "State":
        return replace(self, links={t: ends for t, ends in self.links.items() if t != tag})

    def difference(self, found: "State") -> str:
        """Tells in one line what `found` has otherwise."""
        lines = []
        for name in ("items", "links"):
            mine, theirs = getattr(self, name), getattr(found, name)
            for key in sorted(mine.keys() | theirs.keys()):
                if mine.get(key) != theirs.get(key):
                    lines.append(f"{key}: expected {mine.get(key)}, found {theirs.get(key)}")
        return "; ".join(lines[:5]) + (f"; and {len(lines) - 5} more" if len(lines) > 5 else "")


def merge(base: State, source: State, target: State) -> State | None:
    """The three-way merge by whole entities; None if it has to be refused as a conflict."""
    items = _merge_entities(base.items, source.items, target.items)
    links = _merge_entities(base.links, source.links, target.links)
    if items is None or links is None:
        return None
    if any(end not in items for ends in links.values() for end in ends):
        return None
    return State(items, links)


def _merge_entities(base: dict, source: dict, target: dict) -> dict | None:
    merged = {}
    for key in base.keys() | source.keys() | target.keys():
        was, left, right = base.get(key), source.get(key), target.get(key)
        if left != was and right != was and left != right:
            return None
        image = right if left == was else left
        if image is not None:
            merged[key] = image
    return merged


@dataclass
class Branch:
    """A live branch, from the view of the writer that owns it (of `main`: from the view of one writer)."""

    name: str
    state: State = field(default_factory=State)
    parent: "Branch | None" = None
    base: State = field(default_factory=State)
    """The state of the merge base of this branch and its parent."""
    ahead: bool = False
    """Whether it has commits that the parent lacks."""
    commits: dict[str, dict] = field(default_factory=dict)
    """Acknowledged commits that its history has to hold, each as its receipt gave it."""
    head: str | None = None
    """The last commit, if this writer made and knows it."""
    deleted: bool = False

    def fork(self, name: str) -> "Branch":
        return Branch(name, self.state, self, self.state, commits=dict(self.commits))

    def wrote(self, after: State, commit: dict | None) -> None:
        """Notes an acknowledged write (`commit`: its receipt) or one that was found to have happened (None)."""
        self.state = after
        self.ahead = True
        self.head = commit and commit["graph_commit_id"]
        if commit is not None:
            self.commits[self.head] = commit

    def merged_into_parent(self, after: State, commit: dict | None) -> None:
        self.parent.wrote(after, commit)
        self.parent.commits |= self.commits
        self.base, self.ahead = self.state, False

    def merged_from_parent(self, after: State, commit: dict | None) -> None:
        self.wrote(after, commit)
        self.commits |= self.parent.commits
        self.base = self.parent.state
