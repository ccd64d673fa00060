"""The meanings of words in six languages: numbers, units, dates, negations, opposites."""

import math
import re
from collections.abc import Set
from functools import lru_cache

from smile_trace._text.telling_words import FUNCTION_WORDS, FUNCTION_WORDS_OF

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
ALSO_ENGLISH = frozenset(("hat", "war", "pour", "son", "hay", "era", "once", "elf", "seize"))
"""Function and number words of other languages that say something else in English."""

_ARTICLES = frozenset(("one", "un", "uno", "eins"))
"""Words for 1 that are more often pronouns and articles."""


def _table(words: str, tens: str) -> dict[str, int]:
    known = {word: k for k, word in enumerate(words.split())}
    known |= {word: 10 * k for k, word in enumerate(tens.split(), start=2)}
    return {word: value for word, value in known.items() if word not in _ARTICLES}


_NUMBERS_OF = dict(zip(("en", "de", "fr", "es"), map(_table, _WORDS, _TENS), strict=True))
_DIGITS = dict(zip("ein zwei drei vier fünf sechs sieben acht neun".split(), range(1, 10)))  # noqa: B905, SIM905
_NUMBERS_OF["de"] |= {
    f"{digit}und{word}": tens + k
    for digit, k in _DIGITS.items()
    for word, tens in zip(_TENS[1].split(), range(20, 100, 10), strict=True)
}
_NUMBERS = {
    word: value
    for known in _NUMBERS_OF.values()
    for word, value in known.items()
    if word not in ALSO_ENGLISH
}

_HAN_DIGITS = {**{c: k for k, c in enumerate("〇一二三四五六七八九")}, "零": 0, "两": 2, "両": 2}
_HAN_FACTORS = {"十": 10, "百": 100, "千": 1000, "万": 10**4, "亿": 10**8, "億": 10**8}
HAN_NUMERAL = re.compile(
    f"[{''.join(_HAN_DIGITS)}{''.join(_HAN_FACTORS)}]+"
    "(?=[人名個个本冊册页頁公米块塊元円天日年月週周階楼点點时時小分秒歳岁度位件杯次回台斤克キグセメ项])"
)
"""A numeral before what it counts; elsewhere these characters are parts of words (一番)."""

_GROUPED = re.compile(r"\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*")


def value_of_digits(written: str) -> float:
    """The value of digits with separators, without a sign: `1.250,50` is 1250.5. A separator before
    exactly three digits groups; the last of two kinds is the decimal one."""
    whole = _GROUPED.match(written)
    if whole and not written.startswith("0"):
        grouped = re.sub(r"\D", "", whole[0])
        rest = written[whole.end() :]
        return float(grouped + "." + rest[1:] if len(rest) > 1 else grouped)
    return float(written.replace("'", "").replace(" ", "").replace(",", "."))


def value_of_word(word: str, language: str | None = None) -> int | None:
    """The value of a number word in lower case, of the language if known; None if it is none."""
    known = _NUMBERS_OF.get(language or "", _NUMBERS)
    parts = [known.get(part) for part in word.split("-")]
    return None if None in parts else sum(p for p in parts if p is not None)


def factor_of_word(word: str) -> int | None:
    """The factor that a word applies to the number before it: 100 for `hundred`."""
    return _FACTORS.get(word)


def value_of_han(numeral: str) -> int:
    """The value of a Chinese numeral: 三百二十 is 320."""
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


def canonical(value: float) -> str:
    """The canonical form of a value: 1000, 2.5, -5."""
    return f"{value:.12g}"


_UNITS = {
    "ms": "ms millisecond milliseconds millisekunde millisekunden milliseconde millisecondes"
    " milisegundo milisegundos ミリ秒 毫秒",
    "s": "s sec second seconds sekunde sekunden seconde secondes segundo segundos 秒",
    "min": "min minute minutes minuten minuto minutos 分 分钟 分鐘",
    "h": "h hr hour hours stunde stunden std heure heures hora horas 時間 小时 小時",
    "day": "day days tag tage tagen jour jours día días 日間 天",
    "week": "week weeks woche wochen semaine semaines semana semanas 週間 周",
    "month": "month months monat monate monaten mois mes meses か月 ヶ月 个月",
    "year": "year years jahr jahre jahren an ans année années año años 年間",
    "mg": "mg milligram milligrams milligramm milligramme milligrammes miligramos ミリグラム 毫克",
    "g": "g gram grams gramm gramme grammes gramo gramos グラム 克",
    "kg": "kg kilo kilos kilogram kilograms kilogramm kilogramme kilogrammes kilogramo kilogramos"
    " キログラム 公斤 千克",
    "t": "t tonne tonnes tons tonnen toneladas トン 吨",
    "mm": "mm millimeter millimeters millimètres milímetros ミリメートル 毫米",
    "cm": "cm centimeter centimeters zentimeter centimètre centimètres centímetro centímetros"
    " センチメートル 厘米",
    "m": "m meter meters metre metres metern mètre mètres metro metros メートル 米",
    "km": "km kilometer kilometers kilometre kilometres kilometern kilomètre kilomètres kilómetro"
    " kilómetros キロメートル 公里",
    "ft": "ft foot feet",
    "mi": "mi mile miles meile meilen milles millas マイル 英里",
    "m²": "m² m2 quadratmeter",
    "ha": "ha hectare hectares hektar hectáreas ヘクタール 公顷",
    "ml": "ml milliliter milliliters millilitre millilitres mililitros ミリリットル 毫升",
    "cl": "cl", "dl": "dl",
    "l": "l liter liters litre litres litern litro litros リットル 升",
    "°C": "°c celsius", "°F": "°f fahrenheit", "°": "° degree degrees grad degré degrés grados 度",
    "KB": "kb", "MB": "mb", "GB": "gb", "TB": "tb",
    "%": "% percent prozent パーセント",
    "$": "$ usd dollar dollars dólar dólares ドル 美元", "€": "€ eur euro euros ユーロ 欧元",
    "£": "£ gbp pound pounds", "¥": "¥ jpy yen 円", "元": "元 块 rmb cny",
}  # fmt: skip

_CODES = "CHF NOK DKK PLN CZK HUF INR KRW BRL CAD AUD"

_UNITS |= {code: code.lower() for code in _CODES.split()}

CURRENCIES = frozenset(("$", "€", "£", "¥", *_CODES.split()))
"""Units that may stand before their number."""

_SYMBOLS = {name: symbol for symbol, names in _UNITS.items() for name in names.split()}

HAN_UNITS = sorted((n for n in _SYMBOLS if n[0] > "\u2fff"), key=len, reverse=True)
"""Names in scripts without spaces, longest first."""


_SCALES = {
    "ms": (0.001, "s"), "min": (60, "s"), "h": (3600, "s"), "day": (86400, "s"),
    "week": (604800, "s"), "year": (12, "month"),
    "mg": (0.001, "g"), "kg": (1000, "g"), "t": (10**6, "g"),
    "mm": (0.001, "m"), "cm": (0.01, "m"), "km": (1000, "m"), "ft": (0.3048, "m"),
    "mi": (1609.344, "m"), "ha": (10**4, "m²"),
    "ml": (0.001, "l"), "cl": (0.01, "l"), "dl": (0.1, "l"),
    "KB": (1000, "B"), "MB": (10**6, "B"), "GB": (10**9, "B"), "TB": (10**12, "B"),
}  # fmt: skip


def same_amount(one: tuple[float, str], other: tuple[float, str]) -> bool:
    """Whether two values with units are the same amount: 2 h are 120 min."""
    (value, base), (again, other_base) = (
        (value * factor, base)
        for value, unit in (one, other)
        for factor, base in [_SCALES.get(unit, (1, unit))]
    )
    return base == other_base and math.isclose(value, again)


def unit_of(word: str) -> str | None:
    """The symbol of a unit's name in lower case; None if it is none."""
    return _SYMBOLS.get(word)


_MONTHS = (
    "january januar janvier enero jan", "february februar février febrero feb",
    "march märz mars marzo", "april avril abril apr", "may mai mayo", "june juni juin junio jun",
    "july juli juillet julio jul", "august août agosto aug",
    "september septembre septiembre sept sep", "october oktober octobre octubre oct okt",
    "november novembre noviembre nov", "december dezember décembre diciembre dec dez",
)  # fmt: skip
_WEEKDAYS = (
    "monday montag lundi lunes 月曜 星期一 周一", "tuesday dienstag mardi martes 火曜 星期二 周二",
    "wednesday mittwoch mercredi miércoles 水曜 星期三 周三",
    "thursday donnerstag jeudi jueves 木曜 星期四 周四",
    "friday freitag vendredi viernes 金曜 星期五 周五",
    "saturday samstag samedi sábado 土曜 星期六 周六",
    "sunday sonntag dimanche domingo 日曜 星期日 周日",
)  # fmt: skip
_HALVES = {
    "am": "a.m. am morgens vormittags matin 午前 上午 早上",
    "pm": "p.m. pm nachmittags abends 午後 下午 晚上",
}

MONTHS = {name: k for k, names in enumerate(_MONTHS, start=1) for name in names.split()}
WEEKDAYS = {name: k for k, names in enumerate(_WEEKDAYS) for name in names.split()}
WEEKDAYS |= {f"{name}s": k for name, k in WEEKDAYS.items() if name[0] < "\u2fff"}
HALVES = {name: half for half, names in _HALVES.items() for name in names.split()}

HAN_DATE = re.compile(r"(?:(\d{4})年)?(\d{1,2})月(?:(\d{1,2})日)?")


def date_key(year: int | None, month: int | None, day: int | None) -> str:
    """`2025-03-31`, with a question mark for each part that is not said."""
    return "-".join("?" if part is None else str(part) for part in (year, month, day))


def compatible(one: str, other: str) -> bool:
    """Whether two dates (or times of day) can be the same: no part that both say differs."""
    parts = zip(one.split("-"), other.split("-"), strict=False)
    return all(a == b or "?" in (a, b) for a, b in parts)


_KANA, _HAN = re.compile("[\u3041-\u30ff]"), re.compile("[\u4e00-\u9fff]")


def language_of(text: str, words: list[str]) -> str | None:
    """`en`, `de`, `fr`, `es`, `ja` or `zh`; None if nothing tells."""
    if _KANA.search(text):
        return "ja"
    if _HAN.search(text):
        return "zh"
    telling = [word for word in words if word in FUNCTION_WORDS]
    counts = {
        name: sum(0.5 if word in ALSO_ENGLISH else 1.0 for word in telling if word in known)
        for name, known in FUNCTION_WORDS_OF.items()
    }
    best = max(counts.values())
    found = [name for name, count in counts.items() if count == best]
    return found[0] if best >= 1 and len(found) == 1 else None


HAN_NEGATION = re.compile("ません|ない(?!と)|なかった|ずに|不(?![同久错])|没有|没|未|别(?![人的])")
REMINDER = re.compile(
    r"(?:\bnot|n['’]t|\bnever)\s+(?:to\s+)?(?:forget|hesitate)\b"
    r"|\b(?:vergiss|vergess|zöger)\w*(?:\s+\w+){0,2}?\s+nicht\b|\bnicht\s+(?:zu\s+)?(?:vergess|zöger)\w*"
    r"|\b(?:n['’]|ne\s+pas\s+)(?:oubli|hésit)\w*(?:\s+pas\b)?|\bno\s+(?:se\s+)?(?:olvid|dud)\w+"
    r"|(?:别|勿|不要|不)忘[记了]?|忘れ(?:ないで|ずに|ず)",
    re.IGNORECASE,
)
"""Negations that deny nothing: *do not forget*."""

HAN_APOLOGY = re.compile("すみません|申し訳(?:あり|ござい)ません")

_PARTICLE = re.compile(
    r"\W*(?:(?P<yes>yes|indeed|absolutely|certainly|definitely|of course|exactly|sure|correct"
    r"|that is (?:right|correct|true)"
    r"|ja|genau|natürlich|klar|selbstverständlich|das stimmt|oui|si|bien sûr|tout à fait"
    r"|sí|claro|por supuesto|はい|その通りです|是的|对|当然)"
    r"|no|(?:absolutely|certainly|definitely|of course) not|not at all"
    r"|nein|natürlich nicht|auf keinen fall|non|pas du tout|bien sûr que non"
    r"|claro que no|いいえ|不是|当然不)\s*(?:[,.!:;、。，]+\s*|$)",
    re.IGNORECASE,
)


def split_particle(text: str) -> tuple[bool | None, str]:
    """The yes (True) or no (False) that an answer begins with, and the rest of it."""
    found = _PARTICLE.match(text)
    return (found["yes"] is not None, text[found.end() :]) if found else (None, text)


_OPPOSITES = (
    ("true wahr richtig vrai verdader verdad correct korrekt cierto 正确 正しい 真",
     "false falsch faux fals incorrect wrong erróne 错误 間違 假"),
    ("positive positiv positif positivo 积极 肯定", "negative negativ négatif negativo 消极 否定"),
    ("safe sicher sûr segur 安全", "unsafe dangerous gefährlich dangereu peligros 危険 危险"),
    ("open offen geöffnet öffne ouvert ouvre abiert abre abrir 開 开放 开门",
     "close geschlossen schließt fermé ferme cerrad cierra 閉 关"),
    ("increas rise rose rising grew grow gestiegen steig augment hauss sub aument 増 增 上升 up",
     "decreas fell fall drop declin gesunken sink gefallen baiss dimin baja bajar dismin 減 减 下降"
     " down"),
    ("high höher hoch haut élevé alt 高", "low lower niedrig tief bas bajo 低"),
    ("more mehr plus más greater 多", "less fewer weniger moins menos 少"),
    ("tall large long big bigger groß größ lang läng grand 大 长 長",
     "short small little klein kurz kürz petit court pequeñ corto 小 短"),
    ("old older älter vieux viejo 老", "young younger jung jünger jeune joven 年轻"),
    ("fast quick schnell rapid rápid 快", "slow langsam lent 慢"),
    ("heavy heavier schwer lourd pesad 重", "light lighter leicht léger liger 轻"),
    ("warm hot heiß chaud calient 热", "cold cool kalt froid frío 冷"),
    ("against gegen contre contra", "for für pour favor"),
    ("on above over inside", "off below under outside"),
    ("left links gauche izquierd 左", "right rechts droit derech 右"),
    ("approve accept genehmigt angenommen approuv accept aprob acept 承認 批准 同意",
     "reject refuse deny denie declin abgelehnt refus rejet rechaz deneg 却下 拒"),
    ("good gut bon bonne buen great excellent besser better 良 好",
     "bad schlecht mauvais mal malo terrible poor worse schlechter 悪 差 坏"),
    ("cheap billig günstig barat 安い 便宜",
     "expensive teuer cher chère caro cara 高い 贵"),
    ("success succeed erfolg réussi éxito 成功", "fail gescheitert échou fracas 失敗 失败"),
    ("depart leav sail arriv deliver dispatch shipp stattfind fährt geliefert livré entregad",
     "cancel annul storniert abgesagt entfällt supprimé anulad"),
    ("available verfügbar disponib", "unavailable soldout ausverkauft épuisé agotad"),
    ("always immer toujours siempre 総是", ""),
    ("before bevor vor avant antes 前", "after nach après después 后 後"),
    ("enable allow permit erlaubt autoris permit 許可 允许",
     "disable forbid prohibit verboten interdit prohib 禁止"),
    ("east östlich est este 東 东", "west westlich ouest oeste 西"),
    ("early früh tôt temprano punctual pünktlich ponctuel puntual 早",
     "late spät tard tarde delay verspät retard retras 晚 遅"),
    ("✓ ✔ ✅", "✗ ✘ ❌"), ("👍", "👎"), ("←", "→"), ("↑", "↓"),
)  # fmt: skip
"""Stems by axis: an affirming pole and its opposite, in six languages."""

_EXCLUDING = (
    ("and und et y e", "or oder ou o u"), ("asc", "desc"),
    ("from since von ab seit depuis dès desde", "to for until till bis nach jusque hasta"),
    ("in", "out"), ("once", "twice"), ("if wenn si", "unless"), ("only nur", "also auch"),
    ("he him his er il él", "she her hers sie elle ella"),
    ("can may kann dürfen können peut puede", "must muss müssen doit debe"),
)  # fmt: skip
"""Words that exclude each other only in the same place: *to Rome*, *from Rome*."""

_EXCLUDED_BY = {
    word: frozenset(others.split())
    for poles in _EXCLUDING
    for words, others in (poles, poles[::-1])
    for word in words.split()
}


def excluded_by(word: str) -> frozenset[str]:
    """The words that cannot be said for one in lower case: *or* for *and*."""
    return _EXCLUDED_BY.get(word, frozenset())


_STEMS = [
    (stem, axis, pole)
    for axis, poles in enumerate(_OPPOSITES)
    for pole, stems in zip((1, -1), poles, strict=True)
    for stem in stems.split()
]
_BY_FIRST: dict[str, list[tuple[str, int, int]]] = {}
for _entry in sorted(_STEMS, key=lambda entry: -len(entry[0])):
    _BY_FIRST.setdefault(_entry[0][0], []).append(_entry)

_ENDING = 4
"""Characters that may follow a stem."""

_PREFIXES = ("un", "in", "im", "ir", "il", "dis", "non", "des", "dés", "mé", "a")


@lru_cache(maxsize=4096)
def opposite_axis(word: str) -> tuple[int, int] | None:
    """The axis and the pole (1 or -1) of a word in lower case; None if it has none."""
    for stem, axis, pole in _BY_FIRST.get(word[:1], ()):
        if word == stem or (
            len(stem) > 3 and word.startswith(stem) and len(word) - len(stem) <= _ENDING
        ):
            return axis, pole
    return None


def denied_by_prefix(words: Set[str], others: Set[str]) -> bool:
    """Whether a word of one set is a word of the other with a denying prefix: *safe*, *unsafe*."""
    return any(
        word[len(prefix) :] in plain
        for plain, denied in ((words, others), (others, words))
        for word in denied
        if word.startswith(_PREFIXES)
        for prefix in _PREFIXES
        if word.startswith(prefix) and len(word) > len(prefix) + 3
    )
