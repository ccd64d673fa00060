"""`compare()`: versions of a prompt side by side, or what mattered in a single version's calls."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from smile_trace.attribution.one_thread import one_thread
from smile_trace.comparison.changes import as_replayed, correct, measure_changes, segment_changes
from smile_trace.comparison.edits import align
from smile_trace.comparison.evidence import (
    Evidence,
    check_version,
    collect,
    models_of,
    template_of,
    versions_of,
)
from smile_trace.comparison.report import what_mattered
from smile_trace.comparison.sentences import summarize, summarize_change, summarize_mattered
from smile_trace.comparison.templates import read_file, read_revision
from smile_trace.comparison.version_replay import VersionReplay
from smile_trace.comparison.version_report import report
from smile_trace.explaining.options import AnyModel
from smile_trace.explaining.spending import Estimate
from smile_trace.models.registry import settings_of
from smile_trace.probes.rates import rate_changes
from smile_trace.records import Call
from smile_trace.records.comparison import (
    Comparison,
    ComparisonSettings,
    VersionChange,
    VersionReport,
)
from smile_trace.records.report import Report
from smile_trace.settings import ModelSettings, Settings, table_of
from smile_trace.store import Store

MOST_VERSIONS = 20
"""Newest logged versions among which a branch's templates are looked for."""


def compare(
    prompt: str | None = None,
    *,
    versions: Sequence[str | int] = (),
    since: datetime | None = None,
    models: Sequence[str] = (),
    file: str | Path | None = None,
    ref: str | None = None,
    budget: int = 40,
    seed: int = 0,
    model: AnyModel | None = None,
    app: str | None = None,
    settings: Settings | None = None,
    agree: Callable[[Estimate], None] | None = None,
) -> Comparison:
    """Compare versions of a prompt over its logged calls, or say what mattered in a single
    version's calls. Works in a running event loop too.

    Without a second version no model is asked: the parts of the template are pooled over the calls,
    and the Comparison's `mattered` counts in how many of them each instruction, document, tool and
    turn mattered.

    Args:
        prompt: the name of a Prompt, or of a function without one; by default all together, for
            which only `mattered` is known.
        versions: in the order of the comparison; by default the last two that were called. One
            version with two models compares the models.
        since: only calls that began then or later count, and `mattered` is compared with the period
            before. A time without a zone is UTC.
        models: captured names of models; by default each version's own most frequent one.
        file: a file that holds a template: the version "working copy", compared last.
        ref: a git revision of that file (`HEAD~1`): the version before it.
        budget: the most new calls to models: logged inputs are replayed through both versions. 0
            reads the store only. The settings' daily caps hold as well.
        seed: decides which calls and inputs are sampled.
        model: who answers the replayed inputs (a name, a Model or a function `str -> str`); by
            default what the settings map each version's model to.
        app: the module of the application, for calls of a model of kind "rerun": their functions
            are called again with both versions.
        settings: by default those of the environment and the nearest `smile_trace.toml`.
        agree: is told the most that would be asked of each model, before anything is; what it
            raises ends the comparison.

    Raises:
        NothingToCompare: no such prompt or version, or none of its calls; the message says what to
            do.
        ValueError: budget is negative.
    """
    if budget < 0:
        raise ValueError("budget must not be negative")
    settings = settings or Settings()
    limit = settings.explain.smallest_effect
    chosen = ComparisonSettings(smallest_effect=limit, seed=seed, inputs=budget)
    begin = None if since is None else _seconds(since)
    with Store.look(settings) as store:
        versioned = bool(versions or models or file) or _is_prompt(store, prompt)
        if prompt is None or not versioned:
            return _mattered(what_mattered(store, prompt, since=begin), [], prompt, chosen)
        columns = _columns(store, prompt, [str(v) for v in versions], models, begin or 0.0, chosen)
        inputs = _inputs(columns)
        if file is not None:
            # The file against its own revision, or against the version called last.
            drafts = _drafts(Path(file), ref, columns[-1].traffic[-1].model)
            columns = [*([] if ref is not None and not versions else columns[-1:]), *drafts]
        if len(columns) > 1:
            ready = PreparedComparison(
                store, settings, prompt, columns, inputs, chosen, model=model, app=app
            )
            if agree is not None:
                for most in ready.estimates():
                    agree(most)
            return ready.run()
        with one_thread():
            [column] = columns
            alone = report(column, prompt, set(), limit, settings)
            version = column.version if versions else None
            mattered = what_mattered(store, prompt, since=begin, version=version)
            return _mattered(mattered, [alone], prompt, chosen)


@dataclass(frozen=True)
class PreparedComparison:
    """Versions that are ready to be compared: nothing was asked yet.

    `columns`: the versions, two or more; `inputs`: the calls that are replayed through them;
    `model` and `app`: as for `compare`. The budget is `chosen.inputs`.
    """

    store: Store
    settings: Settings
    prompt: str
    columns: Sequence[Evidence]
    inputs: Sequence[Call]
    chosen: ComparisonSettings
    model: AnyModel | None = None
    app: str | None = None

    def estimates(self) -> list[Estimate]:
        """The most that is asked of each model; nothing without a budget. Raises NoModel if the
        settings have no such `model`."""
        most, models = self.chosen.inputs, self.settings.models
        tables: dict[str, ModelSettings | None]
        if isinstance(self.model, str):
            tables = {self.model: settings_of(self.model, self.settings)}
        else:
            own = [one.model or self.inputs[0].model or "*" for one in self.columns]
            tables = {name: table_of(models, name) for name in own}
        return [Estimate.of_calls(*one, self.inputs, most) for one in tables.items() if most]

    def run(self) -> Comparison:
        """Replay and compare; what cannot be asked is said in the comparison."""
        with one_thread():
            replayer = VersionReplay(
                *(self.store, self.settings, self.prompt, self.inputs, self.chosen.seed),
                *(self.model, self.app),
            )
            return _compare(
                *(self.settings, self.prompt, self.columns, replayer),
                *(self.chosen, self.chosen.inputs),
            )


def prepare_change(
    store: Store,
    settings: Settings,
    prompt: str,
    templates: Mapping[str, str],
    given: Sequence[Call],
    *,
    chosen: ComparisonSettings,
    model: AnyModel | None = None,
    app: str | None = None,
) -> PreparedComparison:
    """Prepare two templates of a prompt, by their labels, for a comparison on the `given` calls, or
    else on those that are logged. A template that a logged version has comes with what is known of
    that version. Raises NothingToCompare if there is no call."""
    logged = (
        [] if given else _columns(store, prompt, _alike(store, prompt, templates), (), 0, chosen)
    )
    inputs = given or _inputs(logged)
    name = model if isinstance(model, str) else (logged and logged[-1].model) or inputs[-1].model
    own = {one.template: one for one in logged if one.model in (None, name)}
    columns = [
        replace(own[text], label=label, model=name)
        if text in own
        else Evidence(label, label, name, text, calls=0, traffic=[])
        for label, text in templates.items()
    ]
    return PreparedComparison(store, settings, prompt, columns, inputs, chosen, model, app)


def prepare_versions(
    store: Store,
    settings: Settings,
    prompt: str,
    versions: Sequence[str],
    *,
    chosen: ComparisonSettings,
    model: AnyModel | None = None,
    app: str | None = None,
) -> PreparedComparison:
    """Prepare two or more logged versions for a comparison. Raises NothingToCompare."""
    columns = _columns(store, prompt, versions, (), 0.0, chosen)
    inputs = _inputs(columns)
    return PreparedComparison(store, settings, prompt, columns, inputs, chosen, model, app)


def _inputs(columns: Sequence[Evidence]) -> list[Call]:
    """The calls that are replayed. What an edit does may show in the steps towards an answer alone:
    in a tool's call."""
    return [call for one in columns for call in (*one.traffic, *one.steps)]


def _alike(store: Store, prompt: str, templates: Mapping[str, str]) -> list[str]:
    """The logged versions that have one of the templates, else the last two."""
    known = versions_of(store, prompt)[-MOST_VERSIONS:]
    texts = templates.values()
    return [one for one in known if template_of(store, prompt, one) in texts] or known[-2:]


def _is_prompt(store: Store, name: str | None) -> bool:
    with store.reading_prompts() as prompts:
        return name is not None and bool(prompts.versions(name))


def _seconds(time: datetime) -> float:
    """Unix seconds, at least 0; a time without a zone is UTC."""
    return max((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp(), 0.0)


def _mattered(
    mattered: Report,
    versions: Sequence[VersionReport],
    prompt: str | None,
    chosen: ComparisonSettings,
) -> Comparison:
    return Comparison(
        prompt=prompt or "",
        versions=tuple(versions),
        mattered=mattered,
        summary=summarize_mattered(mattered, versions),
        settings=chosen,
        compared_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _columns(
    store: Store,
    prompt: str,
    versions: Sequence[str],
    models: Sequence[str],
    since: float,
    chosen: ComparisonSettings,
) -> list[Evidence]:
    known = versions_of(store, prompt, since)
    for version in versions:
        check_version(known, prompt, version)
    columns = []
    for version in versions or known[-1 if len(models) > 1 else -2 :]:
        own: list[str | None] = [*(models or models_of(store, prompt, version)[:1])]
        for model in own or [None]:
            evidence = collect(
                store,
                prompt,
                version,
                model,
                most_calls=chosen.most_calls,
                seed=chosen.seed,
                since=since,
            )
            evidence.label = f"{version} · {model}" if len(models) > 1 else version
            columns.append(evidence)
    return columns


def _drafts(file: Path, ref: str | None, model: str | None) -> list[Evidence]:
    texts = {"working copy": read_file(file)}
    if ref is not None:
        texts = {ref: read_revision(file, ref), **texts}
    return [
        Evidence(label, label, model, text, calls=0, traffic=[]) for label, text in texts.items()
    ]


def _compare(
    settings: Settings,
    prompt: str,
    columns: Sequence[Evidence],
    replayer: VersionReplay,
    chosen: ComparisonSettings,
    budget: int,
) -> Comparison:
    units = {s.unit for column in columns for s in column.segments if s.variable is None}
    limit = chosen.smallest_effect
    reports = [report(column, prompt, units, limit, settings) for column in columns]
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
