"""The words of a text that say most, and those that say little in any."""

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

_FUNCTION_WORDS = {
    "en": "the a an is are was were be been of to in on at for and or with by from as it its this"
    " that there which you your i we they he she his her their has have had do does will would can"
    " so if than then about around please also just very",
    "de": "der die das den dem des ein eine einen einem einer ist sind war wurde werden wird und"
    " oder mit von zu zum zur im am auf für aus bei als es sie er ich wir ihr ihre ihren hat haben"
    " kann sich bitte etwa rund auch bis um so dass",
    "fr": "le la les un une des du de à au aux et ou est sont était été il elle on nous vous je ce"
    " cette ces se que qui dans en sur pour par avec a ont faut votre vos peut environ",
    "es": "el la los las un una unos de a y o es son era fue en con por para que se su sus lo al"
    " del hay ha han está como más tu",
}
FUNCTION_WORDS_OF = {name: frozenset(words.split()) for name, words in _FUNCTION_WORDS.items()}
"""By language: `en`, `de`, `fr`, `es`."""
FUNCTION_WORDS = frozenset().union(*FUNCTION_WORDS_OF.values())
NEGATIONS = frozenset(
    """not no never none nothing neither nor nobody nowhere without avoid avoids
    nicht kein keine keinen keinem keiner keines nie niemals nichts niemand ohne weder vermeiden
    ne pas jamais aucun aucune rien sans ni évitez éviter
    no nunca jamás nada ningún ninguna ninguno sin tampoco evite evitar""".split()  # noqa: SIM905
)

_MOST = 1000
"""Characters of a text that are looked at."""
_FEWEST, _SHORT = 4, 3
"""Fewest words to choose from; characters of a word that says little by itself."""
_WORD = re.compile(r"\w+(?:[-'’./,:]\w+)*")


def telling(text: str) -> frozenset[str]:
    """The words of a text, in lower case, that say something, its numbers among them."""
    return frozenset(m[0].lower() for m in _WORD.finditer(text)) - FUNCTION_WORDS


def telling_words(text: str, longest: int, *, wanted: Collection[str] = ()) -> str | None:
    """The words of a text that say most, in their order, with … for those left out between them; at
    most `longest` characters, at least half as many. None if it has few words, as without spaces,
    or they say little. `wanted`: words in lower case that are kept before all others; then come
    numbers and negations, then the longest. Function words and other short ones are left out."""
    words = [m[0] for m in _WORD.finditer(text[:_MOST])]
    if len(words) < _FEWEST:
        return None

    def is_strong(word: str) -> bool:
        return word in wanted or word in NEGATIONS or any(map(str.isdigit, word))

    lower = [word.lower() for word in words]
    content = [
        k
        for k, word in enumerate(lower)
        if is_strong(word) or (len(word) > _SHORT and word not in FUNCTION_WORDS)
        if word not in lower[:k]
    ]
    order = sorted(
        content,
        key=lambda k: (lower[k] in wanted, is_strong(lower[k]), len(lower[k])),
        reverse=True,
    )
    kept: list[int] = []
    for k in order:
        if len(_said(words, content, sorted([*kept, k]))) <= longest:
            kept.append(k)
    said = _said(words, content, sorted(kept))
    return said if len(said) >= longest / 2 else None


def _said(words: Sequence[str], content: Sequence[int], kept: Sequence[int]) -> str:
    """The kept words; … stands for content that is left out between them."""
    places = [content.index(k) for k in kept]
    gaps = [" … " if j - i > 1 else " " for i, j in pairwise(places)]
    return "".join(f"{words[k]}{gap}" for k, gap in zip(kept, [*gaps, ""], strict=False))
