"""Long prompts: a context with one driving sentence, in it one driving word.

Peers that cannot go from coarse to fine are given the sentences as players, which a call for
every word would not allow; smile-trace and shap's Partition are given the words.
"""

import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import pairwise

import numpy as np

from benchmarks.attribution import measures
from benchmarks.attribution.cases import Case, load
from benchmarks.attribution.peers.base import Explainer
from benchmarks.attribution.question import Question
from benchmarks.attribution.scores import Scores
from benchmarks.attribution.side_by_side import SHORT
from benchmarks.attribution.stored_rows import Piece, Row

BY_WORDS = ("smile-trace", "shap Partition")
BY_SENTENCES = ("leave-one-out", "context-cite")


@dataclass(frozen=True)
class FoundInContext:
    """One explainer on one long case; the word's measures are None where sentences played."""

    split: str
    case: int
    words: int
    calls_allowed: int
    explainer: str
    calls: int
    seconds: float
    sentence_first: bool
    word_first: bool | None
    word_among_three: bool | None


def run(explainers: Sequence[Explainer], split: str, calls: int, scores: Scores) -> Iterator[Piece]:
    """The long cases of a half, by probability."""
    for number, case in enumerate(load(split)):
        if len(case.words) in SHORT:
            continue
        for explainer in explainers:
            if explainer.name in (*BY_WORDS, *BY_SENTENCES):
                yield Piece(
                    {"split": split, "case": number, "explainer": explainer.name},
                    partial(_rows, explainer, split, number, case, calls, scores),
                )


def sentences(case: Case) -> tuple[int, ...]:
    """How many words each sentence has; a protected tail is none."""
    ends = [k + 1 for k, word in enumerate(case.words) if word[-1] in ".?!"]
    if not ends or ends[-1] != len(case.words):
        ends.append(len(case.words))
    return tuple(int(length) for length in np.diff([0, *ends]))


def _rows(
    explainer: Explainer, split: str, number: int, case: Case, calls: int, scores: Scores
) -> list[Row]:
    lengths = sentences(case)
    by_words = explainer.name in BY_WORDS
    question = Question(case, "probability", scores, () if by_words else lengths)
    started = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(explainer.explain(question, calls, 0), dtype=float)
    spent = time.process_time() - started
    edges = np.cumsum((0, *lengths))
    of_sentences = np.array([found[a:b].max() for a, b in pairwise(edges)]) if by_words else found
    driving = int(np.searchsorted(edges, case.driving[0], side="right")) - 1
    places = measures.ranks(of_sentences, range(len(lengths)))
    hits = measures.hits(case, question.players, found) if by_words else None
    found_there = FoundInContext(
        split=split,
        case=number,
        words=len(case.words),
        calls_allowed=calls,
        explainer=explainer.name,
        calls=len(question.asked),
        seconds=spent if question.seconds is None else question.seconds,
        sentence_first=places[driving] <= 1,
        word_first=bool(hits["hit_1"]) if hits else None,
        word_among_three=bool(hits["hit_3"]) if hits else None,
    )
    return [asdict(found_there)]
