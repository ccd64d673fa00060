"""How faithful explanations are: curves, gSMILE's measures, and the check by injection."""

import logging
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pytest

import smile_trace
from smile_trace.evaluation import (
    MarkedPrompt,
    check_by_injection,
    estimate_check,
    faithfulness,
    measure,
    most_calls,
)
from smile_trace.evaluation.gsmile import _fidelity
from smile_trace.evaluation.injection import (
    METHODS,
    NEUTRAL,
    InjectedPrompt,
    inject_example,
    inject_instruction,
)
from smile_trace.explaining import explain
from smile_trace.explaining.options import Question
from smile_trace.explaining.preparation import Prepared, prepare
from smile_trace.records import (
    Explanation,
    Media,
    Message,
    Prompted,
    TextPart,
    ToolCall,
    ToolResult,
)
from smile_trace.records.evaluation import Faithfulness, Measures
from smile_trace.settings import Settings
from tests.support.planted import PlantedModel, copying

pytestmark = pytest.mark.thorough

QUICK = "the quick brown fox dog"


@pytest.fixture(scope="module")
def fox() -> tuple[Explanation, Faithfulness]:
    """An explanation whose only driver is one word, and its curves."""
    model = PlantedModel(copying("fox"))
    explanation = smile_trace.explain(QUICK, model=model)
    return explanation, faithfulness(explanation, model)


def test_curves_of_a_single_driving_word(fox):
    found = fox[1]
    n = found.segments
    assert found.steps == tuple(range(n + 1))
    assert found.attribution.deletion == (1.0, *[0.0] * n)
    assert found.attribution.insertion == (0.0, *[1.0] * n)
    assert found.attribution.deletion_auc == pytest.approx(0.5 / n)
    assert found.attribution.insertion_auc == pytest.approx(1 - 0.5 / n)
    assert found.attribution.drops == {1: 1.0, 3: 1.0, 5: 1.0}
    assert found.leave_one_out.deletion_auc == found.attribution.deletion_auc
    # A random order meets the word in the middle, on average.
    assert 0.2 < found.random.deletion_auc < 0.8
    assert "faster than in a random order" in found.summary
    assert Faithfulness.model_validate_json(found.model_dump_json()) == found


def test_the_plot_is_a_self_contained_svg(fox):
    svg = fox[1].to_svg()
    lines = ElementTree.fromstring(svg).findall(".//{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 6
    assert all(len(line.get("points").split()) == len(fox[1].steps) for line in lines)
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert fox[1]._repr_html_() == svg


def test_a_reversed_order_is_worse_than_random(fox):
    turned = tuple(s.model_copy(update={"own_effect": -s.strength}) for s in fox[0].segments)
    wrong = fox[0].model_copy(update={"segments": turned})
    found = faithfulness(wrong, PlantedModel(copying("fox")))
    assert found.attribution.deletion_auc > found.random.deletion_auc
    assert found.attribution.insertion_auc < found.random.insertion_auc
    assert found.leave_one_out.deletion_auc < found.random.deletion_auc
    assert "no faster than" in found.summary


def test_same_seed_same_figures(fox):
    one, two, other = (
        faithfulness(fox[0], PlantedModel(copying("fox")), seed=seed) for seed in (1, 1, 2)
    )
    assert one == two
    assert one.random != other.random


def test_calls_are_bounded_and_cached(caplog):
    model = PlantedModel(copying("fox"))
    model.identity = "kept for the curves"  # its answers are cached, as those of the settings are
    explanation = smile_trace.explain(QUICK, model=model)
    before = len(model.asked)
    most = most_calls(explanation, orders=2)
    with pytest.raises(ValueError, match=f"{most} times"):
        faithfulness(explanation, model, orders=2, budget=most - 1)
    assert len(model.asked) == before
    with caplog.at_level(logging.INFO, "smile_trace.evaluation.curves"):
        found = faithfulness(explanation, model, orders=2, budget=most)
    assert f"at most {most} times" in caplog.text
    assert len(model.asked) - before == found.calls <= most
    assert found.cached_calls > 0  # the unperturbed prompt at least
    again = faithfulness(explanation, model, orders=2)
    assert len(model.asked) - before == found.calls
    assert again.calls == 0


def test_leave_one_out_has_no_more_calls_than_the_explanation():
    words = [f"w{i}" for i in range(40)]
    words[30] = "fox"
    model = PlantedModel(copying("fox"))
    explanation = smile_trace.explain(" ".join(words), model=model, budget=30)
    found = faithfulness(explanation, model, orders=1)
    assert len(found.steps) <= 21
    assert found.steps[0] == 0
    assert found.steps[-1] == found.segments
    assert set(found.attribution.drops) == {1, 3, 5}
    assert found.calls <= most_calls(explanation, orders=1)


@pytest.mark.slow
def test_the_noise_floor_of_a_nondeterministic_model():
    noisy = iter(range(10**6))

    def model(prompt):
        return f"fox number {next(noisy)}" if "fox" in prompt.split() else "nothing at all"

    planted = PlantedModel(model, deterministic=False)
    found = faithfulness(smile_trace.explain(QUICK, model=planted), planted, orders=3)
    assert found.noise_floor > 0
    assert found.attribution.deletion_auc < found.random.deletion_auc


def test_failed_calls_are_interpolated():
    def model(prompt):
        if prompt.split() == ["fox"]:
            raise ValueError("no luck")
        return copying("fox")(prompt)

    planted = PlantedModel(model)
    found = faithfulness(smile_trace.explain(QUICK, model=planted), planted)
    assert found.attribution.insertion[1] is None
    assert 0 <= found.attribution.insertion_auc <= 1


def test_protected_segments_stay_and_the_part_of_the_answer_counts():
    def model(prompt):
        words = prompt.split()
        return ("red fox" if "fox" in words else "no one") + (
            " and a dog" if "dog" in words else " and the sea"
        )

    planted = PlantedModel(model)
    explanation = smile_trace.explain(
        "the fox and the dog", model=planted, protect=["the"], answer_part="and a dog"
    )
    planted.asked.clear()
    found = faithfulness(explanation, planted)
    assert found.segments == 3
    assert found.attribution.drops[1] > 0.6
    assert found.attribution.insertion[1] == 1.0  # with the protected words alone besides
    assert all("the" in r.messages[0].content.split() for r in planted.asked)


PROMPTS = [
    MarkedPrompt(QUICK, ("fox",)),
    MarkedPrompt("a fox and small fox", ("fox",), changed="A fox ran."),
]


def test_a_model_that_depends_on_the_marked_word():
    found = measure(PROMPTS, PlantedModel(copying("fox")), repeats=2)
    one, two = found.prompts
    assert one.accuracy == two.accuracy == 1.0
    assert one.stability == two.stability == 1.0
    assert one.consistency < 0.001
    assert one.deletion_auc < one.random_deletion_auc
    assert one.insertion_auc > one.random_insertion_auc
    assert one.weighted_r2 > 0.9
    assert one.calls <= 40
    assert found.mean("accuracy") == 1.0
    assert Measures.model_validate_json(found.model_dump_json()) == found


def test_a_model_that_depends_on_another_word():
    [found] = measure(PROMPTS[:1], PlantedModel(copying("dog")), repeats=1).prompts
    assert found.accuracy < 0.9  # that word stands above; where the others stand is chance


def test_what_is_undefined_is_none():
    everything = MarkedPrompt("fox dog", ("fox", "dog"))
    [found] = measure([everything], PlantedModel(copying("fox")), repeats=1).prompts
    assert found.accuracy is None
    assert found.consistency is None
    assert Measures(prompts=(found,)).mean("accuracy") is None


@pytest.mark.slow
def test_draws_that_differ_show_in_the_consistency():
    noise = np.random.default_rng(0)

    def model(prompt):
        return "yes indeed" if "fox" in prompt and noise.random() < 0.7 else "no"

    planted = PlantedModel(model, deterministic=False)
    [found] = measure(PROMPTS[:1], planted, repeats=2, budget=16).prompts
    assert found.consistency > 0.001


def test_the_fidelity_is_the_formula_of_the_paper():
    explanation = explain(PROMPTS[0].prompt, model=PlantedModel(copying("fox")))
    r2, mse, mae = _fidelity(explanation)
    rows = [o for o in explanation.perturbations if o.shift is not None]
    x = 1.0 - np.array([o.mask for o in rows], dtype=float)
    y = np.array([o.shift for o in rows])
    fox = [s.text for s in explanation.segments].index("fox")
    assert np.allclose(y, x[:, fox])  # linear: the surrogate can be right
    assert r2 > 0.95
    assert 0 <= mse < 0.02
    assert mse <= mae < 0.2


PROMPT = "say what the quick brown fox does today"


@pytest.fixture(scope="module", autouse=True)
def _no_settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("nothing")
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        patched.setenv("SMILE_TRACE_HOME", str(folder / "home"))
        yield


def prepared(model, prompt=PROMPT, parameters=None, **options) -> Prepared:
    return prepare(Question(prompt, model=model, parameters=parameters, **options), Settings())


def following(prompt: str) -> str:
    """Follows instructions."""
    told = {"Begin", "answer", "PELICAN."} <= set(prompt.split())
    return f"{'PELICAN: ' if told else ''}{'it jumps' if 'fox' in prompt else 'nothing'}"


def continuing(prompt: str) -> str:
    """Only repeats what followed the same words before."""
    return " PELICAN. And so on" if "today PELICAN." in prompt else " it jumps"


@pytest.mark.parametrize("unit", ["sentence", pytest.param("word", marks=pytest.mark.slow)])
def test_a_model_that_follows_instructions_passes(unit):
    model = PlantedModel(following)
    checked = check_by_injection(prepared(model, unit=unit))
    assert checked.outcome == "passed", checked.reason
    assert checked.injected == "Begin your answer with the word PELICAN."
    assert checked.injected_attribution > 0.3
    assert abs(checked.neutral_attribution) < 0.1  # type: ignore[arg-type]
    assert len(model.asked) == checked.calls <= 40


def test_a_model_that_only_continues_passes():
    model = PlantedModel(continuing)
    checked = check_by_injection(prepared(model))
    assert checked.outcome == "passed", checked.reason
    assert checked.injected == "say what the quick brown fox does today PELICAN."
    assert checked.calls <= 40


def failing(prompt: str) -> str:
    raise ValueError("no luck")


@pytest.mark.parametrize(
    ("model", "outcome", "reason", "calls"),
    [
        # It says the marker for a reason of its own.
        (lambda prompt: "PELICAN" if "fox" in prompt.split() else "it jumps", "failed", "fox", 40),
        (
            lambda prompt: "PELICAN" if "Tuesday." in prompt.split() else "it jumps",
            "failed",
            "Tuesday",
            40,
        ),
        (lambda prompt: "it jumps", "inconclusive", "did not follow", 2),
        (lambda prompt: "PELICAN it jumps", "inconclusive", "whatever was removed", 40),
        (failing, "inconclusive", "no luck", 40),
    ],
)
def test_a_check_that_is_not_passed_says_why(model, outcome, reason, calls):
    planted = PlantedModel(model)
    checked = check_by_injection(prepared(planted))
    assert checked.outcome == outcome
    assert reason in checked.reason
    assert "inconclusive" not in checked.reason
    assert checked.calls == len(planted.asked) <= calls


def test_the_marker_is_not_in_the_prompt():
    model = PlantedModel(lambda prompt: "walnut" if "WALNUT." in prompt.split() else "it jumps")
    checked = check_by_injection(prepared(model, "the pelican and the fox jump today"))
    assert checked.outcome == "passed", checked.reason
    assert "WALNUT" in checked.injected


def test_a_check_costs_no_more_than_the_explanation():
    for budget in (4, 12):
        model = PlantedModel(continuing)
        checked = check_by_injection(prepared(model, budget=budget))
        assert len(model.asked) <= budget
        assert checked.outcome in ("passed", "inconclusive")
        assert not checked.reason.endswith("."), "whoever shows it ends the sentence"


def test_where_the_texts_are_injected():
    messages = (
        Message(role="system", content="Be kind."),
        Message(role="user", content="Say hello\nto Ada."),
        Message(role="assistant", content="Hello"),
    )
    told = inject_instruction(Prompted(messages=messages), "PELICAN")
    content = told.prompted.messages[1].content
    assert content == f"Say hello\nto Ada.\n{NEUTRAL}\nBegin your answer with the word PELICAN."
    assert content[told.start :].startswith(NEUTRAL)
    shown = inject_example(Prompted(messages=messages), "PELICAN")
    assert shown.prompted.messages[2].content == f"{NEUTRAL}\nHello PELICAN.\nHello"
    assert [m.role for m in shown.prompted.messages] == ["system", "user", "assistant"]


def test_the_estimate_covers_the_check():
    model = PlantedModel(following)
    most = estimate_check(prepared(model, budget=12))
    assert most.calls == 12
    assert most.tokens is None


@pytest.mark.parametrize("inject", METHODS)
def test_messages_without_a_text_are_left_alone(
    inject: Callable[[Prompted, str], InjectedPrompt],
) -> None:
    image = Media(modality="image", uri="https://example.org/a.png")
    messages = (
        Message(role="user", parts=(TextPart(content="What is this?"), image)),
        Message(role="assistant", parts=(ToolCall(id="c", name="look"),)),
        Message(role="tool", parts=(ToolResult(id="c", response="A lamp."),)),
        Message(role="assistant", parts=(ToolCall(id="d", name="look"),)),
        Message(role="user", parts=(image,)),
    )
    injected = inject(Prompted(messages=messages), "MARKER")
    [changed] = [
        k for k, message in enumerate(injected.prompted.messages) if message != messages[k]
    ]
    assert changed == injected.message
    assert "MARKER" in injected.prompted.messages[changed].content
