"""Numbers as digits or words, to one value: 1,000 = 1000 = 1 000, three = drei = 三 = 3."""

import re

_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    " sixteen seventeen eighteen nineteen twenty",
    "null eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn"
    " fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig",
    "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
    "cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"
    " dieciséis diecisiete dieciocho diecinueve veinte",
)
_TENS = (
    "twenty thirty forty fifty sixty seventy eighty ninety",
    "zwanzig dreißig vierzig fünfzig sechzig siebzig achtzig neunzig",
    "vingt trente quarante cinquante soixante",
    "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa",
)
_FACTORS = {
    "hundred": 100, "hundert": 100, "cent": 100, "cents": 100, "cien": 100, "ciento": 100,
    "thousand": 1000, "tausend": 1000, "mille": 1000, "mil": 1000,
    "million": 10**6, "millionen": 10**6, "millions": 10**6, "millón": 10**6, "millones": 10**6,
    "billion": 10**9, "milliarde": 10**9, "milliarden": 10**9, "milliard": 10**9,
    "milliards": 10**9,
    "dozen": 12, "dutzend": 12, "douzaine": 12, "docena": 12,
}  # fmt: skip
_ARTICLES = frozenset(("one", "un", "uno", "eins"))
"""Words for 1 that are pronouns and articles more often."""


def _table() -> dict[str, int]:
    known = {word: k for words in _WORDS for k, word in enumerate(words.split())}
    for words in _TENS:
        known |= {word: 10 * k for k, word in enumerate(words.split(), start=2)}
    units = dict(zip("ein zwei drei vier fünf sechs sieben acht neun".split(), range(1, 10)))  # noqa: B905, SIM905
    for word, tens in zip(_TENS[1].split(), range(20, 100, 10), strict=True):
        known |= {f"{unit}und{word}": tens + k for unit, k in units.items()}
    return {word: value for word, value in known.items() if word not in _ARTICLES}


_NUMBERS = _table()

_HAN_DIGITS = {**{c: k for k, c in enumerate("〇一二三四五六七八九")}, "零": 0, "两": 2, "両": 2}
_HAN_FACTORS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8, "億": 10**8}
HAN_NUMERAL = re.compile(
    f"[{''.join(_HAN_DIGITS)}{''.join(_HAN_FACTORS)}]+"
    "(?=[人名個个本冊册页頁公米块塊元円天日年月週周階楼点點时時小分秒歳岁度位件杯次回台斤克キグセメ项])"
)
"""A numeral before what it counts; elsewhere these characters are parts of words (一番)."""

_GROUPED = re.compile(r"\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*")


def value_of_digits(written: str) -> float:
    """The value of digits with separators, without a sign: `1.250,50` is 1250.5.

    A separator before exactly three digits groups; the last of two kinds is the decimal one.
    """
    whole = _GROUPED.match(written)
    if whole and not written.startswith("0"):
        grouped = re.sub(r"\D", "", whole[0])
        rest = written[whole.end() :]
        return float(grouped + "." + rest[1:] if len(rest) > 1 else grouped)
    return float(written.replace("'", "").replace(" ", "").replace(",", "."))


def value_of_word(word: str) -> int | None:
    """The value of a number word in lower case; None where it is none."""
    if "-" in word:
        parts = [_NUMBERS.get(part) for part in word.split("-")]
        return None if None in parts else sum(p for p in parts if p is not None)
    return _NUMBERS.get(word)


def factor_of_word(word: str) -> int | None:
    """100 of `hundred`: what it multiplies the number before it with."""
    return _FACTORS.get(word)


def value_of_han(numeral: str) -> int:
    """三百二十 is 320."""
    total, section, digit = 0, 0, 0
    if all(c in _HAN_DIGITS for c in numeral):
        return int("".join(str(_HAN_DIGITS[c]) for c in numeral))
    for character in numeral:
        if character in _HAN_DIGITS:
            digit = _HAN_DIGITS[character]
        elif (factor := _HAN_FACTORS[character]) >= 10**4:
            total, section, digit = total + (section + digit or 1) * factor, 0, 0
        else:
            section, digit = section + (digit or 1) * factor, 0
    return total + section + digit


def written(value: float) -> str:
    """The canonical form of a value: 1000, 2.5, -5."""
    return f"{value:.12g}"
