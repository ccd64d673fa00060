"""Long answers: what is still said of them, and what is not."""

import pytest

import smile_trace
from smile_trace.attribution.answer_distance import LayeredChange, embed_sentences
from smile_trace.attribution.segmentation import boundaries

RETURNS = (
    "Our return policy is simple. You can send back any item within 30 days of delivery, as "
    "long as it is unused and in its original box. Shipping the parcel back costs 4.90 euros, "
    "which we deduct from your refund. Once the warehouse has checked the item, the money goes "
    "to the card you paid with. This usually takes five working days. Sale items are the "
    "exception: they can only be exchanged for another size. If the item was broken when it "
    "arrived, we pay for the return and send you a new one straight away. Please write to "
    "help@lampshop.com before you post anything, so that we can give you a return number."
)
RETURNS_REWORDED = (
    "Returning something is easy. Within 30 days after it was delivered, every article may be "
    "sent back to us if you have not used it and still have the box it came in. We take 4.90 "
    "euros off your refund for the return shipping. After our warehouse has inspected it, you "
    "get your money back on the card that you used, normally in five working days. There is one "
    "exception, articles on sale, which you may only swap for a different size. Did it arrive "
    "broken? Then the return is on us, and a replacement is sent at once. Before posting a "
    "parcel, write to help@lampshop.com and ask for a return number."
)
PLANTS = (
    "Photosynthesis is the process by which green plants make their own food. Chlorophyll in "
    "the leaves absorbs sunlight, mostly its red and blue parts. The energy splits water "
    "molecules, which the roots have taken up from the soil, into hydrogen and oxygen. The "
    "oxygen leaves the plant through small pores called stomata. In a second step the hydrogen "
    "is combined with carbon dioxide from the air to form glucose. The plant uses this sugar "
    "for growth or stores it as starch. Almost all life on Earth depends on this process, "
    "because it supplies both food and the oxygen that animals breathe."
)
PLANTS_REWORDED = (
    "Green plants produce their food themselves by photosynthesis. Sunlight, above all its red "
    "and blue share, is taken in by the chlorophyll of their leaves. With this energy, water "
    "that comes from the soil by way of the roots is split into oxygen and hydrogen. Through "
    "tiny openings, the stomata, the oxygen escapes. Afterwards glucose is built out of the "
    "hydrogen and of carbon dioxide taken from the air. That sugar serves for growing, or is "
    "kept as starch. Since food and the oxygen animals breathe both come from it, nearly every "
    "living thing on Earth relies on it."
)


def _sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in boundaries.sentences(text)]


@pytest.mark.parametrize(
    ("logged", "response"), [(RETURNS, RETURNS_REWORDED), (PLANTS, PLANTS_REWORDED)]
)
def test_a_long_answer_in_other_words_has_hardly_moved(logged: str, response: str) -> None:
    assert smile_trace.answer_change(logged, response) < 0.2
    assert smile_trace.answer_change(response, logged) < 0.2


@pytest.mark.parametrize(
    ("logged", "before", "after", "kind"),
    [
        (RETURNS, "30 days of delivery", "14 days of delivery", "number"),
        (RETURNS, "help@lampshop.com", "help@lumpshop.com", "identifier"),
        (RETURNS, "can only be exchanged", "can never be exchanged", "negation"),
        (PLANTS, "oxygen leaves the plant", "oxygen never leaves the plant", "negation"),
        (PLANTS, "dioxide from the air", "dioxide from the rain", "word"),
    ],
)
def test_one_value_of_a_long_answer_moves_it_more_than_rewording(
    logged: str, before: str, after: str, kind: str
) -> None:
    found = smile_trace.answer_change_details(logged, logged.replace(before, after))
    assert found.change > 0.3
    assert found.kinds == (kind,)


def test_what_is_left_out_counts_by_its_share() -> None:
    sentences = _sentences(RETURNS)
    kept = (len(sentences) - 1, len(sentences) // 2, 1)
    changes = [smile_trace.answer_change(RETURNS, "".join(sentences[:k])) for k in kept]
    assert changes[0] < 0.3 < changes[1] < 0.7 < changes[2]


def test_what_stands_at_the_end_counts_as_much_as_what_stands_at_the_beginning() -> None:
    first, last = _sentences(RETURNS), _sentences(PLANTS)
    other = "Trains to Vienna run every two hours, and a seat should be booked long before."
    head = smile_trace.answer_change(RETURNS, other + " " + "".join(first[1:]))
    tail = smile_trace.answer_change(
        RETURNS + " " + PLANTS, RETURNS + " " + "".join(last[:-1]) + other
    )
    assert head > 0.02
    assert tail > 0.02


def test_a_longer_answer_that_says_it_all_has_not_moved() -> None:
    assert smile_trace.answer_change(RETURNS, f"{RETURNS} {PLANTS}") < 0.01
    assert smile_trace.answer_change(RETURNS, f"{PLANTS} {RETURNS}") < 0.01


def test_unrelated_long_answers_have_nothing_in_common() -> None:
    assert smile_trace.answer_change(RETURNS, PLANTS) >= 0.9
    assert smile_trace.answer_change(PLANTS, RETURNS_REWORDED) >= 0.9


def test_a_title_ends_no_sentence() -> None:
    logged = "The letter is for Mrs. Okafor. She lives in Rome."
    found = smile_trace.answer_change_details(logged, logged.replace("Okafor", "Lindner"))
    assert found.kinds == ("name",)


def test_the_vectors_of_a_long_response_are_of_a_few_sentences() -> None:
    def characters(times: int) -> int:
        comparison = LayeredChange(RETURNS, embed_sentences)
        return sum(map(len, comparison.texts([f"{PLANTS} {RETURNS_REWORDED}" * times])))

    assert characters(1) < 2500
    assert characters(6) < 2500
