"""Negations, yes and no, and opposites: what turns an answer around.

An opposite counts as a denial of its counterpart, so that *closed* and *not open* agree.
"""

import re
from collections.abc import Set
from functools import lru_cache

NEGATIONS = frozenset(
    """not no never none nothing neither nor nobody nowhere without avoid avoids
    nicht kein keine keinen keinem keiner keines nie niemals nichts niemand ohne weder vermeiden
    ne pas jamais aucun aucune rien sans ni évitez éviter
    no nunca jamás nada ningún ninguna ninguno sin tampoco evite evitar""".split()  # noqa: SIM905
)
HAN_NEGATION = re.compile("ません|ない(?!と)|なかった|ずに|不(?![同久错])|没有|没|未|别(?![人的])")
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
    ("always immer toujours siempre 総是", ""),
    ("before bevor vor avant antes 前", "after nach après después 后 後"),
    ("enable allow permit erlaubt autoris permit 許可 允许",
     "disable forbid prohibit verboten interdit prohib 禁止"),
    ("east östlich est este 東 东", "west westlich ouest oeste 西"),
    ("early früh tôt temprano 早", "late spät tard tarde 晚 遅"),
)  # fmt: skip
"""Stems by axis: an affirming pole and its opposite, in six languages."""

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
    """The axis and the pole (1 or -1) of a word in lower case; None where it has none."""
    for stem, axis, pole in _BY_FIRST.get(word[:1], ()):
        if word == stem or (
            len(stem) > 3 and word.startswith(stem) and len(word) - len(stem) <= _ENDING
        ):
            return axis, pole
    return None


def denied_by_prefix(words: Set[str], others: Set[str]) -> bool:
    """Whether a word of the one is a word of the other with a denying prefix: *safe*, *unsafe*."""
    return any(
        prefix + word in denied
        for plain, denied in ((words, others), (others, words))
        for word in plain
        if len(word) > 3
        for prefix in _PREFIXES
    )
