"""What trackers say of a profile."""

from smile_trace.probes import PROBES
from smile_trace.testing.samples import HOSTILE, sample_profile, sample_trace
from smile_trace.trackers import ProfiledCall
from smile_trace.trackers.names import PROBE, PROBED
from smile_trace.trackers.probe_scores import probe_scores


def test_forgetting_looks_for_every_probe() -> None:
    assert set(PROBED) == {PROBE + probe.words.name for probe in PROBES}


def test_what_was_asked_is_told_with_its_worst_variant() -> None:
    trace = sample_trace(HOSTILE)
    [call] = trace.calls
    item = ProfiledCall(trace=trace, call=call, profile=sample_profile(call), traced_as="t")
    stable, reworded = probe_scores(item)
    assert (stable.name, stable.value, stable.status) == ("smile.stability", 0.0, "no effect seen")
    assert stable.said.endswith("The answer stays: Paris")
    assert (reworded.name, reworded.value, reworded.status) == (
        "smile.paraphrase",
        1.0,
        "changes it",
    )
    assert "The prompt: {+Hello! +}" in reworded.said
    assert not {"\x1b", "\x00", "\u202e"} & set(reworded.said)
    assert len(reworded.said) < 2000
