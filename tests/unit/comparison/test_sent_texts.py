"""Logged calls that send the text of a file."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from smile_trace.comparison import sent_texts as module
from smile_trace.comparison.sent_texts import sent_texts
from smile_trace.store import Store
from smile_trace.worker.ingest import Ingest
from tests.support.planted_prompts import settings_in
from tests.support.spooled import call_span, write_spool

RULES = "You answer questions about ferries.\nBe brief."


def logged(home: Path, *prompts: Sequence[tuple[str, str]]) -> Store:
    """An open store that holds these calls, oldest first."""
    settings = settings_in(home)
    write_spool(settings.spool, [call_span(k, prompt=one) for k, one in enumerate(prompts, 1)])
    store = Store.open(settings)
    Ingest(store, settings).run()
    return store


def test_a_text_is_found_in_all_its_versions_and_as_a_part_of_a_message(tmp_path: Path) -> None:
    """With other ends of lines and blanks around it; not in what a tool or the model said, as in
    calls of an assistant that reads the file."""
    store = logged(
        tmp_path,
        [("system", "You answer questions."), ("user", "One?")],
        [("system", f"\n{RULES}\n".replace("\n", "\r\n")), ("user", "Two?")],
        [("user", RULES), ("user", "Three?")],
        [("user", "Read it"), ("assistant", RULES), ("user", "Thanks")],
        [("user", f"{RULES} And more")],
    )
    found = sent_texts(store, {"desk": [f"{RULES}\n", "You answer questions.\n"]})
    calls = found["desk"].calls
    texts = [[one.content for one in call.messages_with(call.prompts[0], "NEW")] for call in calls]
    assert texts == [["NEW", "One?"], ["\r\nNEW\r\n", "Two?"], ["NEW\nThree?"]]
    assert found["desk"].told("a.txt") == "3 logged calls send a.txt as their system message."


@pytest.mark.parametrize(
    ("text", "sent", "template"),
    [
        (
            "Write now to {who} on {day}.",
            "Write now to Vera on Friday.",
            "Write now to {who} on {day}.",
        ),
        (
            "Write now to {{ who }} {as} {{b}}",
            "Write now to Vera {as} Tom",
            "Write now to {who} {as} {b}",
        ),
        ('Give {{"to": "{who}"}}', 'Give {"to": "Vera"}', 'Give {"to": "{who}"}'),
        ('Give {"a": {"to": {who}}}', 'Give {"a": {"to": Vera}}', 'Give {"a": {"to": {who}}}'),
        ("Write now to {who} now", "Write now to {who} now", "Write now to {who} now"),
    ],
)
def test_variables_are_read_as_they_were_filled_in(
    text: str, sent: str, template: str, tmp_path: Path
) -> None:
    earlier = "Write two short mails."  # without variables: it is read in any way
    store = logged(tmp_path, [("user", sent)], *[[("user", earlier)]] * 3)
    found = sent_texts(store, {"mail": [text, earlier]})["mail"]
    assert found.syntax(text) == template
    call, *_ = found.calls
    use = call.prompts[0]
    assert call.messages_with(use, use.template)[0].content == sent
    assert use.variables["who"] == ("Vera" if "Vera" in sent else "{who}")


def test_a_message_is_of_the_file_with_most_of_its_text(tmp_path: Path) -> None:
    """Two messages may be of two files; a variable alone is no text, and neither is a place of a
    variable uncertain."""
    asked = ("user", "Question about ferries: When?")
    store = logged(
        tmp_path, [("system", f"{RULES}\nAnswer in French."), asked], [("system", RULES), asked]
    )
    files = {
        "any": ["{question}"],
        "short": ["You answer questions about {topic}.\n{rules}"],
        "french": [f"{RULES}\nAnswer in {{language}}."],
        "ask": ["Question about {topic}: {text}"],
        "unsure": ["Question about {topic}{text}"],
    }
    found = sent_texts(store, files)
    assert {name: len(one.calls) for name, one in found.items()} == {
        "short": 1,
        "french": 1,
        "ask": 2,
    }


def test_variables_are_looked_for_in_so_many_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many long texts almost match; a text without variables is found all the same."""
    short, hostile = [("user", "The letter aab!")], [("user", f"The letter {'ab' * 20_000}!")]
    store = logged(tmp_path, [("system", RULES)], short, hostile)
    pieces = "The letter {a}" + "".join(f"ab{{x{k}}}" for k in range(900)) + "b!"
    files = {"desk": [RULES], "pieces": [pieces], "letter": ["The letter {text}!"]}
    found = sent_texts(store, files)
    assert {name: len(one.calls) for name, one in found.items()} == {"desk": 1, "letter": 2}
    monkeypatch.setattr(module, "MOST_SEARCHED", 10_000)
    assert {*sent_texts(store, files)} == {"desk"}
