"""The books: whatever dies and whenever, nothing is lost and nothing is paid for twice.

A planted HTTP model counts and prices its calls; it, the real worker, its disk and the tracker
are killed, paused and disturbed as a seed has planned it. Afterwards every finished call is
stored once, explained or failed with a true reason, and visible once; and the recorded spend
covers the model's own books and stays below the caps.
"""

from pathlib import Path
from typing import get_args

import pytest

from tests.integration.worker.chaos.arena import Arena
from tests.integration.worker.chaos.books import balance, visible_once
from tests.integration.worker.chaos.real_mlflow import RealMLflow
from tests.integration.worker.chaos.schedule import Kind, plan
from tests.support.mlflow_server import MLflowServer

SEEDS = range(30)


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=pytest.mark.slow if n else ()) for n in SEEDS]
)
def test_the_books(seed: int, tmp_path: Path) -> None:
    arena = Arena(tmp_path, seed)
    try:
        arena.run()
        balance(arena)
        visible_once(arena)
    finally:
        arena.close()


@pytest.mark.slow
@pytest.mark.mlflow
@pytest.mark.parametrize("seed", [100, 107, 108])
def test_the_books_with_a_real_server(
    seed: int, tmp_path: Path, mlflow_server: MLflowServer
) -> None:
    mlflow = RealMLflow(mlflow_server)
    arena = Arena(tmp_path, seed, mlflow)
    try:
        arena.run()
        balance(arena)
        mlflow.check(arena)
        assert mlflow.kills
    finally:
        arena.close()


def test_everything_that_can_go_wrong_does() -> None:
    lives = [life for seed in SEEDS for life in plan(seed)]
    happened = {misfortune.kind for life in lives for misfortune in life.misfortunes}
    assert happened == set(get_args(Kind))
    assert {life.killed for life in lives} == {True, False}
