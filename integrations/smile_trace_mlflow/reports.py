"""A report over a period: a run with its figures, table, picture and page. A rolling report keeps
one run up to date."""

import hashlib
from typing import TYPE_CHECKING

from smile_trace.records import JSON
from smile_trace.records.report import Report
from smile_trace.render import report_to_markdown
from smile_trace.render.comparison.report_words import kind_of, links, title_of
from smile_trace.render.markdown import escape
from smile_trace.render.text import short
from smile_trace.trackers import Receipt
from smile_trace_mlflow.comparisons import as_table, shown_as_tables
from smile_trace_mlflow.runs import EVALUATION_RUN, NOTE_TAG

if TYPE_CHECKING:
    from smile_trace_mlflow.comparisons import Registered
    from smile_trace_mlflow.server import Server

REPORT_TAG = "smile.report"
PAGE, PICTURE, TABLE, RECORD = "report.html", "report.svg", "mattered.json", "report.json"
LONGEST_NOTE = 7000
"""Most characters of a run's description; MLflow takes 8,000."""


def deliver_report(
    server: "Server", report: Report, ui_url: str, registered: "Registered"
) -> Receipt:
    """Overwrite the run of the report's name and days, or of its name alone if it is rolling.
    `registered` maps (name, version, template) to the registry's version with that very template.
    Raises `TrackerUnavailable` and `RequestRejected`."""
    run_id = server.find_or_make_run(REPORT_TAG, _key(report), _name(report), "")
    url = f"{ui_url}/#/experiments/{server.experiment_id}/runs/{run_id}/artifacts/{PAGE}"
    server.write_metrics(run_id, _figures(report))
    rows = _rows(report)
    server.write_artifact(run_id, PAGE, report.to_html())
    server.write_artifact(run_id, PICTURE, report.to_svg())
    server.write_artifact(run_id, RECORD, report.model_dump_json())
    server.write_artifact(run_id, TABLE, as_table(rows))
    tags = {
        **EVALUATION_RUN,
        NOTE_TAG: _description(report, url),
        "mlflow.loggedArtifacts": shown_as_tables({TABLE: rows}),
    }
    server.tag_run(run_id, tags)
    for version, template in report.templates.items():
        if held := registered(report.name or "", version, template):
            server.show_run_at_prompt(run_id, held)
    return Receipt(external_id=run_id, url=url)


def _name(report: Report) -> str:
    return f"What matters in {short(report.name or '')}" if report.rolling else title_of(report)


def _description(report: Report, page: str) -> str:
    """Describe the report on the run's page, in as many rows as there is room for."""
    head = f"{escape(title_of(report))}. [The page](<{page}>)\n\n"
    found = (head + report_to_markdown(report, most=most) for most in (12, 8, 5, 2, 0))
    return next((text for text in found if len(text) <= LONGEST_NOTE), head)


def forget_reports(server: "Server") -> None:
    """Delete all reports: they name documents and count the calls. They can be made anew."""
    for run in server.runs_with(REPORT_TAG):
        server.delete_run(run)


def _figures(report: Report) -> dict[str, float]:
    found = {
        "smile.explained": float(report.explained),
        "smile.inconclusive": float(report.inconclusive),
    }
    if share := report.no_document:
        found |= {
            "smile.no_document_mattered": share.share,
            "smile.no_document_mattered_low": share.low,
            "smile.no_document_mattered_high": share.high,
        }
    return found


def _rows(report: Report) -> list[dict[str, JSON]]:
    return [
        {
            "of": group.kind,
            "name": short(group.name),
            "part": short(part.name),
            "is a": kind_of(part),
            "mattered in": part.mattered.count,
            "of calls": part.mattered.of,
            "open in": part.mattered.open,
            "against in": part.against,
            "share": part.mattered.share,
            "low": part.mattered.low,
            "high": part.mattered.high,
            "drives": part.drove.share if part.drove else None,
            "drives low": part.drove.low if part.drove else None,
            "drives high": part.drove.high if part.drove else None,
            "change": part.change.grown if part.change else None,
            "change low": part.change.low if part.change else None,
            "change high": part.change.high if part.change else None,
            "mean attribution": part.attribution,
            "attribution low": part.ci_low,
            "attribution high": part.ci_high,
            "calls": " ".join(links(part, report)),
        }
        for group in report.groups
        for part in group.parts
    ]


def _key(report: Report) -> str:
    """Return the key that finds the run; a hash, because the name may hold anything."""
    days = ["rolling"] if report.rolling else [report.since[:10], report.until[:10]]
    text = "\0".join([report.name or "", *days])
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
