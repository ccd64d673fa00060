"""`compare()`: versions of a prompt side by side, from the store and a few new calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from smile_trace.attribution.one_thread import one_thread
from smile_trace.comparison.changes import as_replayed, correct, measure_changes, segment_changes
from smile_trace.comparison.edits import align
from smile_trace.comparison.evidence import (
    Evidence,
    NothingToCompare,
    check_version,
    collect,
    models_of,
    versions_of,
)
from smile_trace.comparison.sentences import summarize, summarize_change, summarize_influences
from smile_trace.comparison.templates import (
    read_file,
    read_revision,
    segment_template,
)
from smile_trace.comparison.version_replay import VersionReplay
from smile_trace.comparison.version_report import report
from smile_trace.explaining.named_models import AnyModel
from smile_trace.probes.over_calls import rate_changes
from smile_trace.records import Unit
from smile_trace.records.comparison import (
    Comparison,
    ComparisonSettings,
    TemplateSegment,
    VersionChange,
    VersionReport,
)
from smile_trace.settings import ServerSettings, Settings, table_of
from smile_trace.store import Store


@dataclass(frozen=True)
class Column:
    """One version under one model, with its evidence."""

    label: str
    evidence: Evidence


def compare(
    prompt: str,
    *,
    versions: Sequence[str | int] = (),
    models: Sequence[str] = (),
    file: str | Path | None = None,
    ref: str | None = None,
    budget: int = 40,
    seed: int = 0,
    model: AnyModel | None = None,
    app: str | None = None,
    settings: Settings | None = None,
) -> Comparison:
    """Compare versions of a prompt over all its logged calls; works in a running event loop too.

    Args:
        prompt: the name of the Prompt.
        versions: at least two, in the order of the comparison; by default the last two that
            were called. One version with two models compares the models.
        models: captured names of models; by default each version's own most frequent one.
        file: a file that holds a template: the version "working copy", compared last.
        ref: a git revision of that file (`HEAD~1`): the version before it.
        budget: the most new calls to models: logged inputs are replayed through both versions.
            0 reads the store only. The settings' daily caps hold as well.
        seed: decides which calls and inputs are sampled.
        model: who answers the replayed inputs (a name, a Model or a function `str -> str`); by
            default what the settings map each version's model to.
        app: the module of the application, for calls of a model of kind "rerun": their functions
            are called again with both versions.
        settings: by default those of the environment and the nearest `smile_trace.toml`.

    Raises:
        NothingToCompare: no such prompt or version, or only one version; the message says
            what to do.
        ValueError: budget is negative.
    """
    if budget < 0:
        raise ValueError("budget must not be negative")
    settings = settings or Settings()
    limit = settings.explain.smallest_effect
    chosen = ComparisonSettings(smallest_effect=limit, seed=seed, inputs=budget)
    store = Store.look(settings)
    try:
        columns = _columns(store, prompt, [str(v) for v in versions], models, chosen)
        inputs = [call for column in columns for call in column.evidence.traffic]
        if file is not None:
            # The file against its own revision, or against the version called last.
            columns = [] if ref is not None and not versions else columns[-1:]
            columns += _drafts(Path(file), ref, inputs[-1].model)
        if len(columns) < 2:
            raise NothingToCompare(
                f"{prompt!r} has been called in version {columns[0].label!r} only: name two "
                "models, or a file with another version."
            )
        replayer = VersionReplay(store, settings, prompt, inputs, seed, model, app)
        with one_thread():
            return _compare(settings, prompt, columns, replayer, chosen, budget)
    finally:
        store.close()


def influences(
    prompt: str,
    *,
    version: str | int | None = None,
    last: int = 1000,
    seed: int = 0,
    settings: Settings | None = None,
) -> Comparison:
    """Which instructions and documents mattered over the last calls of a prompt.

    Reads the store only, and asks no model.

    Args:
        prompt: the name of the Prompt.
        version: by default the one called last.
        last: how many of its calls count.
        seed: decides which calls are sampled where there are very many.
        settings: by default those of the environment and the nearest `smile_trace.toml`.

    Returns:
        A Comparison of that one version, with its parts (over the template) and its passages.

    Raises:
        NothingToCompare: no such prompt or version.
        ValueError: last is below 1.
    """
    if last < 1:
        raise ValueError("last is at least 1")
    settings = settings or Settings()
    chosen = ComparisonSettings(smallest_effect=settings.explain.smallest_effect, seed=seed)
    store = Store.look(settings)
    try:
        known = versions_of(store, prompt)
        label = list(known)[-1] if version is None else str(version)
        check_version(known, prompt, label)
        evidence = collect(
            store, prompt, label, None, most_calls=chosen.most_calls, seed=seed, last=last
        )
    finally:
        store.close()
    with one_thread():
        units = [] if evidence.unit is None else [evidence.unit]
        found = report_column(Column(label, evidence), prompt, units, chosen, settings)
    return Comparison(
        prompt=prompt,
        versions=(found,),
        summary=summarize_influences(prompt, found),
        settings=chosen,
        compared_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _columns(
    store: Store,
    prompt: str,
    versions: Sequence[str],
    models: Sequence[str],
    chosen: ComparisonSettings,
) -> list[Column]:
    """The versions that were called, each under each model."""
    known = versions_of(store, prompt)
    for version in versions:
        check_version(known, prompt, version)
    columns = []
    for version in versions or list(known)[-1 if len(models) > 1 else -2 :]:
        own: list[str | None] = [*(models or models_of(store, prompt, version)[:1])]
        for model in own or [None]:
            evidence = collect(
                store, prompt, version, model, most_calls=chosen.most_calls, seed=chosen.seed
            )
            label = f"{version} · {model}" if len(models) > 1 else version
            columns.append(Column(label, evidence))
    return columns


def _drafts(file: Path, ref: str | None, model: str | None) -> list[Column]:
    """Templates without calls: a file, and a revision of it if one is named."""
    texts = {"working copy": read_file(file)}
    if ref is not None:
        texts = {ref: read_revision(file, ref), **texts}
    return [
        Column(label, Evidence(version=label, model=model, template=text, calls=0, traffic=[]))
        for label, text in texts.items()
    ]


def _compare(
    settings: Settings,
    prompt: str,
    columns: Sequence[Column],
    replayer: VersionReplay,
    chosen: ComparisonSettings,
    budget: int,
) -> Comparison:
    units: list[Unit] = [c.evidence.unit for c in columns if c.evidence.unit is not None]
    reports = [report_column(column, prompt, units, chosen, settings) for column in columns]
    changes = []
    for (k, before), (m, after) in pairwise(enumerate(reports)):
        aligned = align([s.segment for s in before.segments], [s.segment for s in after.segments])
        segments, why = segment_changes(before, after, aligned)
        replayed = replayer.run(before, after, budget // (len(columns) - 1))
        changes.append(
            VersionChange(
                before=k,
                after=m,
                segments=segments,
                why_no_influences=why,
                measures=measure_changes(before.measures, after.measures),
                probes=rate_changes(before.probes, after.probes),
                **vars(replayed),
            )
        )
    limit = chosen.smallest_effect
    corrected = [
        change.model_copy(update={"summary": summarize_change(change, reports, limit)})
        for change in correct(changes)
    ]
    for change in corrected:
        for side, new in ((change.before, False), (change.after, True)):
            reports[side] = as_replayed(reports[side], change, limit, new=new)
    return Comparison(
        prompt=prompt,
        versions=tuple(reports),
        changes=tuple(corrected),
        summary=summarize(prompt, reports, corrected),
        settings=chosen,
        compared_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def report_column(
    column: Column,
    prompt: str,
    units: Sequence[Unit],
    chosen: ComparisonSettings,
    settings: Settings,
) -> VersionReport:
    """Report one column; where it has no rows, its template is cut as the others' `units` say."""
    evidence = column.evidence
    segments: tuple[TemplateSegment, ...] = evidence.segments
    if evidence.rows is None:
        unit: Unit = "word" if set(units) == {"word"} else "sentence"
        segments = segment_template(prompt, evidence.version, evidence.template, unit)
    asked = table_of(settings.models, evidence.model or "*")
    base_url = asked.base_url if isinstance(asked, ServerSettings) else None
    return report(evidence, column.label, segments, chosen.smallest_effect, base_url)
