"""Paraphrase: the same request in other words."""

import random
import re
from collections.abc import Iterator, Sequence
from functools import partial

from smile_trace.probes.base import Answer, Variant, Words, says_another_thing
from smile_trace.probes.passages import (
    applied,
    distinct,
    edited,
    instructions,
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
"""Wordings that mean the same in a request, as a pattern and what stands in its place."""

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
"""By language: what may stand before a request and after it."""

_COMMON = {
    "en": "the a is of to and in what how please you it for are do can i my",
    "de": "der die das ist und in ein eine zu nicht wie was bitte ich sie den mit für auf",
    "fr": "le la les est et un une des que pour dans je vous quel quelle du en",
    "es": "el la los es y un una de que para en yo cuál qué por con del",
}
"""The words by which a language is recognised."""


class Paraphrase:
    """Whether other words of the same meaning change the answer: the second control of the others.

    The rewrites are made by rules that keep the meaning: contractions, synonyms of requests,
    a greeting, thanks. Documents and examples stay.
    """

    words = Words(
        name="paraphrase",
        title="Other words",
        found="Other words of the same meaning change the answer.",
        none="Other words of the same meaning leave the answer as it is.",
        needs="a question in English, German, French or Spanish",
        source="POSIX (2410.02185); ProSA (2410.12405)",
        cannot_say="how free rewording does: rules reach little further than a greeting and a "
        "synonym",
    )
    own_measure = False

    def variants(self, call: Prompted, seed: int) -> list[Variant]:
        """One to three changes of wording in each, in a random order."""
        return distinct(call, self._rewritten(call, random.Random(seed)))

    def measure(self, answers: Sequence[Answer]) -> list[bool]:
        """Whether the answer says another thing."""
        return says_another_thing(answers)

    def _rewritten(self, call: Prompted, draw: random.Random) -> Iterator[Variant]:
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
    """The language of a text, of those whose rewrites are known, by its most common words."""
    words = re.findall(r"[^\W\d_]+", text.casefold())
    scores = {name: sum(word in told.split() for word in words) for name, told in _COMMON.items()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] else None


def _apply(call: Prompted, changes: Sequence["partial[str]"]) -> tuple[Message, ...]:
    """Wordings are changed in all instructions, what stands around it at the question."""
    around = [change for change in changes if change.func is not _reworded]
    inside = [change for change in changes if change.func is _reworded]
    places = instructions(call)
    reworded = edited(call, [(p, applied(text_at(call, p), inside)) for p in places])
    new = call.model_copy(update={"messages": reworded})
    place = question(new)
    assert place is not None
    return edited(new, [(place, applied(text_at(new, place), around))])


def _reworded(old: str, new: str, text: str) -> str:
    return re.sub(old, lambda match: _alike(match[0], new), text, flags=re.IGNORECASE)


def _alike(old: str, new: str) -> str:
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _prefixed(lead: str, text: str) -> str:
    return lead + text.lstrip()


def _suffixed(tail: str, text: str) -> str:
    return text.rstrip() + tail
