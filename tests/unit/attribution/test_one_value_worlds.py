"""The word that decides one value of the answer is found: a seeded tenth of the benchmark."""

import pytest

import smile_trace
from tests.support.one_value_worlds import WORLDS, OneValueWorld

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("world", WORLDS, ids=[world.name for world in WORLDS])
def test_the_deciding_word_is_first_and_significant(world: OneValueWorld) -> None:
    for seed in range(2):
        explanation = smile_trace.explain(
            world.prompt, model=world.model, signal="text", distance="layers", seed=seed, budget=40
        )
        first = explanation.ranked[0]
        assert first.text.strip() == world.word
        assert first.significant
        assert "stayed the same" not in explanation.summary
