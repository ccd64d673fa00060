"""A text without what changes nothing: marks of Markdown, widths, quotes, contractions."""

import re
import unicodedata

_SAME_MARK = str.maketrans("−–—‐‑’‘“”«»„`\u202f\u00a0", '-----\'\'"""""\'  ')

_FENCE = re.compile(r"^\s*(```|~~~)[\w+-]*\s*$", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
_LINE_MARK = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]+|[-*•+][ \t]+|\d{1,2}[.)][ \t]+)", re.MULTILINE
)
_RULE = re.compile(r"^[ \t]*\|[-|: \t]*$", re.MULTILINE)
_ROW = re.compile(r"^[ \t]*\|.*$", re.MULTILINE)
_LABEL = re.compile(
    r"^(?:\*\*)?(?:answer|antwort|réponse|respuesta|答え|答案)\s*[:：](?:\*\*)?\s*", re.I
)

_CONTRACTIONS = (
    (re.compile(r"\bcan(?:'t|not)\b", re.I), "can not"),
    (re.compile(r"\bwon't\b", re.I), "will not"),
    (re.compile(r"n't\b", re.I), " not"),
    (re.compile(r"'(?:s|re|ve|ll|m|d)\b", re.I), ""),
    (re.compile(r"\b(?:n|l|d|qu|j|c|s|m|t|jusqu|lorsqu)'(?=\w)", re.I), lambda m: f"{m[0][:-1]}e "),
    (re.compile(r"\bal\b"), "a el"),
    (re.compile(r"\bdel\b"), "de el"),
)
"""What is written as one word: English, French, Spanish."""


def plain(text: str) -> str:
    """The text as it is compared: compatibility forms composed, marks of Markdown left out."""
    text = unicodedata.normalize("NFKC", text.translate(_SAME_MARK)).translate(_SAME_MARK)
    text = _EMPHASIS.sub(r"\2", _FENCE.sub("", text))
    text = _ROW.sub(lambda m: m[0].strip("| \t").replace("|", ","), _RULE.sub("", text))
    return _LABEL.sub("", _LINE_MARK.sub("", text)).strip()


def spelled_out(text: str) -> str:
    """The plain text with contractions in full: `isn't` is `is not`."""
    for pattern, full in _CONTRACTIONS:
        text = pattern.sub(full, text)
    return text
