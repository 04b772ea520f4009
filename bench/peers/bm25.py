"""BM25 by Lucene's formula, exact and unhurried; written from the formula alone, sharing no code with an engine.

Score of a document for a query: the sum over the query's terms (a word asked twice counts twice) of

    ln(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + K1 * (1 - B + B * length / mean_length))

N documents, n of them with the term, f the term's count in the document, lengths counted in terms. Lengths are exact
(Lucene itself rounds them to one byte). The classic formula has a factor (K1 + 1) on top, which Lucene dropped.
"""

import math
from array import array
from collections import Counter, defaultdict

import numpy as np

K1 = 1.2
B = 0.75


class Bm25:
    """Documents are known by their places in the list given."""

    def __init__(self, documents: list[list[str]]):
        self._holders: dict[str, array] = defaultdict(lambda: array("I"))
        self._counts: dict[str, array] = defaultdict(lambda: array("I"))
        for row, terms in enumerate(documents):
            for term, count in Counter(terms).items():
                self._holders[term].append(row)
                self._counts[term].append(count)
        lengths = np.array([len(terms) for terms in documents], np.float64)
        self.mean_length = float(lengths.mean())
        self._penalty = K1 * (1 - B + B * lengths / self.mean_length)

    def idf(self, term: str) -> float:
        holders = len(self._holders.get(term, ()))
        return math.log(1 + (len(self._penalty) - holders + 0.5) / (holders + 0.5))

    def scores(self, terms: list[str]) -> np.ndarray:
        """Of all documents; zero for one that has none of the terms."""
        total = np.zeros_like(self._penalty)
        for term in terms:
            if term in self._holders:
                rows = np.array(self._holders[term])
                counts = np.array(self._counts[term], np.float64)
                total[rows] += self.idf(term) * counts / (counts + self._penalty[rows])
        return total
