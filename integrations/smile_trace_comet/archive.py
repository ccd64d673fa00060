"""Prompt versions as Comet's own offline archives, for machines without a connection to Comet.

`comet upload FOLDER/*.zip` uploads them. The archive tracker has an outbox of its own, so it
continues while the traces of the tracker `comet` wait for a network.
"""

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from smile_trace.records import JSON, Explanation, Record
from smile_trace.trackers import (
    Capabilities,
    CapturedTrace,
    ExplainedCall,
    ForgottenTrace,
    Outcome,
    Receipt,
    Skipped,
    Tracker,
    TrackerUnavailable,
    read_options,
)
from smile_trace_comet import sdk
from smile_trace_comet.contents import (
    ROWS,
    TEMPLATE,
    VersionKey,
    VersionReport,
    explanation_name,
    latest,
    merge_rows,
    page_name,
    read_document,
    report,
    use_of,
    version_keys,
    versions_of,
)

_SCRATCH = ".archive-"


class ArchiveOptions(Record):
    """Options of `[trackers.comet_archive]`."""

    directory: Path
    """The folder of the archives; made when needed."""
    workspace: str | None = None
    """The workspace that the archives are meant for; by default that of whoever uploads them."""
    experiments_project: str = "llm-general-prompts"


class CometArchiveTracker(Tracker):
    """Keeps an archive per prompt version: `KEY.zip`, rebuilt from `KEY/` at every delivery."""

    name: ClassVar[str] = "comet_archive"
    capabilities: ClassVar[Capabilities] = Capabilities(traces=False, forgets=True)

    def __init__(self, options: ArchiveOptions) -> None:
        self.options = options

    @classmethod
    def from_settings(cls, options: Mapping[str, JSON]) -> "CometArchiveTracker | None":
        """Return the tracker for `[trackers.comet_archive]`, or None. Raises `ValueError` on an
        unknown or wrong option, or without the extra `comet`."""
        if not options:
            return None
        checked = read_options(ArchiveOptions, "comet_archive", options)
        if not sdk.installed():
            raise ValueError(
                "archives for Comet need its packages: pip install 'smile-trace[comet]', or remove "
                "[trackers.comet_archive]"
            )
        sdk.disable_auto_logging()
        return cls(checked)

    def deliver_traces(self, items: Sequence[CapturedTrace]) -> list[Outcome]:
        """Skip every item: Comet's archives hold experiments, no traces. Never called."""
        return [Skipped(reason="an archive holds no traces") for _ in items]

    def deliver_explanations(self, items: Sequence[ExplainedCall]) -> list[Outcome]:
        """See `Tracker.deliver_explanations`; a call without a Prompt is in no archive. Raises
        `TrackerUnavailable` if the folder cannot be written."""
        try:
            for (name, version), group in versions_of(items).items():
                self._archive(name, version, group)
        except OSError as error:
            raise TrackerUnavailable(
                f"the archives cannot be written ({error}): make room in, or give write access "
                f"to, {self.options.directory}"
            ) from error
        return [
            Receipt(external_id=item.call.id)
            if item.call.prompts
            else Skipped(reason="the call was made without a Prompt, so it is in no archive")
            for item in items
        ]

    def forget(self, items: Sequence[ForgottenTrace]) -> list[Outcome]:
        """See `Tracker.forget`; archives already uploaded are out of reach. Raises
        `TrackerUnavailable` if the folder cannot be written."""
        workspace, project = self.options.workspace or "", self.options.experiments_project
        try:
            _remove_scratch(self.options.directory)
            for item in items:
                for key in version_keys(item, workspace, project):
                    self._forget(key, {call.id for call in item.calls})
        except OSError as error:
            raise TrackerUnavailable(
                f"the archives cannot be written ({error}): give write access to "
                f"{self.options.directory}"
            ) from error
        return [Receipt(external_id=item.trace_id) for item in items]

    def _forget(self, key: VersionKey, calls: Collection[str]) -> None:
        folder, archive = (self.options.directory / f"{key.key}{end}" for end in ("", ".zip"))
        rows = merge_rows(_read(folder / ROWS), [])
        left = [row for row in rows if row.call not in calls]
        if left == rows:
            return
        archive.unlink(missing_ok=True)
        if not left:
            shutil.rmtree(folder)
            return
        for call in calls:
            for name in (page_name(call), explanation_name(call)):
                (folder / name).unlink(missing_ok=True)
        shown = latest(left, partial(_explanation, folder))
        template = (folder / TEMPLATE).read_text(encoding="utf-8")
        self._write(key, report(key, template, left, shown))

    def _archive(self, name: str, version: str, items: Sequence[ExplainedCall]) -> None:
        workspace, project = self.options.workspace or "", self.options.experiments_project
        key = VersionKey(workspace, project, name, version)
        folder = self.options.directory / key.key
        rows = merge_rows(_read(folder / ROWS), items)
        new = {item.call.id: item.explanation for item in items}
        shown = latest(rows, partial(_explanation, folder), new)
        template = use_of(items[-1], name, version).template
        self._write(key, report(key, template, rows, shown, items))

    def _write(self, key: VersionKey, wanted: VersionReport) -> None:
        folder = self.options.directory / key.key
        for asset in sorted(wanted.assets, key=lambda asset: asset == ROWS):  # the rows last
            _write(folder / asset, wanted.assets[asset])
        write_archive(self.options.directory / f"{key.key}.zip", key, wanted, folder)


def write_archive(path: Path, key: VersionKey, wanted: VersionReport, files: Path) -> None:
    """Write the archive of one experiment, all or nothing, with every file below `files`. Uploaded
    again, it continues the same experiment (`mode="get_or_create"`)."""
    comet_ml = sdk.load().comet_ml
    _remove_scratch(path.parent)
    scratch = Path(tempfile.mkdtemp(prefix=_SCRATCH, dir=path.parent))
    try:
        switched_off = dict.fromkeys(
            (
                *("log_code", "log_graph", "parse_args", "log_git_metadata", "log_git_patch"),
                *("log_env_details", "log_env_gpu", "log_env_host", "log_env_cpu"),
                *("log_env_network", "log_env_disk", "auto_output_logging"),
                *("auto_param_logging", "auto_metric_logging", "auto_log_co2"),
            ),
            False,
        )
        experiment = comet_ml.start(
            online=False,
            mode="get_or_create",
            experiment_key=key.key,
            project_name=key.project,
            workspace=key.workspace or None,
            experiment_config=comet_ml.ExperimentConfig(
                offline_directory=str(scratch), display_summary_level=0, **switched_off
            ),
        )
        experiment.log_parameters(wanted.parameters)
        experiment.log_metrics(wanted.metrics)
        for name, value in wanted.others.items():
            experiment.log_other(name, value)
        experiment.add_tags(wanted.tags)
        experiment.log_html(wanted.html, clear=True)
        for file in sorted(file for file in files.rglob("*") if file.is_file()):
            name = file.relative_to(files).as_posix()
            experiment.log_asset(str(file), file_name=name, overwrite=True)
        experiment.end()
        (made,) = scratch.glob("*.zip")
        os.replace(made, path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _remove_scratch(directory: Path) -> None:
    """Remove scratch folders of killed processes: they hold texts of calls."""
    for left in directory.glob(f"{_SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}")
    scratch.write_bytes(content)
    os.replace(scratch, path)


def _explanation(folder: Path, name: str) -> Explanation | None:
    return read_document(Explanation, _read(folder / name))


def _read(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None
