"""How a text becomes terms: analyzers, each a rule that some engine follows or can be configured to follow."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Callable, Iterator

import snowballstemmer

LONGEST = 40
"""A run of this many bytes or more is no term."""

STOP_WORDS = frozenset(
    """a about above after again against all am an and any are as at be because been before being below between both
    but by can did do does doing down during each few for from further had has have having he her here hers herself him
    himself his how i if in into is it its itself just me more most my myself now of off on once only or other our ours
    ourselves out over own re same she should so some such than that the their theirs them themselves then there these
    they this those through to too under until up very was we were what when where which while who whom why will with
    you your yours yourself yourselves""".split()
)

_stem = cache(snowballstemmer.stemmer("english").stemWord)


@dataclass(frozen=True)
class Analyzer:
    name: str
    rule: str
    terms: Callable[[str], list[str]]


def words(text: str) -> list[str]:
    """Runs of letters and digits, lower-cased."""
    return [run.lower() for run in _runs(text) if len(run.encode()) < LONGEST]


def english(text: str) -> list[str]:
    """Stems of the words without stop words. The stop list is applied to stems, so `very` (stem `veri`) stays."""
    stems = map(_stem, words(text))
    return [_folded(stem) for stem in stems if stem not in STOP_WORDS]


def stopped(text: str) -> list[str]:
    """Stems of the words that are no stop words, as Omnigraph has them."""
    bare = map(_folded, words(text))
    return [_stem(word) for word in bare if word not in STOP_WORDS]


def _runs(text: str) -> Iterator[str]:
    run = ""
    for character in text:
        if character.isalnum():
            run += character
        elif run:
            yield run
            run = ""
    if run:
        yield run


def _folded(term: str) -> str:
    """Without accents, where the letter below them is ASCII."""
    if term.isascii():
        return term
    bare = "".join(part for part in unicodedata.normalize("NFKD", term) if not unicodedata.combining(part))
    return bare if bare.isascii() else term


ANALYZERS = [
    Analyzer("words", "runs of letters and digits; drop runs of 40 bytes or more; lower-case", words),
    Analyzer(
        "english",
        "runs of letters and digits; drop runs of 40 bytes or more; lower-case; English Snowball stem; drop stems that"
        " are English stop words; fold accents to ASCII",
        english,
    ),
    Analyzer(
        "stopped",
        "runs of letters and digits; drop runs of 40 bytes or more; lower-case; fold accents to ASCII; drop English stop"
        " words; English Snowball stem",
        stopped,
    ),
]
