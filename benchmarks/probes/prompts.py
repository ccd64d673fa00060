"""Fifty prompts as applications send them: ten subjects, each asked in five ways."""

from typing import NamedTuple


class Subject(NamedTuple):
    """Three facts, a question that the first of them answers, and what else it could be."""

    facts: tuple[str, str, str]
    question: str
    options: tuple[str, str, str, str]
    person: str


SUBJECTS = (
    Subject(
        (
            "Purchases can be returned within 30 days with the receipt.",
            "Shipping is free for orders above 50 euros.",
            "The shop is closed on Sundays and public holidays.",
        ),
        "How long can I return a purchase?",
        ("30 days", "50 days", "two years", "only on Sundays"),
        "Maria, 34, from London wants to return a lamp without its box",
    ),
    Subject(
        (
            "The night train to Vienna leaves from platform 7 at 21:40.",
            "Bicycles need a ticket of their own, which costs 10 euros.",
            "The dining car serves breakfast from six o'clock.",
        ),
        "From which platform does the train to Vienna leave?",
        ("platform 7", "platform 10", "platform 6", "platform 40"),
        "John, 71, from Chicago asks for help with his luggage on the night train",
    ),
    Subject(
        (
            "Ibuprofen should be taken with food, at most three times a day.",
            "The pharmacy opens at eight and closes at six.",
            "Children under twelve need a prescription.",
        ),
        "How often may ibuprofen be taken in a day?",
        ("three times", "eight times", "six times", "twelve times"),
        "Fatima, 45, from Paris has a headache after work",
    ),
    Subject(
        (
            "The server room is cooled to 18 degrees.",
            "Backups are made every night at two o'clock.",
            "Access needs a badge and a code of six digits.",
        ),
        "When are backups made?",
        ("at two o'clock at night", "at six in the morning", "at noon", "on Sundays"),
        "David, 29, from Berlin forgot the code of the server room",
    ),
    Subject(
        (
            "Tomato plants need water every morning and full sun.",
            "Basil grows well beside tomatoes and keeps flies away.",
            "Harvest begins in July and ends with the first frost.",
        ),
        "When does the harvest of tomatoes begin?",
        ("in July", "in spring", "with the first frost", "every morning"),
        "Anna, 62, from Rome plants tomatoes on her balcony",
    ),
    Subject(
        (
            "The museum shows paintings by Turner on the second floor.",
            "Guided tours begin at eleven and at three.",
            "Photographs are allowed without flash.",
        ),
        "On which floor are the paintings by Turner?",
        ("the second floor", "the first floor", "the third floor", "the eleventh floor"),
        "Peter, 18, from Madrid visits the museum with his class",
    ),
    Subject(
        (
            "Employees have 28 days of vacation a year.",
            "Travel expenses are paid back within two weeks.",
            "Everyone may work from home on two days a week.",
        ),
        "How many days of vacation do employees have?",
        ("28 days", "14 days", "2 days", "30 days"),
        "Susan, 51, from Boston wants to take unpaid leave",
    ),
    Subject(
        (
            "The battery of the drill lasts four hours.",
            "Charging it takes 45 minutes.",
            "The warranty is two years and covers the motor.",
        ),
        "How long does it take to charge the battery?",
        ("45 minutes", "four hours", "two years", "one hour"),
        "Ahmed, 38, from Cairo bought a drill that does not start",
    ),
    Subject(
        (
            "The library lends books for three weeks.",
            "A late book costs 50 cents a day.",
            "Students pay no yearly fee.",
        ),
        "What does a late book cost?",
        ("50 cents a day", "three euros a week", "nothing", "a yearly fee"),
        "Emily, 24, from Dublin lost a book of the library",
    ),
    Subject(
        (
            "The lake is 80 metres deep and freezes in January.",
            "Boats can be rented from May to September.",
            "Fishing needs a licence from the town hall.",
        ),
        "How deep is the lake?",
        ("80 metres", "8 metres", "800 metres", "18 metres"),
        "Carlos, 57, from Lima wants to learn fishing",
    ),
)
EXAMPLES = (
    ("The food was cold and nobody said sorry.", "bad"),
    ("Lovely staff, and the soup was perfect.", "good"),
    ("We waited an hour for nothing.", "bad"),
    ("The best evening of our holiday!", "good"),
)
REVIEWS = (
    "They were friendly and quick.",
    "The room smelled of smoke.",
    "I would come back any time.",
    "The waiter forgot us twice.",
    "A quiet place with a wonderful view.",
    "Too expensive for what it is.",
    "My children loved the garden.",
    "The door did not close.",
    "Fresh bread every morning.",
    "Never again.",
)


def prompts() -> list[tuple[str, str]]:
    """Kind and text of every prompt; any five in turn are one of each kind."""
    return [
        prompt
        for one, review in zip(SUBJECTS, REVIEWS, strict=True)
        for prompt in (
            ("documents", _documents(one)),
            ("options", _options(one)),
            ("examples", _examples(review)),
            ("person", f"{one.person}. Give one short piece of advice.\n\nAdvice:"),
            ("plain", f"{one.facts[0]}\n\nQuestion: {one.question}\nAnswer:"),
        )
    ]


def _documents(subject: Subject) -> str:
    numbered = "\n\n".join(f"[{k}] {fact}" for k, fact in enumerate(subject.facts, start=1))
    return f"Answer from these documents.\n\n{numbered}\n\nQuestion: {subject.question}\nAnswer:"


def _options(subject: Subject) -> str:
    listed = "\n".join(
        f"{letter}) {option}" for letter, option in zip("ABCD", subject.options, strict=True)
    )
    return f"{subject.facts[0]}\n\n{subject.question}\n{listed}\n\nThe right answer is"


def _examples(review: str) -> str:
    shown = "\n\n".join(f"Review: {text}\nVerdict: {verdict}" for text, verdict in EXAMPLES)
    return f"Say whether each review is good or bad.\n\n{shown}\n\nReview: {review}\nVerdict:"
