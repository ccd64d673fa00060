"""Single letters that are values (*exit A*, *vitamin C*, *(b)*) and not the words *a*, *I*, *y*."""

import re

_WORDS = frozenset("aàeioóuy")
"""Letters that are words in English, French, Spanish, Italian or Portuguese."""

_GOES_ON = re.compile(r"[.'’/]\w|\s+[^\w\s]?\w|\. ?\w\.")
_ABBREVIATED = re.compile(r"\w[./] ?$")
_NO_NOUN = re.compile(r"\s+(?:is|was|and|or|est|et|ou|es|y|o)\b")
"""What follows no article."""

_CAPITALIZED = re.compile(r"[A-ZÀ-Þ][\w'-]*\s+$"), re.compile(r"\s+[A-ZÀ-Þ]")


def is_value(text: str, at: int, language: str | None, *, told: bool, named: bool) -> bool:
    """Whether the single letter at a place of a text is a value.

    Args:
        told: whether the word before is no function word: *Phase I*, but not *you and I*.
        named: whether the word before is a name: *World War I began*.
    """
    letter, before, after = text[at], text[:at], text[at + 1 :]
    ends, is_word = not _GOES_ON.match(after), letter.lower() in _WORDS
    if after.startswith((")", "]", '"', "'")) or not re.search(r"\w", before + after):
        return True
    if letter.islower():
        return ends and not _ABBREVIATED.search(before)
    if not is_word or language in ("de", "ja", "zh"):
        return True
    if letter == "I" and language in ("en", None):
        return named or (ends and told)
    return ends or bool(_NO_NOUN.match(after)) or not _may_be_article(before, after)


def key(letter: str) -> str:
    """The key of a letter that is a value: of one that may be a word, no word's."""
    return letter.upper() if letter.lower() in _WORDS else letter.lower()


def _may_be_article(before: str, after: str) -> bool:
    """Whether it begins a sentence, or stands in a title: *Once Upon A Time*."""
    head, tail = _CAPITALIZED
    begins = before.rstrip()[-1:] in ("", *":.!?\"'")
    return begins or bool(head.search(before) and tail.match(after))
