"""The probes by name, and the choice among them."""

from collections.abc import Sequence

from smile_trace.errors import SmileTraceError
from smile_trace.probes.base import Probe
from smile_trace.probes.kinds.format import Format
from smile_trace.probes.kinds.grounding import Grounding
from smile_trace.probes.kinds.hijack import Hijack
from smile_trace.probes.kinds.length import Length
from smile_trace.probes.kinds.order import Order
from smile_trace.probes.kinds.paraphrase import Paraphrase
from smile_trace.probes.kinds.pushback import Pushback
from smile_trace.probes.kinds.stability import Stability
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
"""Those that come with smile-trace, in the order in which they are shown."""


def chosen(probes: Sequence[str | Probe] | None) -> list[Probe]:
    """The probes that were asked for, by name or as such; all of them by default.

    The two controls come first, whether they were asked for or not: nothing is reported without.

    Raises:
        SmileTraceError: there is no probe of that name, or two have one name.
    """
    known = {probe.words.name: probe for probe in PROBES}
    found = {name: known[name] for name in (REPEATS, PARAPHRASE)}
    for one in known if probes is None else probes:
        if isinstance(one, str) and one not in known:
            raise SmileTraceError(f"there is no probe {one!r}: take some of {', '.join(known)}")
        probe = known[one] if isinstance(one, str) else one
        name = probe.words.name
        if found.setdefault(name, probe) is not probe:
            raise SmileTraceError(f"two probes are called {name!r}: give yours another name")
    return list(found.values())
