"""The requests that are replayed every period, their answers, and alarms."""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, func, select, update

from smile_trace.records import Message, Record
from smile_trace.records.call import trace_id_of
from smile_trace.store.database import OfDatabase
from smile_trace.store.database.sql import insert
from smile_trace.store.forgotten import forgotten_among
from smile_trace.store.tables import drift_alarms, drift_answers, drift_cases


class NewCase(Record):
    """A call's request, or (`confirmed`) a variant of it whose answer people found worse.
    `reference` is the answer that others are compared with."""

    call_id: str
    messages: tuple[Message, ...]
    confirmed: bool = False
    reference: str = ""

    @property
    def trace_id(self) -> str:
        """The trace of its call."""
        return trace_id_of(self.call_id)


class StoredCase(NewCase):
    """A case as it is replayed."""

    id: int


class DriftAnswer(Record):
    """Whether an answer differed from the reference. `draw` counts the answers of a case, probe and
    period; `seed` decided the variant."""

    probe: str
    draw: int
    seed: int
    changed: bool


class PeriodCount(Record):
    """A period's answers to one probe's variants."""

    probe: str
    period: str
    changed: int
    asked: int


class DriftAlarm(Record):
    """The first period in which a probe's answers were shown to have changed. `told`: the webhook
    took it, or there is none."""

    prompt: str
    probe: str
    period: str
    told: bool


class Drift(OfDatabase):
    """The cases by the name of a prompt, or of a function without one."""

    def prompts(self) -> list[str]:
        """The names that have cases."""
        query = select(drift_cases.c.group_name).distinct().order_by(drift_cases.c.group_name)
        return self._database.column(query)

    def cases(self, name: str) -> list[StoredCase]:
        """The fixed set, in its order."""
        of_it = drift_cases.c.group_name == name
        query = select(drift_cases).where(of_it).order_by(drift_cases.c.id)
        return [
            StoredCase(id=row.id, **NewCase.model_validate_json(row.body).model_dump())
            for row in self._database.rows(query)
        ]

    def begin(
        self,
        name: str,
        answered: Sequence[tuple[NewCase, Sequence[DriftAnswer]]],
        *,
        period: str,
        now: float,
    ) -> None:
        """Store a set with the answers of its reference period, in one transaction, without cases
        of traces that were forgotten meanwhile."""
        with self._database.write() as connection:
            gone = forgotten_among(connection, {case.trace_id for case, _ in answered})
            for case, answers in answered:
                if case.trace_id in gone:
                    continue
                kept = insert(drift_cases).values(
                    group_name=name,
                    call_id=case.call_id,
                    trace_id=case.trace_id,
                    confirmed=case.confirmed,
                    created_at=now,
                    body=case.model_dump_json(),
                )
                number = connection.execute(kept.returning(drift_cases.c.id)).scalar_one()
                stored = StoredCase(id=number, **case.model_dump())
                _put(connection, name, period, stored, answers)

    def keep(
        self,
        name: str,
        answered: Iterable[tuple[StoredCase, Sequence[DriftAnswer]]],
        *,
        period: str,
    ) -> None:
        """Store a later period's answers, all or none; idempotent."""
        with self._database.write() as connection:
            theirs = select(drift_cases.c.id).where(drift_cases.c.group_name == name)
            there = set(connection.execute(theirs).scalars())
            for case, answers in answered:
                if case.id in there:  # not forgotten meanwhile
                    _put(connection, name, period, case, answers)

    def counts(self, name: str) -> list[PeriodCount]:
        """The figures of every probe and period, the periods in their order."""
        columns = drift_answers.c
        changed = func.count().filter(columns.changed)
        query = (
            select(columns.probe, columns.period, changed.label("changed"), func.count())
            .where(columns.group_name == name)
            .group_by(columns.probe, columns.period)
            .order_by(columns.probe, columns.period)
        )
        return [
            PeriodCount(probe=probe, period=period, changed=changed, asked=asked)
            for probe, period, changed, asked in self._database.rows(query)
        ]

    def last_period(self, name: str) -> str | None:
        """The last period with answers."""
        newest = select(func.max(drift_answers.c.period)).where(drift_answers.c.group_name == name)
        period: str | None = self._database.value(newest)
        return period

    def probes_of(self, case: StoredCase) -> list[str]:
        """The probes whose variants of a case were asked in the reference period."""
        query = select(drift_answers.c.probe).where(drift_answers.c.case_id == case.id)
        return sorted(set(self._database.column(query.distinct())))

    def alarm(self, name: str) -> DriftAlarm | None:
        """The alarm of a prompt, if any."""
        row = self._database.first(select(drift_alarms).where(drift_alarms.c.group_name == name))
        if row is None:
            return None
        return DriftAlarm(prompt=name, probe=row.probe, period=row.period, told=row.told)

    def raise_alarm(self, alarm: DriftAlarm) -> None:
        """Store an alarm; the first one of a prompt stands until it begins anew."""
        values = {"group_name": alarm.prompt} | alarm.model_dump(exclude={"prompt"})
        self._database.change(insert(drift_alarms).values(values).on_conflict_do_nothing())

    def told(self, name: str) -> None:
        """Note that the webhook took a prompt's alarm, or that there is none."""
        of_it = drift_alarms.c.group_name == name
        self._database.change(update(drift_alarms).where(of_it).values(told=True))

    def end(self, name: str) -> bool:
        """Remove the set, its answers and its alarm; False if there was nothing."""
        with self._database.write() as connection:
            gone = [
                connection.execute(delete(table).where(table.c.group_name == name)).rowcount
                for table in (drift_cases, drift_answers, drift_alarms)
            ]
        return any(gone)


def _put(connection, name, period, case, answers) -> None:  # type: ignore[no-untyped-def]
    rows = [
        {
            "case_id": case.id,
            "period": period,
            "group_name": name,
            "trace_id": case.trace_id,
            **answer.model_dump(),
        }
        for answer in answers
    ]
    if rows:
        connection.execute(insert(drift_answers).on_conflict_do_nothing(), rows)
