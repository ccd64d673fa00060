"""What edits of chains need of six languages: negations, and sentences about something else."""

import re

NEGATED = {
    "en": [(r"(?<= )(is|are|was|were|can|will|must|should|may)(?= )", r"\1 not")],
    "de": [
        (r"(?<= )(ist|sind|war|wird|werden|wurden?|kann|können|darf|dürfen|soll)(?= )", r"\1 nicht")
    ],
    "fr": [
        (r"(?<= )(est|était)(?= )", r"n'\1 pas"),
        (r"(?<= )(sont|peut|peuvent|doit|doivent|sera|seront)(?= )", r"ne \1 pas"),
    ],
    "es": [
        (
            r"(?<= )(?<!\bse )(?<!\blo )(?<!\bla )(?<!\ble )"
            r"(es|son|está|están|era|fue|será|puede|pueden|debe|tiene|hay)(?= )",
            r"no \1",
        )
    ],
    "ja": [
        (r"ました(?=。|$)", "ませんでした"),
        (r"ます(?=。|$)", "ません"),
        (r"です(?=。|$)", "ではありません"),
    ],
    "zh": [(r"可以", "不可以"), (r"需要", "不需要"), (r"(?<![但于还可总只])是(?!否)", "不是")],
}
"""By language, patterns of a verb that is negated, and what stands for it."""

UNRELATED = {
    "en": [
        "Penguins huddle together against icy winds.",
        "Volcanic islands rise slowly from deep oceans.",
        "Her violin teacher prefers baroque music.",
    ],
    "de": [
        "Pinguine drängen sich gegen eisigen Sturm zusammen.",
        "Vulkane erheben sich langsam aus tiefem Ozean.",
        "Ihre Geigenlehrerin liebt barocke Musik.",
    ],
    "fr": [
        "Les pingouins se serrent contre un blizzard glacial.",
        "Les volcans émergent lentement des océans profonds.",
        "Sa professeure adore jouer du violon baroque.",
    ],
    "es": [
        "Los pingüinos se apiñan contra vientos helados.",
        "Los volcanes emergen lentamente del océano profundo.",
        "Su profesora adora tocar violín barroco.",
    ],
    "ja": [
        "ペンギンは吹雪の中で身を寄せ合う。",
        "火山島は深海からそびえ立つ。",
        "彼女はバロック音楽を愛する。",
    ],
    "zh": [
        "企鹅挤成团抵御暴风雪。",
        "火山岛屿缓缓升出深海。",
        "她酷爱巴洛克小提琴曲。",
    ],
}
"""By language, sentences without a value or a negation; each also about something else than the
others."""

_NEGATION = re.compile(
    r"\b(?:not?|never|cannot|without|nor|neither|nothing|none|nicht|kein\w*|nie|niemals|ohne|nichts"
    r"|weder|ne|pas|non|sans|jamais|ni|aucune?|nunca|sin|jamás|nada|tampoco|ningun[oa]?|ningún)\b"
    r"|n['’]t\b|\bn['’]|ない|ません|なく|なかっ|ず[、に。]|[不没无無未勿别別非禁]",
    re.IGNORECASE,
)


VALUE = re.compile(
    r"\d|[〇一二三四五六七八九十百千万億亿半两]|hundred|thousand|milli|hundert|tausend|\bcents?\b|\bmille\b"
    r"|cien|\bmil\b|vingt|veint|[ea]nta\b|half|quarter|past|media|demi|halb|viertel|dozen",
    re.IGNORECASE,
)
"""A number, or one of the words that follow one another in a number or time."""


def negated(text: str) -> bool:
    """Whether something like a negation is in a text, in any of the languages."""
    return bool(_NEGATION.search(text))


def stems(text: str) -> set[str]:
    """What two texts share where they say something of the same: beginnings of words, and pairs of
    Chinese and Japanese characters."""
    lower = text.lower()
    latin = {word[:4] for word in re.findall(r"[^\W\d_]{4,}", lower) if word < "\u3000"}
    han = re.findall(r"(?=([\u30a1-\u30ff\u3400-\u9fff]{2}))", lower)
    return latin | set(han)
