"""Instructions that act only in certain cases: prohibitions, conditions, fallbacks, safety.

Without such a case among the calls, an instruction seems to have no effect, however much depends
on it in the one that comes. So it is recognised by its words, in the six languages in which answers
are compared: rather one too many, since it is only kept out of what is proposed for removal.
"""

import re
from collections.abc import Sequence

from smile_trace.records.suggestion import RareCase

_WORDS: dict[RareCase, tuple[str, ...]] = {
    "safety": (
        *("safety", "emergency", "suicid*", "self-harm", "harmful", "danger*", "illegal"),
        *("confidential*", "password*", "personal data", "privacy", "medical", "legal advice"),
        *("human agent", "escalate", "notfall", "notfälle*", "vertraulich*", "gefährlich*"),
        *("passwort*", "datenschutz", "urgence*", "confidentiel*", "dangereu*", "emergencia*"),
        *("confidencial*", "peligro*", "contraseña*"),
    ),
    "fallback": (
        *("otherwise", "or else", "by default", "fallback", "fall back", "as a last resort"),
        *("andernfalls", "ansonsten", "sonst", "sinon", "à défaut", "par défaut"),
        *("de lo contrario", "en su defecto", "por defecto", "si no"),
    ),
    "condition": (
        *("if", "when", "whenever", "unless", "except", "in case", "as long as", "provided that"),
        *("wenn", "falls", "sofern", "sobald", "solange", "außer", "es sei denn", "im fall*"),
        *("si", "s'il*", "s’il*", "lorsqu*", "quand", "sauf", "à moins", "en cas", "tant que"),
        *("cuando", "siempre que", "salvo", "excepto", "a menos que", "en caso", "mientras"),
    ),
    "prohibition": (
        *("never", "not", "don't", "don’t", "cannot", "can't", "mustn't", "no", "nothing"),
        *("nobody", "without", "avoid", "refuse", "decline", "reject", "forbidden", "prohibited"),
        *("under no circumstances", "nie", "niemals", "nicht", "kein*", "nichts", "niemand*"),
        *("vermeide*", "verweiger*", "verboten", "untersagt", "ohne", "jamais", "ne", "n'*"),
        *("n’*", "aucun*", "évite*", "refuse*", "interdit*", "sans", "nunca", "jamás", "ningún"),
        *("ninguna", "nada", "evita*", "evite*", "rechaza*", "rechace*", "prohibid*", "sin"),
    ),
}
"""Words and beginnings of words (`*`), in English, German, French and Spanish."""

_CHARACTERS: dict[RareCase, tuple[str, ...]] = {
    "safety": ("緊急", "紧急", "機密", "机密", "保密", "危険", "危险", "個人情報", "个人信息"),
    "fallback": ("否则", "否則", "それ以外", "さもなければ", "默认"),
    "condition": (
        *("場合", "もし", "ときは", "時は", "なら", "れば", "たら", "限り"),
        *("如果", "若", "假如", "除非", "除外", "情况下", "情況下", "只要", "一旦", "当", "當"),
    ),
    "prohibition": (
        *("ないで", "ません", "しない", "てはいけ", "てはなら", "禁止", "決して", "絶対に", "拒否"),
        *("不要", "不得", "不能", "不可", "勿", "绝不", "絕不", "从不", "從不", "避免", "拒绝"),
        *("拒絕", "别", "別"),
    ),
}
"""Characters of Japanese and Chinese, which have no spaces between words."""


def _pattern(words: Sequence[str]) -> str:
    return "|".join(re.escape(word).replace(r"\*", r"\w*") for word in words)


_FOUND: dict[RareCase, re.Pattern[str]] = {
    kind: re.compile(
        rf"(?<!\w)(?:{_pattern(words)})(?!\w)|{'|'.join(_CHARACTERS[kind])}", re.IGNORECASE
    )
    for kind, words in _WORDS.items()
}


def rare_case(instruction: str) -> RareCase | None:
    """The kind of case without which an instruction has no effect; None for one that always
    acts."""
    return next((kind for kind, found in _FOUND.items() if found.search(instruction)), None)
