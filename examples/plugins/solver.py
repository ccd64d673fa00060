"""Weighted least squares with a small penalty, as the surrogate of an explanation."""

import numpy as np

from smile_trace.attribution import PerturbationStudy, Surrogate
from smile_trace.records import ExplanationSettings, Message, Prompted, Response
from smile_trace_contracts.attribution import check_solver


class Line(Surrogate):
    """A linear surrogate: intercept + x · coefficients."""

    def __init__(self, intercept, coefficients):
        self._intercept = intercept
        self._coefficients = coefficients

    @property
    def segments(self):
        return len(self._coefficients)

    def predict(self, x):
        return self._intercept + x @ self._coefficients


class LeastSquares:
    """Solves min Σ w (b + x·c − y)² + λ‖c‖²."""

    def __init__(self, penalty=0.01):
        self._penalty = penalty

    def fit(self, design, y, weights=None):
        w = np.ones(len(y)) if weights is None else weights
        mean_x, mean_y = np.average(design, axis=0, weights=w), np.average(y, weights=w)
        x = design - mean_x
        gram = x.T @ (w[:, None] * x) + self._penalty * np.eye(x.shape[1])
        coefficients = np.linalg.solve(gram, x.T @ (w * (y - mean_y)))
        return Line(mean_y - mean_x @ coefficients, coefficients)


message = Message(role="user", content="Say the colour of the sea at noon, please.")
study = PerturbationStudy(
    Prompted(messages=(message,)),
    ExplanationSettings(model="planted"),
    answer="deep blue",
    signal="text",
    deterministic=True,
    remote=False,
    solver=LeastSquares(),
)
while perturbations := study.ask():
    texts = [" ".join(m.content for m in p.messages) for p in perturbations]
    answers = [Response(text="deep blue" if "sea" in text else "green grass") for text in texts]
    study.tell(zip(perturbations, answers, strict=True))
explanation = study.result()
assert explanation.ranked[0].text == "sea"
assert explanation.fidelity.r2_heldout > 0.9


def test_least_squares():
    check_solver(LeastSquares())


test_least_squares()
