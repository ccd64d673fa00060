"""The instructions of a template, and the template without some of them."""

import pytest

from smile_trace._text.rare_cases import rare_case
from smile_trace.comparison.verdicts import share_of
from smile_trace.records.comparison import AnswerComparison, Influence
from smile_trace.records.suggestion import Trial
from smile_trace.records.verdicts import SMALLEST_EFFECT, Verdict
from smile_trace.suggesting.instructions import instructions, without, worth_trying
from smile_trace.suggesting.trials import Trials


def texts(template: str) -> list[str]:
    return [one.text.strip() for one in instructions(template)]


def test_labels_and_sentences_around_a_variable_are_no_instructions() -> None:
    assert texts(
        "You are kind.\nRules:\n- Be brief.\n- Answer in {language}.\nBe exact. {question}\nAnswer:"
    ) == ["You are kind.", "- Be brief.", "Be exact."]


@pytest.mark.parametrize(
    ("template", "removed", "left"),
    [
        ("Be brief.\nBe kind.\n{q}", "Be brief.", "Be kind.\n{q}"),
        ("Be brief. Be kind. {q}", "Be kind.", "Be brief. {q}"),
        ("Be brief. Be kind. {q}", "Be brief.", "Be kind. {q}"),
        ("{q}\nBe brief.", "Be brief.", "{q}"),
        ("- Be brief.\n- Be kind.\n{q}", "Be brief.", "- Be kind.\n{q}"),
        ("1. Be brief.\n2. Be kind.\n{q}", "Be kind.", "1. Be brief.\n{q}"),
        ("Be brief.", "Be brief.", ""),
    ],
)
def test_nothing_is_left_of_what_is_removed(template: str, removed: str, left: str) -> None:
    [one] = [one for one in instructions(template) if one.text.strip().endswith(removed)]
    assert without(template, [one]) == left


@pytest.mark.parametrize(
    ("instruction", "acts_in"),
    [
        ("Never talk about politics.", "prohibition"),
        ("Do not give medical advice.", "safety"),
        ("If the customer is angry, apologise first.", "condition"),
        ("Otherwise send them to the shop.", "fallback"),
        ("In an emergency give the number 112.", "safety"),
        ("Sprich niemals über Politik.", "prohibition"),
        ("Wenn der Kunde wütend ist, entschuldige dich.", "condition"),
        ("Ansonsten verweise an den Laden.", "fallback"),
        ("Ne parle jamais de politique.", "prohibition"),
        ("S'il est en colère, présente des excuses.", "condition"),
        ("Sinon, renvoie au magasin.", "fallback"),
        ("No hables nunca de política.", "prohibition"),
        ("Cuando el cliente esté enfadado, discúlpate.", "condition"),
        ("De lo contrario, envíalo a la tienda.", "fallback"),
        ("政治の話をしないでください。", "prohibition"),
        ("お客様が怒っている場合は、まず謝ってください。", "condition"),
        ("それ以外は店舗を案内してください。", "fallback"),
        ("不要谈论政治。", "prohibition"),
        ("如果客户生气，请先道歉。", "condition"),
        ("否则请他们去商店。", "fallback"),
        ("Answer from the passages only.", "grounding"),
        ("Use the provided context exclusively.", "grounding"),
        ("Say so if you do not know it, and invent nothing.", "condition"),
        ("Beantworte die Frage nur anhand der Textstellen.", "grounding"),
        ("Réponds uniquement à partir des documents.", "grounding"),
        ("Responde basándote en el contexto.", "grounding"),
        ("資料のみに基づいて答えてください。", "grounding"),
        ("请只根据上下文回答。", "grounding"),
        ("Answer in two sentences only.", None),
        ("Summarise the documents in plain text.", None),
        ("You are a world-class expert with forty years of experience.", None),
        ("Notice every detail and answer in two sentences.", None),
        ("Du bist ein freundlicher Helfer.", None),
        ("Sé breve y amable.", None),
        ("Sois bref et aimable.", None),
        ("丁寧に答えてください。", None),
        ("请简短回答。", None),
    ],
)
def test_instructions_for_certain_cases_are_known_in_six_languages(
    instruction: str, acts_in: str | None
) -> None:
    assert rare_case(instruction) == acts_in


def test_what_certainly_matters_is_not_tried_and_what_stays_open_is_not_proposed() -> None:
    found = instructions("Be brief.\nBe kind.\nBe exact.\nBe good.\nBe calm.\n{q}")
    known: list[tuple[Verdict, float, float]] = [
        ("supports", 0.1, 0.5),
        ("against", -0.5, -0.1),
        ("supports", 0.01, 0.5),  # one in twenty without an effect seems to have a small one
        ("excluded", 0.0, 0.0),
        ("open", -0.2, 0.3),
    ]
    influences = [
        Influence(
            segment=one, influence=(low + high) / 2, ci_low=low, ci_high=high, verdict=verdict
        )
        for one, (verdict, low, high) in zip(found, known, strict=True)
    ]
    assert worth_trying(found, influences, SMALLEST_EFFECT) == found[2:]
    trials = Trials(material=None, replays=None, distance=None, limit=SMALLEST_EFFECT, seed=0)  # type: ignore[arg-type]
    none = share_of(0, 12)
    for high, why in ((0.09, ""), (0.1, "not measured well enough to tell: up to 10 % of")):
        answers = AnswerComparison(
            inputs=12, changed=0, distance=0.0, ci_low=0.0, ci_high=high, noise=0.1, p_value=0.5
        )
        trial = Trial(answers=answers, moved=none, cases_gained=none, cases_lost=none)
        assert why in trials.harm(trial)
        assert bool(trials.harm(trial)) == bool(why)
