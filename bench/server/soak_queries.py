"""Schema, queries and batches of the soak."""

import json

from soak_model import Item

SCHEMA = """\
node Item {
    key: String @key
    owner: String @index
    value: I64
    note: String?
}

edge Link: Item -> Item {
    tag: String
}
"""

ITEMS = "query items($owner: String) { match { $i: Item { owner: $owner } } return { $i.key, $i.value, $i.note } }"
LINKS = "query links($owner: String) { match { $i: Item { owner: $owner } $i $l: link $j } return { $i.key, $j.key, $l.tag } }"
UPDATE = "query update($key: String, $value: I64) { update Item set { value: $value } where key = $key }"
UPDATE_ALL = "query update_all($owner: String, $value: I64) { update Item set { value: $value } where owner = $owner }"
DELETE_ITEM = "query delete_item($key: String) { delete Item where key = $key }"
LINK = "query link($from: String, $to: String, $tag: String) { insert Link { from: $from, to: $to, tag: $tag } }"
UNLINK = "query unlink($tag: String) { delete Link where tag = $tag }"


def put(owner: str, items: dict[str, Item]) -> tuple[str, dict]:
    """A mutation that writes all the items in one commit, and its parameters."""
    declared, statements, params = ["$owner: String"], [], {"owner": owner}
    for number, (key, item) in enumerate(items.items()):
        declared += [f"$k{number}: String", f"$v{number}: I64", f"$n{number}: String?"]
        statements.append(f"insert Item {{ key: $k{number}, owner: $owner, value: $v{number}, note: $n{number} }}")
        params |= {f"k{number}": key, f"v{number}": item.value, f"n{number}": item.note}
    return f"query put({', '.join(declared)}) {{ {' '.join(statements)} }}", params


def batch(owner: str, items: dict[str, Item], links: dict[str, tuple[str, str]]) -> str:
    """The same as NDJSON, with links."""
    lines = [{"type": "Item", "data": {"key": key, "owner": owner, "value": i.value, "note": i.note}} for key, i in items.items()]
    lines += [{"edge": "Link", "from": ends[0], "to": ends[1], "data": {"tag": tag}} for tag, ends in links.items()]
    return "".join(json.dumps(line) + "\n" for line in lines)


def is_of(owner: str, record: dict) -> bool:
    """Whether a record of an export belongs to a writer."""
    if "type" in record:
        return record["data"]["owner"] == owner
    return record["data"]["tag"].startswith(f"{owner}-")
