"""The science: a Study asks a prompt with parts left out and finds which parts matter.

Pure functions; no I/O but the word vectors of an installed wheel, no clock, no asyncio.
"""

from smile_trace.attribution.answer_span import AnswerSpanNotFound, find_answer_span
from smile_trace.attribution.proxy_study import Proxy, ProxyStudy
from smile_trace.attribution.segmentation.protection import ROLES, unmatched_protections
from smile_trace.attribution.segmentation.units import AnyUnit, CannotExplain, written
from smile_trace.attribution.study import Study
from smile_trace.attribution.word_vectors import Embed

__all__ = [
    "ROLES",
    "AnswerSpanNotFound",
    "AnyUnit",
    "CannotExplain",
    "Embed",
    "Proxy",
    "ProxyStudy",
    "Study",
    "find_answer_span",
    "unmatched_protections",
    "written",
]
