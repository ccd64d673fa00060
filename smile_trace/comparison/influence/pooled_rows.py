"""The random masks of explanations as rows over the segments of a template."""

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from smile_trace.comparison.influence.pooled_effects import PooledRows
from smile_trace.comparison.influence.regression import Array
from smile_trace.records import Signal
from smile_trace.records.comparison import TemplateSegment
from smile_trace.store.queries.prompts import ExplanationRow, PromptReader


class PooledRowReader:
    """Reads rows from the store, all of one signal: that of most explanations it reads first.

    Args:
        prompts: the store.
        stem: what the keys of the template's segments begin with (`NAME:VERSION:`).
    """

    def __init__(self, prompts: PromptReader, stem: str) -> None:
        self._prompts = prompts
        self._stem = stem
        self._variables = f"{stem}var:"
        self.signal: Signal | None = None

    def read(
        self, explanations: Sequence[ExplanationRow], segments: Sequence[TemplateSegment]
    ) -> PooledRows | None:
        """The random masks of those explanations that are over these segments; None if none is."""
        known = {item.explanation_id: item for item in explanations}
        partitions = self._partitions(list(known))
        columns = {segment.key: k for k, segment in enumerate(segments)}
        maps: dict[tuple[int, int], Array | None] = {}
        x, y, q, call, weight, varies = [], [], [], [], [], []
        designs: dict[int, list[str]] = {}
        for row in self._prompts.masks(list(known)):
            level = row.explanation_id, row.level
            if level not in maps:
                keys = partitions[row.explanation_id]
                maps[level] = self._map(keys[row.level], columns) if row.level < len(keys) else None
            shares = maps[level]
            if shares is None:
                continue
            removed = np.frombuffer(row.mask.encode(), dtype=np.uint8) == ord("0")
            free = np.ones(len(removed), dtype=bool)
            free[row.fixed] = False
            x.append(removed @ shares)
            varies.append((free @ shares) > 0.999)
            y.append(row.answer_change)
            q.append(1 - row.keep_probability)
            call.append(row.explanation_id)
            designs.setdefault(row.explanation_id, []).append(row.mask)
            weight.append(1 / known[row.explanation_id].probability)
        if not y:
            return None
        shared = {number: _number(masks) for number, masks in designs.items()}
        return PooledRows(
            x=np.array(x),
            y=np.array(y),
            q=np.round(q, 6),
            call=np.array(call),
            weight=np.array(weight),
            varies=np.array(varies),
            design=np.array([shared[number] for number in call]),
        )

    def keys(self, explanations: Sequence[ExplanationRow]) -> list[str]:
        """The keys of the first level of most of those explanations, in their order."""
        found = self._partitions([item.explanation_id for item in explanations])
        first = Counter(tuple(levels[0]) for levels in found.values() if levels)
        return list(first.most_common(1)[0][0]) if first else []

    def _partitions(self, ids: Sequence[int]) -> dict[int, list[list[str]]]:
        """By explanation the keys of its units per level; none where its signal is another one."""
        found = self._prompts.partitions(ids)
        if found and self.signal is None:
            self.signal = Counter(item.signal for item in found.values()).most_common(1)[0][0]
        return {
            number: item.keys if item.signal == self.signal else []
            for number, item in found.items()
        }

    def _map(self, keys: Sequence[str], columns: dict[str, int]) -> Array | None:
        """Each unit's share of each segment, shape (units, segments); None if the unit differs.

        A variable may have been segmented into words, each of which is a share of it.
        """
        shares = np.zeros((len(keys), len(columns)))
        # Only matches outside of variables show that the template was segmented alike, unless it
        # consists of variables.
        alike = all(key.startswith(self._variables) for key in columns)
        for unit, key in enumerate(keys):
            column = columns.get(key)
            if key.startswith(self._variables):
                if column is None:
                    name = key.removeprefix(self._variables).split(":")[0]
                    column = columns.get(f"{self._variables}{name}")
            elif column is not None:
                alike = True
            elif key.startswith(self._stem):
                return None
            if column is not None:
                shares[unit, column] = 1.0
        return shares / np.maximum(shares.sum(axis=0), 1) if alike else None


def _number(masks: Sequence[str]) -> int:
    """A number that is the same for explanations with the same masks."""
    digest = hashlib.sha256("\n".join(masks).encode()).digest()
    return int.from_bytes(digest[:7])
