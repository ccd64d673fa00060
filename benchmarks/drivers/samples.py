"""What the packaged model says when it is sampled, kept on disk by text, study and replicate."""

from collections.abc import Sequence

from benchmarks.attribution import scores
from smile_trace.records import Response

Draw = tuple[str, int, int]
"""A text, the seed of the study that asks, and the replicate: each is drawn anew, once."""


class Samples(scores.Packaged):
    """Sampled without a seed, at a temperature above 0; draws of one batch are independent."""

    def __init__(self, temperature: float) -> None:
        super().__init__(
            scores.CACHE.with_name("samples.db"),
            "said (temperature real, text text, seed int, replicate int, answer text,"
            " primary key (temperature, text, seed, replicate))",
        )
        self.temperature = temperature

    def generate(self, draws: Sequence[Draw]) -> list[Response]:
        """What the model says, TOKENS tokens, per draw."""
        known = {draw: self._look_up(draw) for draw in draws}
        missing = [draw for draw, text in known.items() if text is None]
        known.update(zip(missing, self._ask(missing), strict=True))
        return [Response(text=known[draw]) for draw in draws]

    def _look_up(self, draw: Draw) -> str | None:
        row = self._known.execute(
            "select answer from said"
            " where temperature = ? and text = ? and seed = ? and replicate = ?",
            (self.temperature, *draw),
        ).fetchone()
        return None if row is None else str(row[0])

    def _ask(self, draws: Sequence[Draw]) -> list[str]:
        if not draws:
            return []
        responses = self._said([text for text, _, _ in draws], self.temperature)
        said = [response.text or "" for response in responses]
        with self._known:
            self._known.executemany(
                "insert into said values (?, ?, ?, ?, ?)",
                [(self.temperature, *draw, text) for draw, text in zip(draws, said, strict=True)],
            )
        return said
