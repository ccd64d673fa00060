"""Addresses and error texts of others are shown without secrets and control sequences."""

import base64
import json
import logging
import time

import pytest

from smile_trace._guards.presentable import (
    check_address,
    hide,
    holds_credentials,
    link,
    presentable,
    unpunctuated,
)
from smile_trace.cli.output import JsonLines, _Text
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.settings import Settings, SettingsError
from smile_trace.store.queries.status import Counted
from smile_trace.worker.doctor import Finding
from smile_trace_mlflow import MLflowTracker
from smile_trace_opik import OpikTracker
from tests.support.hostile_server import ESCAPES

KEY = 'odd"shaped\\secret/of+mine'
ADDRESSES = [
    "http://user:hunter2hunter2@host.example:8000/v1",
    "https://hunter2hunter2@host.example/v1",
    "http://:hunter2hunter2@host.example",
    "http://user:hunter2#hunter2@host.example/v1",
    "http://user:hunter2?hunter2@host.example/v1",
    "https://host.example/v1?api_key=hunter2hunter2",
    "https://host.example/v1?a=1&X-Amz-Signature=hunter2hunter2",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_credentials_in_an_address_are_not_shown(address: str) -> None:
    shown = presentable(f"cannot reach {address}, sorry")
    assert "hunter2" not in shown
    assert "host.example" in shown
    assert shown.endswith("sorry")


@pytest.mark.parametrize("form", [str, json.dumps, lambda key: base64.b64encode(key.encode())])
def test_a_known_key_is_not_shown_in_any_form(form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_API_KEY", KEY)
    said = form(KEY)
    said = said.decode() if isinstance(said, bytes) else said
    shown = presentable(f"your key {said} is wrong")
    assert "odd" not in shown
    assert base64.b64encode(KEY.encode()).decode() not in shown


def test_what_stands_behind_a_secret_that_two_rules_find_is_kept() -> None:
    key = "sk-" + "aB3" * 16
    shown = presentable(f"Bearer {key} was refused by the server, ask for another")
    assert key not in shown
    assert shown.endswith(" was refused by the server, ask for another")


def test_the_working_directory_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PWD", "/srv/the-application")
    monkeypatch.setenv("OLDPWD", "/srv/the-application")
    monkeypatch.setenv("DATABASE_PWD", "hunter2hunter2")
    shown = presentable("/srv/the-application/home hunter2hunter2")
    assert shown == "/srv/the-application/home [redacted]"


def test_a_key_is_found_through_control_characters_and_where_the_text_is_long() -> None:
    hide("a-secret-that-was-read")
    broken = "a-secret\x1b[0m-that\u200b-was\x00-read"
    for text in (broken, f"{'x' * 490} {broken}", f"{' ' * 99_980}{broken}{'y' * 10}"):
        assert "a-secret" not in presentable(text)


def test_sequences_that_a_terminal_obeys_are_removed() -> None:
    shown = presentable(f"before {ESCAPES} after\u202e\u2028\ud800")
    assert shown == "before click after"


@pytest.mark.parametrize("address", [*ADDRESSES, "https://user:hunter2hunter2@h.example/x?a=b"])
def test_a_link_is_without_credentials(address: str) -> None:
    packed = base64.b64encode(f"{address}/".encode()).decode()
    for told in (address, f"https://h.example/?t=1&path={packed}"):
        shown = link(told)
        assert "hunter2" not in shown
        assert b"hunter2" not in base64.b64decode(shown.partition("path=")[2])
        assert link(shown) == shown


def test_a_link_still_leads_there() -> None:
    assert link("https://user:hunter2hunter2@h.example:8/a#/b") == "https://h.example:8/a#/b"
    packed, plain = (
        base64.b64encode(f"https://{user}h.example/api/".encode()).decode() for user in ("u:p@", "")
    )
    opik = "https://h.example/api/v1/session/redirect/projects/?trace_id=1&path="
    assert link(opik + packed) == opik + plain
    assert link(opik + plain) == opik + plain
    assert link(f"{opik}not-base64-of-anything") == f"{opik}not-base64-of-anything"


def test_the_length_is_bounded() -> None:
    assert len(presentable("word " * 10**6)) == 500
    assert presentable("short") == "short"


@pytest.mark.parametrize(
    "text", ["?" + "key" * 30_000, "://" + ":" * 90_000, "\x1b]" * 45_000, "a\u200b" * 45_000]
)
def test_the_time_is_bounded(text: str) -> None:
    before = time.thread_time()  # of the processor, which load does not change
    presentable(text)
    holds_credentials(text)
    assert time.thread_time() - before < 2


def test_settings_with_credentials_in_an_address_are_refused() -> None:
    for address in ADDRESSES:
        assert holds_credentials(address)
        with pytest.raises(SettingsError) as refused:
            Settings(models={"m": {"kind": "endpoint", "base_url": address}})
        assert "api_key_env" in str(refused.value)
        assert "hunter2" not in str(refused.value)
    assert EndpointSettings(base_url="http://host.example/v1").base_url


def test_trackers_with_credentials_in_an_address_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for address in ADDRESSES:
        with pytest.raises(ValueError, match="MLFLOW_TRACKING_USERNAME") as refused:
            MLflowTracker.from_settings({"tracking_uri": address})
        assert "hunter2" not in str(refused.value)
        with pytest.raises(ValueError, match="OPIK_API_KEY") as refused:
            OpikTracker.from_settings({"url": address})
        assert "hunter2" not in str(refused.value)
    check_address("http://host.example:5000", "x", "y")


def test_the_log_status_and_doctor_show_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANY_API_KEY", KEY)
    said = f"{ESCAPES}{ADDRESSES[0]} {KEY}"
    record = logging.LogRecord("any", logging.ERROR, "f", 1, "told: %s", (said,), None)
    try:
        raise ValueError(said)
    except ValueError as error:
        record.exc_info = (type(error), error, error.__traceback__)
    shown = [
        _Text("%(message)s").format(record),
        JsonLines().format(record),
        Counted(reason=said, count=1).reason,
        Finding(level="bad", about="model", said=said).said,
    ]
    for text in shown:
        assert "hunter2" not in text
        assert "odd" not in text
        assert "\x1b" not in text


def test_a_text_of_nothing_but_marks_is_left_as_it_is_where_it_is_long() -> None:
    hostile = "a" + "!" * 500_000
    assert unpunctuated(hostile) == hostile


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Rome.", "Rome"),
        ('"Rome",', "Rome"),
        ("(Rome)", "(Rome)"),
        ("Rome).", "Rome"),
        ("(in", "in"),
        ("e.g.", "e.g."),
        ("U.S.", "U.S."),
        ("f(x)", "f(x)"),
        ("-5%", "-5%"),
        ("C++", "C++"),
        ("It is 3.5.", "It is 3.5."),
        ("Rome is old. Say it.", "Rome is old. Say it"),
        ("«Roma»!", "Roma"),
        ("[2] Rome is old.", "[2] Rome is old"),
        ("don't", "don't"),
        ("東京。", "東京"),
        ('"arrives": "Friday",', "arrives: Friday"),
        ('"sizes": [1, 2]', "sizes: [1, 2]"),
        ("...", "..."),
        (":", ":"),
    ],
)
def test_a_name_has_no_punctuation_around_it(text: str, name: str) -> None:
    assert unpunctuated(text) == name
