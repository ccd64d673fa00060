"""The answer change in layers: what the response says otherwise, in values, structure, meaning."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from smile_trace.attribution.answer_distance import structure
from smile_trace.attribution.answer_distance.alignment import Alignment, shared_weight
from smile_trace.attribution.answer_distance.meaning import Meaning
from smile_trace.attribution.answer_distance.normalisation import plain
from smile_trace.attribution.answer_distance.polarity import split_particle
from smile_trace.attribution.answer_distance.sentence_meaning import (
    CHARACTERS,
    Matched,
    lost_meaning,
)
from smile_trace.attribution.answer_distance.tokens import Kind, Sentence, Token, sentence
from smile_trace.attribution.answer_distance.value_differences import (
    Difference,
    denials,
    differences,
)
from smile_trace.attribution.segmentation import boundaries
from smile_trace.attribution.word_vectors import embed_words

_MAX_CHARACTERS = 8000
_MAX_SENTENCES = 60
_LEFT_OUT = 0.4
"""Share of a logged sentence below which it counts as left out, where the sentence of the response
that is nearest says another one."""

_REVERSED, _BARE = 0.9, 0.5
"""Change of a yes to a no, or of a bare yes or no to an answer that has neither; and of an answer
to nothing but its yes or no."""

_SAID_TWICE = 0.8
"""Share of a logged sentence from which another sentence of the response is about the same."""

_NEARLY_ALL = 0.8
"""Share of the words said again from which a value that changed is all there is to say."""

_WHOLE = 400
"""Characters of two answers up to which they are compared as a whole."""

_SHORT = 3
"""Tokens of an answer that is a label rather than a sentence."""


@dataclass(frozen=True)
class AnswerChange:
    """How far a response is from the logged answer, and by which layer.

    `values`: numbers, dates, names, operators, negations, roles that are others. `structure`: JSON
    values, and the order of a list. `meaning`: what is left, by sentence vectors. Each in [0, 1],
    0 = nothing moved. `kinds`: what differs, such as `number` or `negation`.
    """

    values: float = 0.0
    structure: float = 0.0
    meaning: float = 0.0
    kinds: tuple[str, ...] = ()

    @property
    def change(self) -> float:
        """The answer change, in [0, 1]: what is kept in all layers is kept."""
        return 1 - (1 - self.values) * (1 - self.structure) * (1 - self.meaning)

    @property
    def layer(self) -> str | None:
        """The layer that moved most; None where none did."""
        most = max(("values", "structure", "meaning"), key=lambda name: getattr(self, name))
        return most if getattr(self, most) else None


_NO_END = re.compile(
    r"(?:\d|\b(?:Mrs?|Ms|Dr|Prof|St|Fr|Hr|Mme|Mlle|Sra?|Nr|No|Str|bzw|ca|vs|z\. ?B|[ei]\. ?[ge]))"
    r"\. ?$"
)
"""A full stop after which the sentence goes on."""


@dataclass(frozen=True)
class _Read:
    """An answer as it is compared."""

    raw: str
    text: str
    particle: bool | None
    sentences: tuple[Sentence, ...]
    texts: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        return not self.sentences and self.particle is None

    @cached_property
    def tokens(self) -> list[Token]:
        return [token for found in self.sentences for token in found.tokens]

    @cached_property
    def is_bare(self) -> bool:
        """Whether it says yes or no and nothing else: *No.*, *You can.*, *It is not.*"""
        return all(token.kind in (Kind.FUNCTION, Kind.NEGATION) for token in self.tokens)

    @property
    def says_yes(self) -> bool | None:
        """Whether it says yes; None where it says neither yes nor no."""
        if self.particle is not None or not self.is_bare:
            return self.particle
        return all(token.kind is not Kind.NEGATION for token in self.tokens)


def compare(logged: str, response: str, meaning: Meaning) -> AnswerChange:
    """How far a response is from the logged answer, layer by layer.

    Args:
        meaning: sentence vectors for what is neither a value nor structure.
    """
    one, other = structure.parsed_json(logged), structure.parsed_json(response)
    if one is not None and other is not None:
        change = structure.json_change(one, other)
        return AnswerChange(structure=change, kinds=("json",) if change else ())
    return _of_texts(_read(logged), _read(response), meaning)


def says(response: str, part: str) -> bool:
    """Whether a response says a part of an answer in its own words, at one place."""
    said, wanted = ([token.key for token in _read(text).tokens] for text in (response, part))
    ends = range(len(wanted), len(said) + 1)
    return bool(wanted) and any(said[end - len(wanted) : end] == wanted for end in ends)


@lru_cache(maxsize=256)
def _read(raw: str) -> _Read:
    raw = raw[:_MAX_CHARACTERS]
    text = plain(raw)
    particle, rest = split_particle(text)
    spans = _whole(rest, boundaries.sentences(rest)[:_MAX_SENTENCES])
    found = [(sentence(rest[a:b]), rest[a:b]) for a, b in spans]
    told = [(tokens, written) for tokens, written in found if tokens.tokens]
    return _Read(raw, text, particle, tuple(t for t, _ in told), tuple(w for _, w in told))


def _whole(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The sentences, those put together again that end at an ordinal (`am 15. Februar`) or an
    abbreviation (`Mrs. Okafor`)."""
    whole: list[tuple[int, int]] = []
    for start, end in spans:
        if whole and _NO_END.search(text[whole[-1][0] : start]):
            whole[-1] = (whole[-1][0], end)
        else:
            whole.append((start, end))
    return whole


def _of_texts(one: _Read, other: _Read, meaning: Meaning) -> AnswerChange:
    said, again = one.tokens, other.tokens
    if one.particle is other.particle and said == again:
        same = bool(said) or one.particle is not None or one.text == other.text
        return AnswerChange() if same else _LOST
    if one.is_empty or other.is_empty:
        return _LOST
    if one.is_bare or other.is_bare:
        change = _yes_or_no(one, other)
        return AnswerChange(change, kinds=("yes or no",)) if change else AnswerChange()
    raw = (one.raw, other.raw)
    order = structure.reordered(raw, said, again)
    matches = _matches(one.sentences, other.sentences)
    particle = _yes_or_no(one, other)
    per_sentence = [[]] if order else _differences(one, other, matches)
    values = max(particle, _values(per_sentence, one))
    kept = _kept(one, matches)
    apart = 0.0
    if said and again and kept < (_NEARLY_ALL if values else 1):
        apart = _meaning(one, other, matches, meaning)
        if not kept and max(len(said), len(again)) <= _SHORT and not values:
            apart = max(apart, 0.8)
    kinds = ["yes or no"] * bool(particle) + ["order"] * bool(order)
    kinds += [d.kind for found in per_sentence for d in found if d.change > 0]
    return AnswerChange(values, order, apart, tuple(dict.fromkeys(kinds)))


def _differences(
    one: _Read, other: _Read, matches: Sequence[tuple[float, int]]
) -> list[list[Difference]]:
    """Per logged sentence what the response says otherwise."""
    unordered = structure.enumerated((one.raw, other.raw))
    again = other.tokens
    found = []
    for logged, (share, best) in zip(one.sentences, matches, strict=False):
        nearer = any(s > share for s, k in matches if k == best)
        left_out = share < _LEFT_OUT and nearer
        aligned = Alignment(logged, other.sentences[best])
        told = [] if left_out else differences(aligned, one.tokens, again, unordered)
        if share >= _SAID_TWICE:
            told += _denied_elsewhere(logged, other, best)
        found.append(told)
    return found


def _denied_elsewhere(logged: Sentence, other: _Read, best: int) -> list[Difference]:
    """Denials by further sentences of the response that say the same words."""
    further = [s for k, s in enumerate(other.sentences) if k != best]
    again = [s for s in further if shared_weight(logged, s) >= _SAID_TWICE]
    return [denial for s in again for denial in denials(Alignment(logged, s))]


def _values(per_sentence: Sequence[list[Difference]], one: _Read) -> float:
    """The change by values: half by the sentence that changed most, half by their mean."""
    lengths = [len(found.tokens) for found in one.sentences] or [1]
    changes = [_of_sentence(found) for found in per_sentence]
    if not any(changes):
        return 0.0
    mean = sum(c * n for c, n in zip(changes, lengths, strict=False)) / sum(lengths)
    return (max(changes) + mean) / 2


def _of_sentence(found: Sequence[Difference]) -> float:
    """The largest difference, and half of the others on what is left of the sentence."""
    sizes = sorted(map(_size, found), reverse=True)
    kept = 1.0
    for k, size in enumerate(sizes):
        kept *= 1 - size * (0.5 if k else 1)
    return 1 - kept


def _size(difference: Difference) -> float:
    """A word that means nearly the same counts less; static vectors tell single words as well."""
    if not difference.before:
        return difference.change
    apart = _words().distance([difference.before], [difference.after])
    return difference.change * (0.4 + 0.6 * min(2 * apart, 1.0))


@lru_cache(maxsize=1)
def _words() -> Meaning:
    return Meaning(embed_words)


def _kept(one: _Read, matches: Sequence[tuple[float, int]]) -> float:
    """The share of the logged answer's words that the response says, in [0, 1]."""
    lengths = [len(found.tokens) for found in one.sentences]
    said = sum(share * n for (share, _), n in zip(matches, lengths, strict=False))
    return said / sum(lengths) if lengths else 0.0


def _matches(logged: Sequence[Sentence], response: Sequence[Sentence]) -> list[tuple[float, int]]:
    """Per logged sentence how much of it the sentence of the response says that says most of it,
    and which one that is."""
    if not response:
        return []
    table = [[shared_weight(one, other) for other in response] for one in logged]
    best = [max(range(len(row)), key=row.__getitem__) for row in table]
    return [(row[k], k) for row, k in zip(table, best, strict=True)]


_LOST = AnswerChange(meaning=1.0, kinds=("empty",))


def _yes_or_no(one: _Read, other: _Read) -> float:
    """The change by a yes or no."""
    mine, theirs = one.says_yes, other.says_yes
    if mine is None or theirs is None:
        # Only the question would tell whether a sentence without a yes or a no answers it so.
        return _REVERSED if one.is_bare or other.is_bare else 0.0
    if mine is not theirs:
        return _REVERSED
    return _BARE if other.is_bare and not one.is_bare else 0.0


def _meaning(
    one: _Read, other: _Read, matches: Sequence[tuple[float, int]], meaning: Meaning
) -> float:
    """How much of the meaning is lost: of short answers as a whole, else of their sentences."""
    across = len({text.sentences[0].language for text in (one, other)} - {None}) == 2
    if len(one.text) + len(other.text) > _WHOLE and len(one.texts) > 1:
        sentences = zip(one.sentences, one.texts, matches, strict=True)
        matched = [Matched(text, len(s.tokens), *match) for s, text, match in sentences]
        return lost_meaning(matched, other.texts, meaning, across=across)
    candidates = [other.text]
    if len(other.texts) > 1 and len(other.text) > 1.4 * len(one.text):
        candidates.append(" ".join(other.texts[k] for k in sorted({best for _, best in matches})))
    mine = [one.text]
    if len(one.texts) > 1 and len(one.text) > 1.4 * len(other.text):
        mine += one.texts[:4]
    mine, candidates = ([text[:CHARACTERS] for text in texts] for texts in (mine, candidates))
    apart = meaning.distance(mine, candidates, across=across)
    return apart**2 * math.sqrt(1 - _kept(one, matches))
