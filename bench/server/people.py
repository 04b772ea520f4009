"""The graph that `load.py` measures on: people of a city who know one another."""

import json
from dataclasses import dataclass
from pathlib import Path
from random import Random

SCHEMA = """\
node Person {
    name: String @key
    age: I32 @index
    city: String @index
}

edge Knows: Person -> Person {
    since: I32
}
"""

POINT = "query point($name: String) { match { $p: Person { name: $name } } return { $p.name, $p.age, $p.city } }"
HOP = "query hop($name: String) { match { $p: Person { name: $name } $p knows $q } return { $q.name, $q.age } limit 10 }"
UPSERT = "query upsert($name: String, $age: I32, $city: String) { insert Person { name: $name, age: $age, city: $city } }"

CITIES = 500


def name(number: int) -> str:
    return f"person-{number:07}"


def write(path: Path, people: int, edges: int, seed: int) -> None:
    """Writes the batch to load. Both ends of an edge are drawn evenly, so a person knows `edges / people` on average."""
    random = Random(seed)
    with path.open("w") as out:
        for number in range(people):
            data = {"name": name(number), "age": random.randrange(100), "city": f"city-{random.randrange(CITIES)}"}
            out.write(json.dumps({"type": "Person", "data": data}) + "\n")
        for _ in range(edges):
            ends = {"from": name(random.randrange(people)), "to": name(random.randrange(people))}
            out.write(json.dumps({"edge": "Knows", **ends, "data": {"since": random.randrange(1980, 2026)}}) + "\n")


@dataclass(frozen=True)
class Request:
    """What a client sends, and under which kind its answer is counted."""

    kind: str
    path: str
    body: dict


@dataclass(frozen=True)
class Workload:
    """A mix of requests. `write_share` of them are upserts, the others the read."""

    name: str
    read: str = POINT
    write_share: float = 0.0
    one_actor: bool = False

    def draw(self, random: Random, people: int) -> Request:
        if random.random() >= self.write_share:
            return Request("read", "/query", {"query": self.read, "params": {"name": name(random.randrange(people))}})
        # Half of the keys exist, so that rows are replaced as well as added.
        params = {"name": name(random.randrange(2 * people)), "age": random.randrange(100), "city": f"city-{random.randrange(CITIES)}"}
        return Request("write", "/mutate", {"query": UPSERT, "params": params})


WORKLOADS = {
    workload.name: workload
    for workload in [
        Workload("point"),
        Workload("hop", read=HOP),
        Workload("mixed", write_share=0.1),
        Workload("mutate", write_share=1.0),
        Workload("mutate-one-actor", write_share=1.0, one_actor=True),
    ]
}
