"""The wording of a request: asked again, in other words, in another format."""

import random
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from smile_trace.probes.base import Variant, Words
from smile_trace.probes.passages import (
    MOST_VARIANTS,
    VariantProbe,
    applied,
    instructions,
    mapped,
    mixtures,
    question,
    text_at,
)
from smile_trace.records import Message, Prompted

_SAME = (
    (r"\bdo not\b", "don't"), (r"\bdon't\b", "do not"), (r"\bcannot\b", "can't"),
    (r"\bcan't\b", "cannot"), (r"\bis not\b", "isn't"), (r"\bisn't\b", "is not"),
    (r"\bdoes not\b", "doesn't"), (r"\bdoesn't\b", "does not"), (r"\bwhat is\b", "what's"),
    (r"\bwhat's\b", "what is"), (r"\bfor example\b", "for instance"), (r"\bmust\b", "have to"),
    (r"\bin order to\b", "to"), (r"\bgive me\b", "provide me with"),
    (r"\btell me\b", "let me know"), (r"\bsuch as\b", "like"), (r"\bshort\b", "brief"),
    (r"\bbrief\b", "short"),
    (r"\bbuy\b", "purchase"), (r"\bhelp\b", "assist"), (r"\bbelow\b", "that follows"),
    (r"\bbased on\b", "going by"), (r"\bshow\b", "display"),
)  # fmt: skip

_AROUND = {
    "en": (
        ("Hello. ", "Please help me with this. ", "I have a request. ", "Hi, I need your help. ",
         "Here is what I would like to know. ", "Good morning. "),
        (" Thank you.", " Thanks in advance.", " Thank you for your help."),
    ),
    "de": (
        ("Hallo. ", "Bitte helfen Sie mir dabei. ", "Ich habe ein Anliegen. ", "Guten Tag. ",
         "Ich möchte Folgendes wissen. "),
        (" Danke.", " Vielen Dank im Voraus.", " Danke für die Hilfe."),
    ),
    "fr": (
        ("Bonjour. ", "J'ai besoin d'aide. ", "Voici ma demande. ", "Aidez-moi, s'il vous plaît. "),
        (" Merci.", " Merci d'avance.", " Merci pour votre aide."),
    ),
    "es": (
        ("Hola. ", "Necesito ayuda con esto. ", "Tengo una consulta. ", "Buenos días. "),
        (" Gracias.", " Gracias de antemano.", " Gracias por su ayuda."),
    ),
}  # fmt: skip
"""Phrases to put before and after a request, by language."""

_COMMON = {
    "en": "the a is of to and in what how please you it for are do can i my",
    "de": "der die das ist und in ein eine zu nicht wie was bitte ich sie den mit für auf",
    "fr": "le la les est et un une des que pour dans je vous quel quelle du en",
    "es": "el la los es y un una de que para en yo cuál qué por con del",
}


class Paraphrase(VariantProbe):
    """Whether other words of the same meaning change the answer: the second control of all other
    probes. Rules rewrite the request: contractions, synonyms, a greeting, thanks. Documents and
    examples stay."""

    words = Words(
        name="paraphrase",
        title="Other words",
        found="Other words with the same meaning change the answer.",
        none="Other words with the same meaning leave the answer as it is.",
        needs="a question in English, German, French or Spanish",
        source="POSIX (2410.02185); ProSA (2410.12405)",
        cannot_say="how free rewording would do: rules reach little further than a greeting and a "
        "synonym",
    )

    def made(self, call: Prompted, draw: random.Random) -> Iterator[Variant]:
        """Make variants with one to three changes of wording each, in a random order."""
        texts = " ".join(text_at(call, part) for part in instructions(call))
        language = language_of(texts)
        if question(call) is None or language is None:
            return
        before, after = _AROUND[language]
        rules = [
            (f"“{found[0]}” → “{_alike(found[0], new)}”", partial(_reworded, old, new))
            for old, new in _SAME
            if language == "en" and (found := re.search(old, texts, re.IGNORECASE))
        ]
        rules += [(f"“{lead.strip()}” before it", partial(_prefixed, lead)) for lead in before]
        rules += [(f"“{tail.strip()}” after it", partial(_suffixed, tail)) for tail in after]
        for chosen in mixtures(len(rules), draw):
            yield Variant(
                _apply(call, [rules[k][1] for k in chosen]),
                "; ".join(rules[k][0] for k in chosen),
            )


def language_of(text: str) -> str | None:
    """Return a text's language by its most common words; None if it has no rewrites here."""
    words = re.findall(r"[^\W\d_]+", text.casefold())
    scores = {name: sum(word in told.split() for word in words) for name, told in _COMMON.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] else None


def _apply(call: Prompted, changes: Sequence["partial[str]"]) -> tuple[Message, ...]:
    around = [change for change in changes if change.func is not _reworded]
    inside = [change for change in changes if change.func is _reworded]
    reworded = mapped(call, instructions(call), partial(applied, changes=inside))
    new = call.model_copy(update={"messages": reworded})
    place = question(new)
    assert place is not None
    return mapped(new, [place], partial(applied, changes=around))


def _reworded(old: str, new: str, text: str) -> str:
    return re.sub(old, lambda match: _alike(match[0], new), text, flags=re.IGNORECASE)


def _alike(old: str, new: str) -> str:
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _prefixed(lead: str, text: str) -> str:
    return lead + text.lstrip()


def _suffixed(tail: str, text: str) -> str:
    return text.rstrip() + tail


class Stability(VariantProbe):
    """How often the very same request gets another answer: the noise floor of all other probes."""

    words = Words(
        name="stability",
        title="Asked again",
        found="Asked again, the same request often gets another answer.",
        none="Asked again, it gets the same answer.",
        needs="a model that can be asked twice",
        source="Farquhar et al., Nature 2024 (semantic entropy)",
        cannot_say="whether the answer is right: a model can be wrong in the same words each time",
    )

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """Return the request itself, drawn anew."""
        return [
            Variant(call.messages, "the same request, asked again", replicate=seed * 1000 + k)
            for k in range(1, MOST_VARIANTS + 1)
        ]


def _replacing(old: str, new: str) -> Callable[[str], str]:
    return lambda text: re.sub(old, new, text, flags=re.MULTILINE)


def _labels(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: re.sub(
        r"^([^\W\d_][\w ]{0,30})(?=:)", lambda match: change(match[0]), text, flags=re.MULTILINE
    )


CHANGES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("a blank line between paragraphs dropped", _replacing(r"\n[ \t]*\n+", "\n")),
    ("every line break doubled", _replacing(r"(?<!\n)\n(?!\n)", "\n\n")),
    ("labels in capitals", _labels(str.upper)),
    ("labels in small letters", _labels(str.lower)),
    ("“ - ” behind labels", _replacing(r"^([^\W\d_][\w ]{0,30}): ?", r"\1 - ")),
    ("a line break behind labels", _replacing(r"^([^\W\d_][\w ]{0,30}): ?", r"\1:\n")),
    ("“*” for list marks", _replacing(r"^([ \t]*)[-•] ", r"\1* ")),
    ("“-” for list marks", _replacing(r"^([ \t]*)[*•] ", r"\1- ")),
    ("“1)” for “1.”", _replacing(r"^([ \t]*\d+)\. ", r"\1) ")),
    ("“1.” for “1)”", _replacing(r"^([ \t]*\d+)\) ", r"\1. ")),
    ("headings one level lower", _replacing(r"^(#+) ", r"#\1 ")),
    ("without bold", _replacing(r"\*\*([^*\n]+)\*\*", r"\1")),
    ("two spaces behind sentences", _replacing(r"(?<=[.!?]) (?=\S)", "  ")),
    ("lines indented", _replacing(r"^(?=\S)", "  ")),
    ("a line break before it", lambda text: f"\n{text}"),
    ("two line breaks after it", lambda text: f"{text}\n\n"),
    ("a space before the question mark", _replacing(r"(?<=\w)\?", " ?")),
    ("a line for each sentence", _replacing(r"(?<=[.!?]) (?=\S)", "\n")),
    ("without the last full stop", _replacing(r"\.\s*\Z", "")),
    ("straight quotes", lambda text: re.sub("[“”„]", '"', re.sub("[‘’]", "'", text))),
    ("typographic apostrophes", _replacing(r"(?<=\w)'(?=\w)", "’")),
)
"""Changes of format that keep the words and their order."""


class Format(VariantProbe):
    """Whether separators, list marks, the case of labels and white space change the answer."""

    words = Words(
        name="format",
        title="Another format",
        found="The answer depends on separators, marks and white space.",
        none="Separators, marks and white space do not matter.",
        needs="an instruction or a question",
        source="Sclar et al. 2023, FormatSpread (2310.11324)",
        cannot_say="which format is best: it looks for a difference, not for the right answer",
    )

    def made(self, call: Prompted, draw: random.Random) -> Iterator[Variant]:
        """Make variants with one to three changes each, in a random order."""
        places = instructions(call)
        texts = [text_at(call, place) for place in places]
        usable = [c for c in CHANGES if any(c[1](text) != text for text in texts)]
        for chosen in mixtures(len(usable), draw):
            reformat = partial(applied, changes=[usable[k][1] for k in chosen])
            told = "; ".join(usable[k][0] for k in chosen)
            yield Variant(mapped(call, places, reformat), told)
