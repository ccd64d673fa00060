"""The choice of the variants asked next, and when to stop: few calls for a stable prompt. Pure.

Every probe has its first four variants. If none of them changes the answer, it stops there; the
probe that changed it most goes on, in stages, and stops as soon as little happens. It must *not*
stop for a change: whether there are enough is looked at once, at the end of its stages, so that
looking often does not make findings out of luck. The only exception is evidence so strong (p ≤
EARLY) that it hardly adds to the error rate (Haybittle and Peto).

If nothing changed under the controls, eleven answers are enough against eight; otherwise sixteen
are asked against twelve.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import scipy  # type: ignore[import-untyped]

from smile_trace.probes.inference import ALPHA, Between, Count, Stage, against_both_controls

REPEATS, PARAPHRASE = "stability", "paraphrase"

FIRST = 4
"""Calls of every probe before anything is decided."""

STAGES = (Stage(FIRST, 0, FIRST), Stage(7, 0, 6), Stage(11, 2, 12))
"""The stages after which a probe may stop: after four answers if none or all changed, after eleven
if at most two did. The upper ends are those of EARLY if no control changed. A stop after seven with
one change would save 3 of 48 calls if one answer in twenty changes by itself, and lose one in sixty
of the probes that change every second answer."""

ENOUGH, MOST = 11, 16
"""Answers of a probe if no control changed, and if one did."""

CONTROLS, MOST_CONTROLS = 8, 12
"""Answers of the main control that stand against these."""

EARLY = 0.01
"""The p-value from which a probe is found before its stages end."""

UNSTABLE = 0.1
"""The share of repeats that may get another answer before the prompt counts as unstable."""


def stages_of(asked: int) -> tuple[Stage, ...]:
    """Return where the sampling of a probe with so many answers could stop: nowhere if it has as
    many as a control, which was asked on whatever it showed."""
    return () if asked in (CONTROLS, MOST_CONTROLS) else STAGES


@dataclass
class Sampling:
    """The answers to each probe so far, and the choice of the next ones; `available` is how many
    answers each probe can have (its distinct variants), `between` counts them."""

    available: Mapping[str, int]
    between: Between

    def count(self, name: str) -> Count:
        """Return a probe's own answers."""
        return self.between(name, name)

    def next(self, left: int) -> dict[str, int]:
        """Return how many more answers each probe needs, within the `left` calls of the budget;
        empty if there is nothing to gain."""
        wanted = self._first() or self._further()
        asked = {}
        for name, number in wanted.items():
            if (number := min(number, left)) > 0:
                asked[name] = number
                left -= number
        return asked

    def p_values(self) -> dict[str, float]:
        """Return the p-value of every probe: that its rate is no larger than those of its controls;
        for the repeats, that at most UNSTABLE of them change."""
        found = dict(
            against_both_controls(
                tuple(self.available), self.between, repeats=REPEATS, paraphrase=PARAPHRASE
            )
        )
        if REPEATS in self.available:
            changed, asked = self.count(REPEATS)
            found[REPEATS] = (
                float(scipy.special.bdtrc(changed - 1, asked, UNSTABLE)) if changed else 1.0
            )
        return found

    def found(self) -> Collection[str]:
        """Return the probes that may be reported at the end: not those that stopped for lack of
        changes. If the budget ended before a probe's stages did, this is its one look, too."""
        p_values = self.p_values()
        return [
            name
            for name, p_value in p_values.items()
            if p_value <= ALPHA and not self._is_stopped(name)
        ]

    def is_over(self, name: str) -> bool:
        """Whether a probe has had all answers that its stages allow."""
        count = self.count(name)
        if count.asked >= self.available[name] or self._is_stopped(name):
            return True
        if name == REPEATS:
            return count.asked >= ENOUGH
        enough = count.asked >= ENOUGH and self._has_control(name, CONTROLS)
        return count.asked >= MOST or (enough and self._controls_agree(name))

    def _first(self) -> dict[str, int]:
        return {
            name: min(FIRST, available)
            for name, available in self.available.items()
            if available and not self.count(name).asked
        }

    def _further(self) -> dict[str, int]:
        p_values = self.p_values()
        open_ = [
            name for name in self.available if not self.is_over(name) and p_values[name] > EARLY
        ]
        if not open_:
            return {}
        name = max(open_, key=lambda one: self.count(one).rate)
        count, control = self.count(name), self._control(name)
        more = {}
        if control is not None and count.asked >= STAGES[1].asked:
            more_of_both = count.asked >= ENOUGH and self._has_control(name, CONTROLS)
            wanted = MOST_CONTROLS if more_of_both else CONTROLS
            if (missing := self._missing(control, wanted)) > 0:
                more[control] = missing
            if count.asked == ENOUGH and wanted == CONTROLS:
                return more  # whether it changed decides how many more are asked
        later = [stage.asked for stage in STAGES if stage.asked > count.asked]
        more[name] = self._missing(name, later[0] if later else MOST)
        return more

    def _missing(self, name: str, wanted: int) -> int:
        return min(wanted, self.available[name]) - self.count(name).asked

    def _is_stopped(self, name: str) -> bool:
        changed, asked = self.count(name)
        passed = [stage for stage in STAGES if stage.asked <= asked]
        return bool(passed) and changed <= passed[-1].stop

    def _control(self, name: str) -> str | None:
        if name == REPEATS:
            return None
        control = REPEATS if name == PARAPHRASE else PARAPHRASE
        return control if control in self.available else None

    def _has_control(self, name: str, wanted: int) -> bool:
        control = self._control(name)
        return control is None or self._missing(control, wanted) <= 0

    def _controls_agree(self, name: str) -> bool:
        controls = [REPEATS] if name == PARAPHRASE else [REPEATS, PARAPHRASE]
        return not any(self.between(name, one).changed for one in controls)
