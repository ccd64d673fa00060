"""All explainers, in the order of the tables."""

from benchmarks.attribution.peers import (
    captum_,
    context_cite_,
    icx360_,
    larpie_,
    leave_one_out,
    lime_,
    llmshap_,
    ours,
    shap_,
    shapiq_,
    tokenshap_,
)
from benchmarks.attribution.peers.base import Explainer

EXPLAINERS: tuple[Explainer, ...] = (
    ours.EXPLAINER,
    leave_one_out.EXPLAINER,
    *captum_.EXPLAINERS,
    shap_.EXPLAINER,
    lime_.EXPLAINER,
    shapiq_.EXPLAINER,
    context_cite_.EXPLAINER,
    *icx360_.EXPLAINERS,
    tokenshap_.EXPLAINER,
    llmshap_.EXPLAINER,
    larpie_.EXPLAINER,
)
