"""The unit `auto`: the prompt's structure first, then sentences, then words."""

import inspect

import smile_trace
from smile_trace.attribution.segmentation.partitioner import Segmentation
from smile_trace.cli.explain import explain as explain_command
from smile_trace.explaining.options import ExplainOptions
from smile_trace.records import Message, Prompted
from smile_trace.settings import Settings
from tests.support.studies import chat, run

DOCUMENTS = [
    f"[{k}] The item {k} ships from Rome. It costs {k} euros. Nobody returned it."
    for k in range(1, 6)
]
CONVERSATION = (
    Message(role="system", content="Answer from the documents only."),
    Message(role="user", content="Hi, can you help me today?"),
    Message(role="assistant", content="Of course I can."),
    Message(role="user", content="\n\n".join([*DOCUMENTS, "Question: what does item 3 cost?"])),
)


def _segmentation(messages: tuple[Message, ...]) -> Segmentation:
    return Segmentation(Prompted(messages=messages), "auto")


def test_it_begins_with_messages_documents_and_sections() -> None:
    segments = _segmentation(CONVERSATION).coarse(40)
    assert [(s.unit, s.text) for s in segments] == [
        *(("message", message.content) for message in CONVERSATION[:3]),
        *(("document", text) for text in DOCUMENTS),
        ("section", "Question: what does item 3 cost?"),
    ]


def test_it_goes_on_with_sentences_and_ends_with_words() -> None:
    segmentation = _segmentation(CONVERSATION)
    [third] = [s for s in segmentation.coarse(40) if s.text == DOCUMENTS[2]]
    sentences = segmentation.refine([third], 20)
    assert [(s.unit, s.text) for s in sentences] == [
        ("sentence", "[3] The item 3 ships from Rome."),
        ("sentence", "It costs 3 euros."),
        ("sentence", "Nobody returned it."),
    ]
    words = segmentation.refine([sentences[1]], 20)
    assert [(s.unit, s.text) for s in words] == [
        ("word", "It"), ("word", "costs"), ("word", "3"), ("word", "euros."),
    ]  # fmt: skip
    assert all(map(segmentation.is_finest, words))


def test_a_short_prompt_begins_with_words() -> None:
    text = "The sea is red. Rome is old. Which city is old? Say it."
    segments = _segmentation(chat(text)).coarse(40)
    assert [s.text for s in segments] == text.split()


def test_a_text_without_structure_begins_with_sentences() -> None:
    sentences = [f"Sentence number {k} says that the sea is number {k}." for k in range(8)]
    segments = _segmentation(chat(" ".join(sentences))).coarse(40)
    assert [(s.unit, s.text) for s in segments] == [("sentence", s) for s in sentences]


def test_parts_beyond_the_limit_are_joined_unless_they_may_stay_apart() -> None:
    segmentation = _segmentation(CONVERSATION)
    assert len(segmentation.coarse(6)) == 6
    assert len(segmentation.coarse(6, 30)) == 9


def test_a_study_finds_the_document_the_sentence_and_the_word() -> None:
    def says(messages: tuple[Message, ...]) -> str:
        text = "\n".join(message.content for message in messages)
        return "It costs three euros." if "costs 3" in text else "I could not find that."

    found = run(CONVERSATION, says, answer="It costs three euros.", unit="auto", budget=60)
    document, sentence = found.explanation.coarser
    assert (document.unit, document.text) == ("document", DOCUMENTS[2])
    assert (sentence.unit, sentence.text) == ("sentence", "It costs 3 euros.")
    assert {s.text for s in found.explanation.ranked[:2]} == {"costs", "3"}


def test_words_that_fit_come_before_the_sentences_of_a_text_without_structure() -> None:
    text = " ".join(f"Number {k} is the sea of {k}." for k in range(5))
    words = _segmentation(chat(text)).coarse(40)
    assert [s.text for s in words] == text.split()
    sentences = _segmentation(chat(text)).coarse(30)
    assert {s.unit for s in sentences} == {"sentence"}


def test_words_that_fit_come_after_a_structure() -> None:
    text = "\n\n".join(f"Rules {k}:\nNumber {k} is the sea {k}." for k in range(5))
    assert [s.unit for s in _segmentation(chat(text)).coarse(40)] == ["section"] * 5


def test_it_is_the_default_everywhere() -> None:
    command = inspect.signature(explain_command).parameters["unit"].default
    function = inspect.signature(smile_trace.explain).parameters["unit"].default
    assert command == function == ExplainOptions().unit == Settings().explain.unit == "auto"
