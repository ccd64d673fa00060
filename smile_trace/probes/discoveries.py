"""What counts as found where many profiles are looked at together: a false-discovery rate. Pure."""

from collections.abc import Mapping, Sequence

from smile_trace._stats.false_discoveries import discovered
from smile_trace.probes.sampling import REPEATS

FALSE_DISCOVERIES = 0.1
"""The share of false findings among those of many profiles that is expected at most."""


def discoveries(profiles: Sequence[Mapping[str, float]]) -> list[frozenset[str]]:
    """The probes that are found in each of many profiles, as many as hold FALSE_DISCOVERIES.

    A profile's probes are a family, and its p-values are adjusted within it; so the smallest is
    that of "no probe of this call". The families are selected by Benjamini and Hochberg's rule
    (1995), and in those that are, R of m, each probe is held to the level R/m · FALSE_DISCOVERIES:
    the expected share of false findings, averaged over the selected families, is then at most
    FALSE_DISCOVERIES (Benjamini and Bogomolov 2014, theorem 1). The repeats, which are no part of a
    profile's adjustment, are a family of their own.

    Sequential sampling makes no p-value too small: where nothing differs, one of .1 or less comes
    in three of a hundred profiles (seeded test).

    Args:
        profiles: of each the adjusted p-values by probe; 1 for what sampling stopped for lack of
            changes.
    """
    families = [
        [p_value for name, p_value in one.items() if (name == REPEATS) == of_repeats]
        for one in profiles
        for of_repeats in (True, False)
    ]
    smallest = [min(family) for family in families if family]
    selected = int(discovered(smallest, FALSE_DISCOVERIES).sum())
    level = FALSE_DISCOVERIES * selected / max(len(smallest), 1)
    return [
        frozenset(name for name, p_value in one.items() if selected and p_value <= level)
        for one in profiles
    ]
