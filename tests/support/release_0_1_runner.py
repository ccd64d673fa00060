"""Runs a described case by the public interface. Names of smile-trace stand here and in the
planted store, and nowhere else: this is what a release that renames has to touch."""

import contextvars
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any
from unittest import mock

import smile_trace
from smile_trace.errors import SmileTraceError
from smile_trace.evaluation import MarkedPrompt, check_by_injection, faithfulness, measure
from smile_trace.explaining.cost_estimate import estimate
from smile_trace.explaining.options import ExplainOptions
from smile_trace.explaining.preparation import prepare
from smile_trace.models import Request
from smile_trace.models.openai_api.wire import completion_prompt
from smile_trace.records import Explanation, Response
from smile_trace.settings import Settings
from smile_trace.store import Store
from smile_trace.testing import RecordedModel
from smile_trace.worker.ingest import Ingest
from tests.support.planted_prompts import plant, settings_in
from tests.support.release_0_1 import DATA
from tests.support.release_0_1_models import says, scores
from tests.support.spooled import call_span, write_spool

Described = Mapping[str, Any]


class Planted:
    """A Model made from a description."""

    remote = False

    def __init__(self, described: Described) -> None:
        self.name = described.get("called", "planted")
        self.identity = described.get("identity")
        self.remote = described.get("remote", False)
        self._deterministic = described.get("deterministic", True)
        self._says = says(described["says"])

    def deterministic(self, parameters: dict[str, Any]) -> bool:
        """As it is described."""
        return bool(self._deterministic)

    async def generate(self, requests: Sequence[Request]) -> list[Response]:
        """One answer per request."""
        return [self._one(completion_prompt(r.messages), r.replicate) for r in requests]

    async def aclose(self) -> None:
        """Nothing to close."""

    def _one(self, prompt: str, draw: int) -> Response:
        try:
            return Response(text=self._says(prompt, draw))
        except ValueError as error:
            return Response(failure=str(error))


class Scoring(Planted):
    """One that scores a given answer, too."""

    def __init__(self, described: Described) -> None:
        super().__init__(described)
        self._scores = scores(described["scores"])
        self._tells_tokens = described["scores"].get("tells_tokens", True)

    async def score(self, requests: Sequence[Request], answer: str) -> list[Response]:
        """The answer's tokens with their log-probabilities."""
        return [self._scored(completion_prompt(r.messages), answer) for r in requests]

    def _scored(self, prompt: str, answer: str) -> Response:
        tokens, logs = self._scores(prompt, answer)
        told = tuple(tokens) if self._tells_tokens else None
        return Response(text=answer, tokens=told, logprobs=tuple(logs))


def run(case: Described) -> dict[str, Any]:
    """What comes of a case, by kind of document; an error that it is to raise is one, too."""
    return contextvars.Context().run(_run, case)


def _run(case: Described) -> dict[str, Any]:
    kind = case["kind"]
    with _apart() as home:
        _plant(case.get("stored", ()), home)
        _capture(case.get("captured", ()))
        try:
            document = _KINDS[kind](case)
        except (SmileTraceError, TypeError, ValueError) as error:
            return {"error": {"type": type(error).__name__, "message": _told(error, home)}}
    return {kind: document.model_dump(mode="json")}


def _told(error: Exception, home: Path) -> str:
    return str(error).replace(str(home), "HOME").replace(str(DATA), "DATA")


@contextmanager
def _apart() -> Iterator[Path]:
    """A home and a working directory of its own, without anybody's settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("SMILE_TRACE_")}
    told = {"SMILE_TRACE_EXPLAIN__DISTANCE": "words", "SMILE_TRACE_EXPLAIN__UNIT": "word"}
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, {**kept, **told, "SMILE_TRACE_HOME": folder}, clear=True),
        chdir(folder),
    ):
        yield Path(folder)


def _plant(stored: Sequence[Described], home: Path) -> None:
    if not stored:
        return
    store = Store.open(settings_in(home))
    for given in stored:
        options = dict(given)
        count, variables = options.pop("calls"), options.pop("variables")
        values = [{k: v.format(k=n) for k, v in variables.items()} for n in range(count)]
        place = [options.pop(name) for name in ("prompt", "version", "template")]
        plant(store, *place, values, **options)  # type: ignore[arg-type]
    store.close()


def _capture(captured: Sequence[Described]) -> None:
    """What an application left in the spool, and the worker read."""
    if not captured:
        return
    settings = Settings()
    write_spool(settings.spool, [call_span(**given) for given in captured])
    store = Store.open(settings)
    Ingest(store, settings).run()
    store.close()


def _explain(case: Described) -> Explanation:
    return smile_trace.explain(**_arguments(case["explain"]))


def _faithfulness(case: Described) -> Any:
    given = case["explain"]
    explanation = _explain(case)
    return faithfulness(explanation, _model(given["model"]), **case["faithfulness"])


def _measures(case: Described) -> Any:
    prompts = [
        MarkedPrompt(**{**given, "marked": tuple(given["marked"])}) for given in case["prompts"]
    ]
    return measure(prompts, _model(case["model"]), **case["measure"])


def _sanity_check(case: Described) -> Any:
    given = _arguments(case["explain"])
    options = {f.name: given.pop(f.name) for f in fields(ExplainOptions) if f.name in given}
    options["protect"] = tuple(options.get("protect", ()))
    return check_by_injection(
        prepare(given.pop("prompt"), Settings(), ExplainOptions(**options), **given)
    )


def _estimate(case: Described) -> Any:
    return estimate(**_arguments(case["explain"]))


def _comparison(case: Described) -> Any:
    given = dict(case["compare"])
    if "model" in given:
        given["model"] = _model(given["model"])
    if "draft" in given:
        given["file"] = Path("draft.txt")
        given["file"].write_text(given.pop("draft"), encoding="utf-8")
    return smile_trace.compare(**given)


def _replay(case: Described) -> Any:
    given = dict(case["replay"])
    if "model" in given:
        given["model"] = _model(given["model"])
    return smile_trace.replay(**given)


_KINDS = {
    "explanation": _explain,
    "faithfulness": _faithfulness,
    "measures": _measures,
    "sanity_check": _sanity_check,
    "estimate": _estimate,
    "comparison": _comparison,
    "replay": _replay,
}


def _arguments(described: Described) -> dict[str, Any]:
    """Arguments of `explain`; 0.1 removed words, and compared by what is now one distance."""
    given = {"unit": "word", "distance": "words", **described}
    if "prompt" in given:
        given["prompt"] = _prompt(given["prompt"])
    for name in ("model", "proxy"):
        if name in given:
            given[name] = _model(given[name])
    if "freeze" in given:
        given["protect"] = [_pattern(item) for item in given.pop("freeze")]
    if "unit" in given:
        given["unit"] = _unit(given["unit"])
    return given


def _prompt(described: Any) -> Any:
    if isinstance(described, list):
        return [{**message, "content": _text(message["content"])} for message in described]
    return _text(described)


def _text(described: Any) -> Any:
    if isinstance(described, str):
        return described
    made = smile_trace.Prompt(
        described["name"], version=described["version"], template=described["template"]
    )
    text = made.format(**described["variables"])
    return described.get("before", "") + text + described.get("after", "")


def _unit(described: Any) -> Any:
    if isinstance(described, list):
        return [item if isinstance(item, str) else tuple(item) for item in described]
    return _pattern(described)


def _pattern(described: Any) -> Any:
    return re.compile(described["pattern"]) if isinstance(described, dict) else described


def _model(described: Any) -> Any:
    """A function, a Model, one that scores, a recorded one, or a name."""
    if described is None or isinstance(described, str):
        return described
    match described["kind"]:
        case "function":
            answer = says(described["says"])

            def planted(prompt: str) -> str:
                return answer(prompt, 0)

            planted.__qualname__ = described.get("called", "planted")
            return planted
        case "recorded":
            deterministic = described.get("deterministic", True)
            return RecordedModel(DATA / described["file"], deterministic=deterministic)
        case "scoring":
            return Scoring(described)
    return Planted(described)
