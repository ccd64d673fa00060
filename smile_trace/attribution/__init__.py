"""The science: a Study asks a prompt with segments removed (ablated) and estimates their effects.
Pure functions and classes: no I/O but the word vectors of an installed wheel, no clock, no asyncio.
The exchangeable parts are protocols: `Study`, `Partitioner`, `Distance` and `Solver`."""

from smile_trace.attribution.answer_change.distances import (
    Distance,
    distance_named,
    distance_names,
    register_distance,
)
from smile_trace.attribution.answer_span import AnswerSpanNotFound, find_answer_span
from smile_trace.attribution.estimation.regressor_solver import (
    AnySolver,
    Regressor,
    RegressorSolver,
    name_of_solver,
    solver_of,
)
from smile_trace.attribution.estimation.solver import Solver, Surrogate
from smile_trace.attribution.perturbation_study import PerturbationStudy
from smile_trace.attribution.proxy_study import Proxy, ProxyStudy
from smile_trace.attribution.reporting.segments import document_attributions, measured_at
from smile_trace.attribution.segmentation.partitioner import Partitioner
from smile_trace.attribution.segmentation.units import (
    ROLES,
    AnyUnit,
    CannotExplain,
    unmatched_protections,
    written,
)
from smile_trace.attribution.study import Answered, Study
from smile_trace.attribution.word_vectors import Embed, VectorTable

__all__ = [
    "ROLES",
    "AnswerSpanNotFound",
    "Answered",
    "AnySolver",
    "AnyUnit",
    "CannotExplain",
    "Distance",
    "Embed",
    "Partitioner",
    "PerturbationStudy",
    "Proxy",
    "ProxyStudy",
    "Regressor",
    "RegressorSolver",
    "Solver",
    "Study",
    "Surrogate",
    "VectorTable",
    "distance_named",
    "distance_names",
    "document_attributions",
    "find_answer_span",
    "measured_at",
    "name_of_solver",
    "register_distance",
    "solver_of",
    "unmatched_protections",
    "written",
]
