"""Short words and signs on which an answer hangs: letters, codes, signs, opposites in one place."""

import pytest

import smile_trace

AROUND = "The shop opens at 9 in the morning. {} Parking costs 4 euros. Please bring your ticket."

OTHER = [
    ("Take exit A.", "Take exit B."),
    ("The strike note of Wulfric is G.", "The strike note of Wulfric is D."),
    ("The strike note of Wulfric is G.", "The strike note of Wulfric is F sharp."),
    ("The strike note of Wulfric is G.", "The strike note of Wulfric is probably C."),
    ("Your blood group is A+.", "Your blood group is A-."),
    ("Your blood group is O negative.", "Your blood group is A negative."),
    ("Ihre Blutgruppe ist A.", "Ihre Blutgruppe ist AB."),
    ("You got an A in maths.", "You got an E in maths."),
    ("The answer is A.", "The answer is D."),
    ("The answer is (a).", "The answer is (c)."),
    ("A is the right one.", "D is the right one."),
    ("Der Zug fährt von Bahnsteig A.", "Der Zug fährt von Bahnsteig E."),
    ("Prenez la sortie A.", "Prenez la sortie L."),
    ("Tome la salida A.", "Tome la salida Y."),
    ("È l'opzione E.", "È l'opzione I."),
    ("答えはAです。", "答えはIです。"),
    ("It is in A minor.", "It is in E minor."),
    ("World War I began then.", "World War II began then."),
    ("The fuse is 16 A.", "The fuse is 16 V."),
    ("Ask Mr. Smith.", "Ask Ms. Smith."),
    ("The code is ES.", "The code is FR."),
    ("It weighs 5 kg.", "It weighs 5 t."),
    ("It costs 5 ₹.", "It costs 5 €."),
    ("The charge is +.", "The charge is -."),
    ("The result is ✓.", "The result is ✗."),
    ("There are flights to Rome.", "There are flights from Rome."),
    ("It is valid until 5 May.", "It is valid from 5 May."),
    ("You can pay in cash.", "You must pay in cash."),
    ("He said so.", "She said so."),
    ("You should bring a hat.", "You should bring a coat."),
    ("Bring a hat.", "Bring a coat."),
    ("Take the second left.", "Take the first left."),
    ("Come once a week.", "Come twice a week."),
]


@pytest.mark.parametrize(("logged", "response"), OTHER)
def test_another_short_value_is_another_answer(logged: str, response: str) -> None:
    for one, other in ((logged, response), (response, logged)):
        assert smile_trace.answer_change(one, other) > 0.5
        assert smile_trace.answer_change(AROUND.format(one), AROUND.format(other)) > 0.05


@pytest.mark.parametrize(
    ("logged", "response"),
    [
        ("A dog barks.", "A dog barks loudly."),
        ("He said: A dog barks.", "He said: a dog barks."),
        ("Once Upon A Time is a show.", "Once upon a time is a show."),
        ("THIS IS A TEST.", "This is a test."),
        ("On Monday I can come.", "I can come on Monday."),
        ("So do I.", "I do so."),
        ("Vengo y voy a Roma.", "Voy a Roma y vengo."),
        ("80 km/h is the limit.", "The limit is 80 kilometres per hour."),
        ("U.S. citizens pay.", "US citizens pay."),
        ("It is open at 9 A.M.", "It is open at 9 am."),
        ("We have:\na) a coat\nb) a hat", "We have:\n- a coat\n- a hat"),
        ("We have: a) a coat, b) a hat.", "We have a coat and a hat."),
        ("Option (B)", "option b"),
        ("The answer is (a).", "The answer is A."),
        ("A", "A) Paris"),
        ("A.", "The answer is A."),
        ("Pay by card OR in cash.", "Pay by card or in cash."),
    ],
)
def test_a_letter_that_is_a_word_or_a_mark_is_no_value(logged: str, response: str) -> None:
    assert smile_trace.answer_change(logged, response) < 0.1


def test_no_words_stand_for_a_number() -> None:
    logged = "It costs 49 euros and takes 3 days."
    one, both = "It costs money and takes 3 days.", "It costs some euros and takes a few days."
    assert smile_trace.answer_change(logged, one) > 0.3
    assert smile_trace.answer_change(logged, both) > 0.6
