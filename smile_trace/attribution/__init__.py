"""The science: a Study asks a prompt with parts left out and finds which parts matter.

Pure functions; no I/O but the word vectors of an installed wheel, no clock, no asyncio.
"""

from smile_trace.attribution.freezing import ROLES, freezing_nothing
from smile_trace.attribution.part import NoSuchPart, find_part
from smile_trace.attribution.proxied import Proxy, ProxyStudy
from smile_trace.attribution.study import Study
from smile_trace.attribution.units import AnyUnit, CannotExplain, written
from smile_trace.attribution.vectors import Embed

__all__ = [
    "ROLES",
    "AnyUnit",
    "CannotExplain",
    "Embed",
    "NoSuchPart",
    "Proxy",
    "ProxyStudy",
    "Study",
    "find_part",
    "freezing_nothing",
    "written",
]
