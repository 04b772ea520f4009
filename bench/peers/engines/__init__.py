"""The engines that `peers.py` can run, by name."""

from importlib import import_module

from engines.base import Engine

NAMES = ["lancedb", "lancedb-pq", "duckdb", "ladybug", "kuzu"]
"""Peers that run in this Python; `omnigraph` runs itself and is asked for its results (`omnigraph.py` beside this)."""


def engine_class(name: str) -> type[Engine]:
    """Imports only the engine asked for: the memory that a process is charged with is that engine's own."""
    modules = {
        "lancedb": ("lance", "Lance"),
        "lancedb-pq": ("lance", "LancePq"),
        "duckdb": ("duck", "Duck"),
        "ladybug": ("ladybug", "Ladybug"),
        "kuzu": ("ladybug", "Kuzu"),
    }
    module, cls = modules[name]
    return getattr(import_module(f"engines.{module}"), cls)
