"""The probes by name, ours and those of other packages, and the choice among them."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.metadata import entry_points

from smile_trace.errors import SmileTraceError
from smile_trace.probes.base import Probe
from smile_trace.probes.kinds.additions import Length, Pushback
from smile_trace.probes.kinds.contexts import Grounding, Hijack, Order
from smile_trace.probes.kinds.phrasing import Format, Paraphrase, Stability
from smile_trace.probes.kinds.swap import Swap
from smile_trace.probes.sampling import PARAPHRASE, REPEATS

PROBES: tuple[Probe, ...] = (
    Stability(),
    Paraphrase(),
    Format(),
    Order(),
    Length(),
    Grounding(),
    Pushback(),
    Swap(),
    Hijack(),
)
"""The probes that come with smile-trace, in the order in which they are shown."""

GROUP = "smile_trace.probes"
"""The entry points' group: each gives a Probe, as `smile_trace.probe` makes one, or its class."""


@lru_cache(maxsize=1)
def installed_probes() -> Mapping[str, Probe]:
    """Return our probes and those of other packages, by name. Raises SmileTraceError: two have the
    same name."""
    known = {probe.words.name: probe for probe in PROBES}
    for entry in entry_points(group=GROUP):
        loaded = entry.load()
        probe: Probe = loaded() if isinstance(loaded, type) else loaded
        if known.setdefault(probe.words.name, probe) is not probe:
            raise SmileTraceError(
                f"two probes are called {probe.words.name!r}: uninstall {entry.value}"
            )
    return known


def chosen(probes: Sequence[str | Probe] | None) -> list[Probe]:
    """Return the requested probes; all by default. The two controls come first, requested or not:
    nothing is reported without them. Raises SmileTraceError if there is no probe of that name, or
    two have the same name."""
    known = installed_probes()
    found = {name: known[name] for name in (REPEATS, PARAPHRASE)}
    for one in known if probes is None else probes:
        if isinstance(one, str) and one not in known:
            raise SmileTraceError(f"there is no probe {one!r}: use {', '.join(known)}")
        probe = known[one] if isinstance(one, str) else one
        name = probe.words.name
        if found.setdefault(name, probe) is not probe:
            raise SmileTraceError(f"two probes are called {name!r}: give yours another name")
    return list(found.values())
