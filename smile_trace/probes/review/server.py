"""The local page for judgements, and what they come to."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from threading import Lock

from pydantic import BaseModel, ConfigDict

from smile_trace._guards.local_page import LocalPage
from smile_trace.probes.confirmation import Judge, confirmations
from smile_trace.probes.judgements import chosen_judge, confirmations_of, judges
from smile_trace.probes.reliability import reliability
from smile_trace.records import Record
from smile_trace.records.judgement import (
    QUESTIONS,
    Confirmation,
    JudgeAgreement,
    Judgement,
    Reliability,
    Reply,
    ReviewItem,
    ReviewTask,
)
from smile_trace.render.review import review_to_html
from smile_trace.settings import Settings
from smile_trace.store import Store


class _Replies(BaseModel):
    model_config = ConfigDict(extra="forbid")
    variant_id: str
    same_meaning: Reply
    worse: Reply
    reason: Reply


class ReviewServer(LocalPage):
    """Shows tasks to one person, and passes on the judgements. `keep`: called with each judgement,
    one at a time; the page shows what it raises. `port`: 0 picks a free one. Raises SmileTraceError
    if the port is taken."""

    takes = "judgements"

    def __init__(
        self,
        tasks: Sequence[ReviewTask],
        reviewer: str,
        keep: Callable[[ReviewTask, Judgement], None],
        port: int = 0,
    ) -> None:
        self.tasks = {task.item.id: task for task in tasks}
        self.reviewer = reviewer
        self.given: dict[str, Judgement] = {}
        self._keep = keep
        self._lock = Lock()
        super().__init__(port)

    def page(self, nonce: str) -> str:
        """Return the page, with the judgements so far."""
        tasks = list(self.tasks.values())
        return review_to_html(tasks, self.given, reviewer=self.reviewer, nonce=nonce)

    def take(self, body: bytes) -> str:
        """Keep a judgement; see `LocalPage.take`."""
        replies = _Replies.model_validate_json(body)
        task = self.tasks[replies.variant_id]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        judgement = Judgement(**replies.model_dump(), reviewer=self.reviewer, judged_at=now)
        with self._lock:
            self._keep(task, judgement)
            self.given[replies.variant_id] = judgement
        return ""


class JudgeResults(Record):
    """A judge's agreement with people, its own confirmation of each probe, which counts nowhere,
    and whether the settings name it."""

    agreement: JudgeAgreement
    by_itself: dict[str, Confirmation]
    chosen: bool


class ReviewResults(Record):
    """Each probe's confirmation, people's agreement on each question, and the judges."""

    confirmations: dict[str, Confirmation]
    reliability: tuple[Reliability, ...]
    judges: tuple[JudgeResults, ...] = ()


def results(store: Store, settings: Settings) -> ReviewResults:
    """Sum up all judgements in the store, whether their profiles are still there or not; `settings`
    say which judge counts."""
    judgements = [judgement for _, judgement in store.judgements.read()]
    items = list({item.id: item for item, _ in store.judge_judgements.read()}.values())
    chosen = chosen_judge(settings)
    return ReviewResults(
        confirmations=dict(confirmations_of(store, settings)),
        reliability=tuple(reliability(question, judgements) for question in QUESTIONS),
        judges=tuple(_of_judge(judge, items, chosen) for judge in judges(store)),
    )


def _of_judge(judge: Judge, items: list[ReviewItem], chosen: str | None) -> JudgeResults:
    alone = confirmations(items, judge.judgements)
    return JudgeResults(
        agreement=judge.agreement,
        by_itself={name: one.model_copy(update={"counts": False}) for name, one in alone.items()},
        chosen=judge.agreement.judge == chosen,
    )
