"""One study of a driver case, its answers from the cache or the packaged model."""

from collections.abc import Callable, Sequence

from benchmarks.attribution.cases import Case
from benchmarks.attribution.question import Answering
from benchmarks.attribution.scores import TOKENS
from smile_trace.attribution import PerturbationStudy, Study
from smile_trace.records import (
    Explanation,
    ExplanationSettings,
    Message,
    Perturbation,
    Prompted,
    Response,
    Signal,
)

Answer = Callable[[Sequence[Perturbation]], list[Response]]


def explain(
    case: Case, signal: Signal, scores: Answering, *, answer: str, budget: int, seed: int
) -> Explanation:
    """The explanation of `answer` at temperature 0, at most `budget` distinct texts asked."""

    def ask(round_: Sequence[Perturbation]) -> list[Response]:
        texts = [text_of(row) for row in round_]
        return scores.score(texts, answer) if signal == "probability" else scores.generate(texts)

    settings = ExplanationSettings(model="demo", unit="word", budget=budget, seed=seed)
    study = PerturbationStudy(
        prompted(case.prompt, 0.0),
        settings,
        answer=answer,
        signal=signal,
        deterministic=True,
        remote=False,
    )
    return told(study, ask)


def told(study: Study, answer: Answer) -> Explanation:
    """The explanation of a study that is asked to its end."""
    while round_ := study.ask():
        study.tell(zip(round_, answer(round_), strict=True))
    return study.result()


def prompted(prompt: str, temperature: float) -> Prompted:
    """A prompt as it is asked: a text to be continued, TOKENS tokens."""
    parameters = {"temperature": temperature, "max_tokens": TOKENS}
    return Prompted(
        messages=(Message(role="user", content=prompt),),
        form="completion",
        parameters=parameters,
    )


def text_of(perturbation: Perturbation) -> str:
    """What is sent."""
    [message] = perturbation.messages
    return message.content


def attributions(explanation: Explanation) -> list[float]:
    """The strength of each word of the prompt, in its order."""
    return [s.strength for s in sorted(explanation.segments, key=lambda s: s.start)]
