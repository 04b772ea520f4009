"""Vectors of many texts, computed by several processes in parts that survive an interruption."""

import hashlib
import multiprocessing
import os
from pathlib import Path

import numpy as np

import model

PART = 1000
_model: model.Model | None = None


def embed_all(texts: list[str], cache: Path, processes: int, max_tokens: int) -> np.ndarray:
    """A row per text. Parts found in `cache` are taken from there; a part is known by the texts it holds."""
    cache.mkdir(parents=True, exist_ok=True)
    parts = [texts[start : start + PART] for start in range(0, len(texts), PART)]
    jobs = [(cache / f"{_digest(part, max_tokens)}.npy", part) for part in parts]
    missing = [job for job in jobs if not job[0].exists()]
    with multiprocessing.get_context("spawn").Pool(processes, _start, (max_tokens,)) as pool:
        for done, path in enumerate(pool.imap_unordered(_embed_part, missing), 1):
            print(f"embedded part {done} of {len(missing)}: {path.name}", flush=True)
    return np.vstack([np.load(path) for path, _ in jobs])


def _start(max_tokens: int) -> None:
    global _model
    _model = model.Model(threads=1, max_tokens=max_tokens)


def _embed_part(job: tuple[Path, list[str]]) -> Path:
    path, texts = job
    vectors = _model.embed(_model.tokens(texts))
    unfinished = path.with_suffix(f".{os.getpid()}.tmp")
    with unfinished.open("wb") as file:
        np.save(file, vectors)
    unfinished.rename(path)
    return path


def _digest(texts: list[str], max_tokens: int) -> str:
    known = hashlib.sha256(f"{model.NAME} {max_tokens}\n".encode())
    for text in texts:
        known.update(text.encode() + b"\0")
    return known.hexdigest()[:24]
