"""The options of an explanation, each stated once as a field.

The fields give the arguments of `explain()` and `estimate()`, the options of `smile-trace explain`,
the settings' `[explain]` and `[explain."prompt:NAME"]`, and what is stored with each explanation. A
new option is a field in the first class whose places it belongs to, and its use. Standard library
only, because the command line shows its help without loading anything else.
"""

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

if TYPE_CHECKING:
    import re

    from smile_trace.attribution import AnySolver, AnyUnit
    from smile_trace.explaining.options import AnyModel, AnyScorer

    Texts = str | Sequence[str]
else:
    Texts = str | tuple[str, ...]  # what a record makes of a list


@dataclass(frozen=True)
class About:
    """The descriptions of an option, and how the command line takes it.

    Attributes:
        argument: in Python's help.
        option: in the command line's; None if it is no option there.
        setting: of `[explain]`.
        of_some: of `[explain."prompt:NAME"]`; None if that table has no such setting.
        typed: its type at the command line, if not the field's.
    """

    argument: str
    option: str | None = None
    setting: str | None = None
    of_some: str | None = None
    typed: Any = None
    metavar: str | None = None
    least: int | None = None


@dataclass(frozen=True, kw_only=True)
class SettableOptions:
    """Options that are written alike everywhere: arguments, options, settings, stored."""

    signal: Annotated[
        Literal["auto", "text", "probability"],
        About(
            "compare the answers as texts, or by the probability of the given answer.",
            "How answers are compared.",
            "What is compared: the answers' texts, or the probability of the logged answer, which "
            "few servers give; `auto` takes the probability where the model can score a whole "
            "answer.",
            "What is compared.",
        ),
    ] = "auto"
    distance: Annotated[
        str,
        About(
            "compare texts by `content` (what is left out or contradicted), by `words` (word by "
            "word), or by a distance of their word vectors (`wasserstein` or another of "
            "`smile_trace.attribution.distance_names()`).",
            "Compare texts by content (left out, contradicted), by words (word by "
            "word), or by a distance of their word vectors: wasserstein, "
            "sliced_wasserstein, word_movers, cosine, energy, mmd, wasserstein_1d, "
            "kolmogorov_smirnov, kuiper, cramer_von_mises, anderson_darling or dts.",
            "How texts are compared: by `content` (what is left out or contradicted), `words`, "
            "or a distance of word vectors: `wasserstein` or another that `smile-trace explain "
            "--help` lists.",
            "How texts are compared.",
            metavar="NAME",
        ),
    ] = "content"
    answer_part: Annotated[
        str | None,
        About(
            "explain only this part of the answer: a sentence or some words as they are in "
            "it (their first occurrence); a field of a JSON answer by its path (`$.city`, "
            "`$.items[0].name`); in a tool call, `tool` (which one is called) or an argument "
            "(`$.number`); `reasoning`, what the model wrote before its answer. Most of its "
            "calls are those of the whole answer, and are not paid for twice.",
            "Explain only this part of the answer: a text as it is in the answer, a field of "
            "a JSON answer ('$.city'), or the reasoning before the answer (reasoning).",
            "The only part of the answer that is explained: a text, a JSON path (`$.city`) "
            "in JSON answers, or `reasoning`. An answer without it is explained as a whole, "
            "with a note.",
            "The part of the answer that is explained.",
        ),
    ] = None
    contains: Annotated[
        Texts | None,
        About(
            "what the answer should have said: a text, looked for whatever its case and white "
            "space, a pattern (`/refund/`), or a list of them, all of which it should say. "
            "The explanation shows what keeps the answer from saying it, and looks for the "
            "smallest removal with which it does; if the answer does say it, it shows what "
            "that depends on.",
            "What the answer should have said, a text or a /PATTERN/: shows what prevents "
            "it, and which removal would allow it; repeatable.",
            "What every answer should say, a text, a `/pattern/` or a list of them; the "
            "explanation shows what keeps an answer from it.",
            "What every answer should say.",
            typed=list[str] | None,
            metavar="TEXT",
        ),
    ] = None
    avoid: Annotated[
        Texts | None,
        About(
            "what the answer should not have said, texts or patterns; as with `contains`.",
            "What the answer should not have said, a text or a /PATTERN/; repeatable.",
            "What no answer should say, a text, a `/pattern/` or a list of them.",
            "What no answer should say.",
            typed=list[str] | None,
            metavar="TEXT",
        ),
    ] = None
    seed: Annotated[
        int,
        About(
            "decides which parts are removed together.",
            "Seed that decides which parts are removed together.",
            "Decides the perturbations: same seed, same answers, same explanation.",
        ),
    ] = 0


@dataclass(frozen=True, kw_only=True)
class StoredOptions(SettableOptions):
    """The settable options, and those that are stored but no setting."""

    expected: Annotated[
        str | None,
        About(
            "what the answer should have been; as with `contains`, but measured by how much "
            "of it an answer says. With a field as `answer_part` (`$.team`), what that field "
            "should be, as JSON "
            '(`3` is a number, `"3"` a text) or else as a text; `contains` and `avoid` '
            "then apply to that field alone.",
            "What the answer should have been: shows what prevents it, and which removal "
            "would allow it. With --answer-part '$.team': what that field should be.",
            metavar="TEXT",
        ),
    ] = None

    until_settled: Annotated[
        int | None,
        About(
            "continue beyond the budget, up to so many calls, while a part is neither named "
            "nor excluded; not with a proxy.",
            "Continue beyond the budget, up to MAX calls, while a part is neither named nor "
            "excluded.",
            metavar="MAX",
            least=4,
        ),
    ] = None

    @property
    def target(self) -> dict[str, Any]:
        """What the answer should have been, by the option that says it; empty if the logged answer
        is explained."""
        given = {name: getattr(self, name) for name in TARGETS}
        return {name: value for name, value in given.items() if value not in (None, ())}


@dataclass(frozen=True, kw_only=True)
class AllOptions(StoredOptions):
    """All options, also those that settings and records hold in another form."""

    unit: Annotated[
        "AnyUnit",
        About(
            "what is removed at a time: `auto` (the prompt's structure first, then the sentences "
            "and words of what matters; of a short prompt its words), `word`, `sentence`, "
            "`section` (by headings, XML elements, labels, numbered items or blank lines), "
            "`message`, `variable`; or `example`, `document`, `tool` (a definition), "
            "`tool_result`, `media` (an image or file), `cell` (of an image), `reasoning` (of "
            "earlier turns), `turn`, `step` (a call of tools with its results), a compiled "
            "pattern (each match is a unit) or spans of your own (`(start, end)`, "
            "`(message, start, end)` or texts), with the rest of the prompt retained.",
            "What is removed at a time: auto, word, sentence, section, message, variable, "
            "example, document, tool, tool_result, media, cell, reasoning, turn, step, or "
            "the matches of a /PATTERN/; by default the unit of the settings (\\[explain]), "
            "or auto.",
            typed=str,
            metavar="UNIT",
        ),
    ] = "auto"
    protect: Annotated[
        "Sequence[str | re.Pattern[str]]",
        About(
            "what is never removed: roles, exact texts, compiled patterns.",
            "A role, a text or a /PATTERN/ that is never removed; repeatable.",
            typed=list[str] | None,
        ),
    ] = ()
    scorer: Annotated[
        "AnyScorer | None",
        About(
            "what says whether an answer is right: a function of the answer that returns True, "
            "False or a number from 0 to 1 (right from 0.9 on), a scorer of `mlflow.genai`, or the "
            "name of a model of the settings, which judges it; MLflow's and a judge are also given "
            "the request, and what is `expected`. Each distinct answer is scored once.",
            "Scores whether an answer is right, as with --contains: a function of the answer "
            "(module:function, from this folder), or a model from the settings that judges "
            "it (against --expected, if given).",
            typed=str | None,
            metavar="NAME",
        ),
    ] = None
    budget: Annotated[
        int | None,
        About(
            "the most calls to the model, retries and the unperturbed prompt included; ≥ 4. By "
            "default 80 where texts are compared and the prompt has more than a dozen words, "
            "else 40.",
            "Maximum number of calls to the model; by default 80 where texts are compared and the "
            "prompt has more than a dozen words, else 40; for a path 240, or 640 with a target.",
            least=4,
        ),
    ] = None
    proxy: Annotated[
        "AnyModel | None",
        About(
            "a cheaper model that answers most perturbations, at most 200, in place of the model, "
            "which is then asked at most 20 times (16 with a larger budget). A local one, such as "
            '`"demo"`, scores the given answer, whichever model gave it.',
            "A cheaper model from the settings, or demo, that answers most requests in place "
            "of the model, which is then asked at most 20 times.",
            typed=str | None,
        ),
    ] = None
    solver: Annotated[
        "AnySolver",
        About(
            "what is fitted to the answer changes: `process` (a Gaussian process), `smile` "
            "(SMILE's weighted ridge), a regressor of scikit-learn or a solver of your own; not "
            "with a proxy.",
            "What is fitted to the answer changes: process (a Gaussian process) or smile (SMILE's "
            "weighted ridge).",
            typed=str,
            metavar="NAME",
        ),
    ] = "process"


RENAMED = {"part": "answer_part"}
"""Options of release 0.2 whose name is another one now."""

TARGETS = ("expected", "contains", "avoid", "scorer")
"""Options that say what the answer should have been."""


class OldName(DeprecationWarning):
    """An option is given by its name of release 0.2, which the next release no longer takes."""


def by_new_names(given: Mapping[str, Any], where: str = "", *, caller: int = 1) -> dict[str, Any]:
    """Options by their names of today, with an OldName for each that has another one. `where`: what
    stands before a name where it is written: `--`, `explain.`; `caller`: how many calls up the one
    stands that the warning points at."""
    found = {RENAMED.get(name, name): value for name, value in given.items()}
    for old, new in RENAMED.items():
        if old in given:
            told = f"{where}{old} is now called {where}{new}".replace(
                "_", "-" if where == "--" else "_"
            )
            warnings.warn(told, OldName, stacklevel=caller + 1)
    return found


def described(options: type[SettableOptions]) -> Iterator[tuple[str, Any, Any, About]]:
    """Name, type, default and description of each option, the widest class's own first."""
    held = {field.name: field for field in fields(options)}
    for name in (name for part in options.__mro__ for name in inspect.get_annotations(part)):
        kind, about = get_args(held[name].type)
        yield name, kind, held[name].default, about


def shared(held: object, options: type[SettableOptions]) -> dict[str, Any]:
    """The values of those options in settings, a record or other options."""
    return {field.name: getattr(held, field.name) for field in fields(options)}


def listed_texts(given: Texts | None) -> tuple[str, ...] | None:
    """One text or several as several; None for none."""
    return (given,) if isinstance(given, str) else tuple(given or ()) or None


def unusual(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they are written, without those that have their default."""
    defaults = {field.name: field.default for field in fields(AllOptions)} | {"protect": []}
    return {name: value for name, value in asked.items() if value != defaults.get(name)}


LISTS = ("protect", "contains", "avoid")
"""Options that may be given several times."""


def written_options(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """The options as they are written at the command line; None if one cannot be written: a Model,
    a solver, spans."""
    found: dict[str, Any] = {}
    for name, value in options.items():
        if name in LISTS and value is not None:
            found[name] = [_text(item) for item in ([value] if isinstance(value, str) else value)]
        elif value is not None:
            found[name] = _text(value)
    plain = (str, int, float)
    single = (value for name, value in found.items() if name not in LISTS)
    return found if all(isinstance(value, plain) for value in single) else None


def _text(value: Any) -> Any:
    """A pattern as `/…/`, anything else as it is."""
    return f"/{value.pattern}/" if hasattr(value, "pattern") else value
