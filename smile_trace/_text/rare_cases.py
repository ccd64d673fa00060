"""Instructions that act only in certain cases: prohibitions, conditions, fallbacks, safety, and
what an answer may rest on.

Without such a case among the calls, an instruction seems to have no effect, however much depends
on it in the one that comes. So it is recognised by its words, in the six languages in which answers
are compared: rather one too many, since it is only kept out of what is proposed for removal.
"""

import re
from collections.abc import Sequence
from typing import Literal

RareCase = Literal["prohibition", "condition", "fallback", "safety", "grounding"]
"""The kind of case in which alone an instruction acts; `grounding`: its sources lack the answer."""

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


_LIMITS = (
    *("only", "solely", "exclusively", "strictly", "nothing but", "from", "using", "based on"),
    *("according to", "rely on", "stick to", "keep to", "ground*", "nur", "allein", "aus"),
    *("ausschließlich", "anhand", "aufgrund", "auf grundlage", "auf basis", "mithilfe", "laut"),
    *("halte dich an", "uniquement", "seulement", "exclusivement", "à partir", "d'après"),
    *("d’après", "selon", "en te fondant sur", "en vous fondant sur", "sur la base", "solo"),
    *("sólo", "solamente", "únicamente", "exclusivamente", "a partir", "según", "basándo*"),
    "con base en",
)
_SOURCES = (
    *("passage*", "context", "document*", "source*", "excerpt*", "snippet*", "the text*"),
    *("this text", "search results", "retrieved", "provided", "given", "supplied", "materials"),
    *("knowledge base", "passagen", "textstelle*", "abschnitt*", "kontext*", "dokument*"),
    *("quelle*", "auszug*", "auszüge*", "dem text", "den texten", "unterlagen", "bereitgestellt*"),
    *("gegeben*", "suchergebnis*", "contexte", "extrait*", "le texte", "du texte", "fourni*"),
    *("pasaje*", "contexto", "documento*", "fuente*", "fragmento*", "el texto", "del texto"),
    "proporcionad*",
)
"""A word of each makes a rule about what the answer may rest on, which acts where that lacks it."""

_LIMITING_CHARACTERS = (
    *("のみ", "だけ", "に基づ", "から", "をもとに", "を基に", "に沿っ"),
    *("只", "仅", "僅", "根据", "根據", "依据", "依據", "基于", "基於"),
)
_SOURCE_CHARACTERS = (
    *("文脈", "コンテキスト", "文書", "資料", "本文", "抜粋", "パッセージ", "ドキュメント", "出典"),
    *("上下文", "文档", "文檔", "文件", "段落", "资料", "材料", "来源", "來源", "片段", "提供的"),
)


def _pattern(words: Sequence[str], characters: Sequence[str]) -> re.Pattern[str]:
    of_words = "|".join(re.escape(word).replace(r"\*", r"\w*") for word in words)
    return re.compile(rf"(?<!\w)(?:{of_words})(?!\w)|{'|'.join(characters)}", re.IGNORECASE)


_FOUND: dict[RareCase, tuple[re.Pattern[str], ...]] = {
    **{kind: (_pattern(words, _CHARACTERS[kind]),) for kind, words in _WORDS.items()},
    "grounding": (
        _pattern(_LIMITS, _LIMITING_CHARACTERS),
        _pattern(_SOURCES, _SOURCE_CHARACTERS),
    ),
}
"""All of a kind's patterns are in its instructions."""


def rare_case(instruction: str) -> RareCase | None:
    """The kind of case without which an instruction has no effect; None for one that always
    acts."""
    return next(
        (kind for kind, found in _FOUND.items() if all(one.search(instruction) for one in found)),
        None,
    )
