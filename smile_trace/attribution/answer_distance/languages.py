"""Which language a short text is in, as far as comparing names and function words needs it."""

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
FUNCTION_WORDS = frozenset(w for words in _FUNCTION_WORDS.values() for w in words.split())
_SETS = {name: frozenset(words.split()) for name, words in _FUNCTION_WORDS.items()}


def language_of(text: str, words: list[str]) -> str | None:
    """`en`, `de`, `fr`, `es`, `ja`, `zh`; None where nothing tells."""
    if any("\u3041" <= c <= "\u30ff" for c in text):
        return "ja"
    if any("\u4e00" <= c <= "\u9fff" for c in text):
        return "zh"
    counts = {name: sum(w in known for w in words) for name, known in _SETS.items()}
    best = max(counts.values())
    found = [name for name, count in counts.items() if count == best]
    return found[0] if best and len(found) == 1 else None
