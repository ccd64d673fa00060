"""smile-trace: a Study that is asked to its end, words as segments, coarse to fine where long."""

import re

import numpy as np

from benchmarks.attribution.peers.base import Explainer
from benchmarks.attribution.question import Array, Question
from smile_trace.attribution import PerturbationStudy
from smile_trace.records import Explanation, ExplanationSettings, Message, Prompted


def study(question: Question, calls: int, seed: int, distance: str | None = None) -> Explanation:
    """The Explanation of a question at `calls` calls, its texts compared by another distance."""
    compared = {} if distance is None else {"distance": distance}
    case = question.case
    messages = (Message(role="user", content=case.prompt),)
    under_way = PerturbationStudy(
        Prompted(
            messages=messages,
            form="completion",
            parameters={"temperature": 0},
            answer_cut=question.signal == "text",  # four tokens
        ),
        ExplanationSettings(model="demo", unit="word", budget=calls, seed=seed, **compared),
        answer=question.answer,
        signal=question.signal,
        protect=(re.compile(re.escape(case.protect) + r"\Z"),) if case.protect else (),
        deterministic=True,
        remote=False,
    )
    while perturbations := under_way.ask():
        texts = [perturbation.messages[0].content for perturbation in perturbations]
        under_way.tell(zip(perturbations, question.responses(texts), strict=True))
    return under_way.result()


def explain(question: Question, calls: int, seed: int, distance: str | None = None) -> Array:
    """The strength of the segment that each word lies in."""
    explanation = study(question, calls, seed, distance)
    scores = np.zeros(len(question.case.words))
    at = 0
    for k, word in enumerate(question.case.words):
        start = question.case.prompt.index(word, at)
        at = start + len(word)
        for segment in explanation.segments:
            if segment.start <= start < segment.end:
                scores[k] = segment.strength
    return scores


EXPLAINER = Explainer("smile-trace", "smile-trace", "smile_trace", explain)
