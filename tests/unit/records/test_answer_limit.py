"""How long a replayed answer may become."""

from functools import cache
from importlib.metadata import files
from typing import Any

import pytest
from tokenizers import Tokenizer

from smile_trace.records.call import answer_limit


@cache
def tokenizer() -> Any:
    """The packaged one, of 32,000 tokens."""
    held = files("wordllama") or []
    [path] = [str(f.locate()) for f in held if f.name == "l2_supercat_tokenizer_config.json"]
    return Tokenizer.from_file(path)


def test_counted_tokens_and_a_quarter_more() -> None:
    assert answer_limit("whatever it says", 4) == 12
    assert answer_limit("whatever it says", 400) == 500
    # A count that is none is estimated, with a margin of eight tokens.
    for count in (0, -100, None):
        assert answer_limit("Paris, France.", count) == 12
    assert answer_limit("") == 8


@pytest.mark.parametrize(
    "answer",
    [
        "The refund was approved on 2026-11-26, and 1,234.56 EUR arrive within three days.",
        '{"order": 4711, "arrives": "Friday", "items": ["blue lamp", null, true]}',
        "def f(x):\n    return [y**2 for y in x if y % 2 == 0]\n",
        "Äpfel und Öl kosten heute weniger als gestern, weil die Ernte gut war.",
        "Посылка придёт в пятницу, а возврат денег займёт до десяти дней.",
        "荷物は金曜日に届きます。返金には十日ほどかかります。",
        "सामान शुक्रवार को आएगा और पैसे दस दिन में लौटेंगे।",
        "👩‍👩‍👧‍👦 ✅ done 🚀🚀🚀",
        "dGhlIHJlZnVuZCB3YXMgYXBwcm92ZWQ=",
        "antidisestablishmentarianism and pneumonoultramicroscopicsilicovolcanoconiosis",
    ],
)
def test_an_estimate_is_enough_for_a_real_tokenizer(answer: str) -> None:
    assert answer_limit(answer) >= len(tokenizer().encode(answer, add_special_tokens=False).ids)
