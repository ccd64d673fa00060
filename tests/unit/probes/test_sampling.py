"""Which probes are asked next, and when they stop, on counts alone."""

from smile_trace.probes.inference import Count
from smile_trace.probes.sampling import Sampling

AVAILABLE = dict.fromkeys(("stability", "paraphrase", "order", "swap"), 16)


def sampling(**counts: tuple[int, int]) -> Sampling:
    given = {name: Count(*counts.get(name, (0, 0))) for name in AVAILABLE}
    return Sampling(AVAILABLE, lambda probe, other: given[other])


UNCHANGED = {"stability": (0, 4), "paraphrase": (0, 4), "swap": (0, 4)}


def test_every_probe_has_four_answers_first_controls_before_the_others() -> None:
    assert sampling().next(40) == dict.fromkeys(AVAILABLE, 4)
    assert sampling().next(10) == {"stability": 4, "paraphrase": 4, "order": 2}


def test_where_nothing_changed_nothing_more_is_asked() -> None:
    assert sampling(**UNCHANGED, order=(0, 4)).next(40) == {}


def test_what_changed_goes_on_in_stages_and_the_control_with_it() -> None:
    assert sampling(**UNCHANGED, order=(1, 4)).next(40) == {"order": 3}
    assert sampling(**UNCHANGED, order=(1, 7)).next(40) == {"paraphrase": 4, "order": 4}
    unchanged = UNCHANGED | {"paraphrase": (0, 8)}
    assert sampling(**unchanged, order=(2, 11)).next(40) == {}
    assert sampling(**unchanged, order=(3, 11)).next(40) == {}
    assert sampling(**unchanged, order=(3, 11)).found() == ["order"]


def test_where_a_control_changes_more_is_asked_of_both() -> None:
    loud = UNCHANGED | {"paraphrase": (1, 8)}
    assert sampling(**loud, order=(4, 11)).next(40) == {"paraphrase": 4, "order": 5}


def test_strong_evidence_ends_it_early() -> None:
    loud = sampling(**UNCHANGED, order=(4, 4))
    assert loud.next(40) == {}
    assert loud.found() == ["order"]


def test_what_stopped_for_lack_of_changes_is_not_reported() -> None:
    unchanged = UNCHANGED | {"paraphrase": (0, 12)}
    assert not sampling(**unchanged, order=(2, 11)).found()


def test_repeats_are_unstable_where_clearly_more_than_a_tenth_change() -> None:
    assert sampling(**(UNCHANGED | {"stability": (4, 10)}), order=(0, 4)).found() == ["stability"]
    assert not sampling(**(UNCHANGED | {"stability": (1, 4)}), order=(0, 4)).found()
