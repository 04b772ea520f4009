"""Requests that name branches oddly: drawn names are too seldom the ones that a single operation forgets to check."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from harness import with_query

ODD_NAMES = [
    "", " ", "a b", "a\x16", "a\x00", ".", "..", "../main", "a/../b", "/", "main/", "-", "*", "a:b", "__schema_apply_lock__",
    "ä" * 300, "x" * 5000, "\u2028",
]  # fmt: skip
FIELDS = {"branch", "from", "source", "target"}
"""Members and parameters that name a branch, and so does `name` where one is created."""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes | None
    media_type: str

    def __str__(self) -> str:
        body = "" if self.body is None else f" {self.body[:100].decode(errors='replace')}"
        return f"{self.method} {self.path[:120]}{body.rstrip()}"


def odd_requests(document: dict) -> Iterator[Request]:
    """Each operation of a document with examples, with each of its fields in turn set to each odd name."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for field in sorted(_fields(document, operation)):
                for name in ODD_NAMES:
                    yield _request(path, method.upper(), operation, field, name)


def _fields(document: dict, operation: dict) -> set[str]:
    named = {parameter["name"] for parameter in operation.get("parameters", [])}
    for content in operation.get("requestBody", {}).get("content", {}).values():
        text = json.dumps(content.get("schema", {}))
        for component in re.findall(r'"#/components/schemas/(\w+)"', text):
            named |= document["components"]["schemas"][component].get("properties", {}).keys()
    return named & (FIELDS | ({"name"} if operation["operationId"] == "cluster_createBranch" else set()))


def _request(path: str, method: str, operation: dict, field: str, name: str) -> Request:
    query, in_body = {}, True
    for parameter in operation.get("parameters", []):
        value = parameter.get("example")
        if parameter["name"] == field:
            value, in_body = name, False
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(value, safe=""))
        elif parameter["in"] == "query":
            query[parameter["name"]] = value
    body, media_type = None, "application/json"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        body = content["example"]
    if isinstance(body, dict):
        body = json.dumps(body | {field: name} if in_body else body)
    return Request(method, with_query(path, query), None if body is None else body.encode(), media_type)
