"""Where a settings file may send prompts and keys without a question, and what is kept of a yes."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smile_trace.cli import app as cli
from smile_trace.cli.deliver import discover_trackers
from smile_trace.errors import ReasonCode
from smile_trace.explaining.preparation import named_model
from smile_trace.models.kinds.endpoint import EndpointSettings
from smile_trace.settings import Settings
from smile_trace.ship.settings import read_settings
from smile_trace.sources.protocol import pulled
from smile_trace.store import Store
from smile_trace.trust import ACCOUNTS, NotTrusted, allow, check, to_allow
from smile_trace.trust.settings_file import SettingsFile, load
from smile_trace.worker.doctor import examine
from smile_trace.worker.run import run as run_worker
from smile_trace_otlp.tracker import PRESETS

MODEL = '[models.m]\nkind = "endpoint"\nbase_url = "{}"\n'
UPPER = MODEL.replace(".m]", ".M]")
KEYED = MODEL + 'api_key_env = "{}"\n'


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this user with a home elsewhere."""
    (folder := tmp_path / "work").mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SMILE_TRACE_HOME", str(tmp_path / "home"))
    return folder


def asked(text: str) -> list[tuple[str, list[str]]]:
    """The hosts that are asked about, each with what is."""
    Path("smile_trace.toml").write_text(text)
    file = load()
    assert file is not None
    return [(one.name, one.to_ask) for one in to_allow(file, {})]


@pytest.mark.parametrize(
    "text",
    [
        KEYED.format("https://api.openai.com/v1", "OPENAI_API_KEY"),
        KEYED.format("https://eu.api.openai.com/v1", "OPENAI_API_KEY"),
        MODEL.format("https://api.openai.com:443/v1"),
        '[models.m]\nkind = "anthropic"\n',
        KEYED.format("http://127.0.0.1:8000/v1", "AWS_SECRET_ACCESS_KEY"),
        KEYED.format("http://localhost:11434/v1", "ANY"),
        KEYED.format("http://[::1]:8000/v1", "ANY"),
        MODEL.format("http://0.0.0.0:8000/v1"),
        '[models.m]\nkind = "local"\n',
        "[trackers.langfuse]\n",
        '[trackers.langfuse]\nurl = "https://us.cloud.langfuse.com"\n',
        '[trackers.mlflow]\ntracking_uri = "http://localhost:5000"\nui_url = "https://ml.example"\n',
        '[trackers.opik]\nurl = "https://www.comet.com/opik/api"\n',
        '[trackers.otlp]\npreset = "honeycomb"\n',
        '[trackers.otlp]\npreset = "honeycomb"\nendpoint = "https://api.eu1.honeycomb.io"\n',
        '[trackers.otlp]\nendpoint = "http://localhost:4318"\nheader_env = {a = "ANY"}\n',
        '[store]\nurl = "postgresql://role@localhost:5432/name"\npassword_env = "ANY"\n',
        '[store]\nurl = "postgresql:///name?host=/var/run/postgresql"\n',
        '[ship]\nurl = "http://127.0.0.1:4318"\ntoken_env = "ANY"\n',
    ],
)
def test_a_providers_own_host_and_this_machine_are_not_asked_about(text: str) -> None:
    assert asked(text) == []


@pytest.mark.parametrize(
    ("text", "name", "what"),
    [
        (MODEL.format("https://models.example/v1"), "https://models.example", [""]),
        (
            KEYED.format("https://models.example:8443/v1", "OPENAI_API_KEY"),
            "https://models.example:8443",
            ["", "OPENAI_API_KEY"],
        ),
        (KEYED.format("https://api.openai.com/v1", "AWS"), "https://api.openai.com", ["AWS"]),
        (
            KEYED.format("https://api.anthropic.com/v1", "OPENAI_API_KEY"),
            "https://api.anthropic.com",
            ["OPENAI_API_KEY"],
        ),
        (
            '[models.m]\nkind = "anthropic"\napi_key_env = "AWS"\n',
            "https://api.anthropic.com",
            ["AWS"],
        ),
        (
            '[trackers.langfuse]\nurl = "https://lang.example"\n',
            "https://lang.example",
            ["", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"],
        ),
        (
            # A source takes this address, too.
            '[trackers.langfuse]\nenabled = false\nurl = "https://lang.example"\n',
            "https://lang.example",
            ["", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"],
        ),
        (
            '[sources.opik]\nurl = "https://opik.example/api"\n',
            "https://opik.example",
            ["", "OPIK_API_KEY"],
        ),
        (
            '[trackers.otlp]\npreset = "honeycomb"\nendpoint = "https://in.example"\n',
            "https://in.example",
            ["", "HONEYCOMB_API_KEY"],
        ),
        (
            '[trackers.otlp]\npreset = "honeycomb"\nheader_env = {a = "AWS"}\n',
            "https://api.honeycomb.io",
            ["AWS"],
        ),
        ('[trackers.plugin]\nwhere = "grpc://in.example"\n', "grpc://in.example", [""]),
        ('[sources.plugin]\nall = ["https://in.example/a"]\n', "https://in.example", [""]),
        (
            '[store]\nurl = "postgresql://role@db.example/n"\npassword_env = "AWS"\n',
            "postgresql://db.example",
            ["", "AWS"],
        ),
        (
            '[ship]\nurl = "https://in.example"\ntoken_env = "AWS"\n',
            "https://in.example",
            ["", "AWS"],
        ),
        (
            '[worker]\notlp_endpoint = "http://in.example:4318"\n',
            "http://in.example:4318",
            ["", "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"],
        ),
    ],
)
def test_every_other_host_is_asked_about(text: str, name: str, what: list[str]) -> None:
    assert asked(text) == [(name, what)]


@pytest.mark.parametrize(
    "address",
    [
        "http://api.openai.com/v1",  # whoever is on the way reads it
        "https://api.openai.com:8443/v1",
        "https://api.openai.com.evil.example/v1",
        "https://evil-api.openai.com.example/v1",
        "https://api.openai.com./v1",
        "https://api.openai.com@evil.example/v1",
        "https://evil.example\\\\@api.openai.com/v1",
        "https://api.openai.com%2eevil.example/v1",
        "https://api.openai.com\\t.evil.example/v1",
        "https://ａpi.openai.com/v1",
        "https://evil.example#@api.openai.com/v1",
        "http://127.0.0.1.evil.example/v1",
        "http://evil.localhost/v1",
        "http://localhost@evil.example/v1",
        "http://2130706433/v1",
        "http://169.254.169.254/v1",
        "http://[::ffff:10.0.0.1]/v1",
    ],
)
def test_an_address_that_only_looks_like_one_of_those_is_asked_about(address: str) -> None:
    assert asked(KEYED.format(address, "OPENAI_API_KEY"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://role@localhost/n?host=db.example",
        "postgresql://role@localhost/n?%68ost=db.example",
        "postgresql://role@localhost/n?a=b&hostaddr=10.0.0.1",
        "postgresql://role@localhost/n?service=elsewhere",
        "postgresql://role@localhost,db.example/n",
        "postgresql://role@localhost@db.example/n",
        "postgres://role@db.example/n",
    ],
)
def test_a_database_that_is_asked_elsewhere_is_asked_about(url: str) -> None:
    assert asked(f'[store]\nurl = "{url}"\npassword_env = "KEY"\n')


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        ("OPENAI_BASE_URL", "https://in/v1", KEYED.format("https://in", "OPENAI_API_KEY")),
        ("LANGFUSE_HOST", "https://in", '[trackers.langfuse]\nurl = "https://in"\n'),
        ("MLFLOW_TRACKING_URI", "http://ml", '[trackers.mlflow]\ntracking_uri = "http://ml"\n'),
        ("OPIK_URL_OVERRIDE", "http://o/api", '[sources.opik]\nurl = "http://o/api"\n'),
        ("OLLAMA_HOST", "gpu:11434", MODEL.format("http://gpu:11434/v1")),
        ("SMILE_TRACE_MODELS__M__BASE_URL", "https://in.example", KEYED.format("https://x", "AWS")),
        ("SMILE_TRACE_MODELS", '{"m": {"base_url": "https://in.example"}}', MODEL.format("http://x")),
        ("SMILE_TRACE_SHIP__URL", "https://in.example", '[ship]\nurl = "https://x"\n'),
        ("SMILE_TRACE_STORE__URL", "postgresql://db/n", '[store]\nurl = "postgresql://x/n"\n'),
    ],
)  # fmt: skip
def test_an_address_of_the_environment_is_the_persons_own_word(
    variable: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert asked(text)
    monkeypatch.setenv(variable, value)
    assert asked(text) == []


@pytest.mark.parametrize(
    ("variable", "value", "text"),
    [
        # The environment says where OpenAI's key goes, not every key.
        ("OPENAI_BASE_URL", "https://in.example/v1", KEYED.format("https://in.example", "AWS")),
        ("OPENAI_BASE_URL", "https://in.example/v1", MODEL.format("http://in.example/v1")),
        # pydantic reads the variable's table as "m".
        ("SMILE_TRACE_MODELS__M__BASE_URL", "https://y", UPPER.format("https://x")),
        ("SMILE_TRACE_MODELS__M__MODEL", "m", MODEL.format("https://x")),
        ("SMILE_TRACE_MODELS", '{"n": {"base_url": "https://y"}}', MODEL.format("https://x")),
    ],
)  # fmt: skip
def test_another_word_of_the_environment_allows_nothing(
    variable: str, value: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    assert asked(text)


def test_arguments_go_before_the_file() -> None:
    Path("smile_trace.toml").write_text(MODEL.format("https://x/v1"))
    with pytest.raises(NotTrusted):
        Settings().check_trust()
    given = EndpointSettings(base_url="https://in.example/v1")
    Settings(models={"m": given}).check_trust()
    Settings(models={"m": {"base_url": "https://in.example/v1"}}).check_trust()


def test_a_file_in_the_home_is_the_persons_own(work: Path, tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir(mode=0o700)
    (home / "smile_trace.toml").write_text(KEYED.format("https://in.example", "AWS"))
    Settings().check_trust()
    # The home that a file names is not this user's word.
    (work / "smile_trace.toml").write_text(
        f'home = "{work}"\n' + KEYED.format("https://in.example", "AWS")
    )
    with pytest.raises(NotTrusted):
        Settings().check_trust()


def test_a_home_that_is_relative_holds_no_record(
    work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder of somebody else's may bring one with it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SMILE_TRACE_HOME", "brought")
    (work / "brought").mkdir(mode=0o700)
    text = KEYED.format("https://in.example", "AWS")
    (work / "brought" / "smile_trace.toml").write_text(text)
    monkeypatch.chdir(work / "brought")
    assert asked(text)
    record = {str(Path("smile_trace.toml").resolve()): {"https://in.example": ["", "AWS"]}}
    Path("trusted.json").write_text(json.dumps(record))
    Path("trusted.json").chmod(0o600)
    assert asked(text)


@pytest.mark.parametrize("how", ["open to others", "another user's", "broken", "a link"])
def test_a_record_that_others_can_have_written_is_not_believed(
    how: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    text = KEYED.format("https://in.example", "AWS")
    asked(text)
    file = load()
    assert file is not None
    allow(file.path, to_allow(file, {}))
    assert asked(text) == []
    record = tmp_path / "home" / "trusted.json"
    assert record.stat().st_mode & 0o777 == 0o600
    if how == "open to others":
        record.chmod(0o666)
    elif how == "another user's":
        os.chown(record, request.getfixturevalue("other"), -1)
    elif how == "broken":
        record.write_text('{"a": [')
    else:
        record.rename(tmp_path / "elsewhere")
        record.symlink_to(tmp_path / "elsewhere")
    assert asked(text)


def test_what_root_put_there_is_the_administrators_word() -> None:
    table = {"models": {"m": {"kind": "endpoint", "base_url": "https://in.example"}}}
    assert to_allow(SettingsFile(Path("x"), table, by_administrator=True), {}) == []
    assert to_allow(SettingsFile(Path("x"), table), {})


SENDS: dict[str, tuple[str, Callable[[], object]]] = {
    "a model": ("models", lambda: named_model("m", Settings(), None)),
    "trackers": ("trackers", lambda: discover_trackers(Settings())),
    "sources": ("sources", lambda: pulled(Settings())),
    "the store": ("store", lambda: Store.look(Settings())),
    "ship": ("ship", read_settings),
    "doctor": ("models", lambda: examine(Settings())),
    "the worker": ("worker", lambda: run_worker(Settings(), once=True)),
}
TABLES = {
    "models": KEYED.format("http://192.0.2.1/v1", "AWS_SECRET_ACCESS_KEY"),
    "trackers": '[trackers.langfuse]\nurl = "http://192.0.2.1"\n',
    "sources": '[sources.langfuse]\nurl = "http://192.0.2.1"\nenvironments = ["default"]\n',
    "store": '[store]\nurl = "postgresql://r@192.0.2.1/n"\npassword_env = "AWS"\n',
    "ship": '[ship]\nurl = "http://192.0.2.1"\ntoken_env = "AWS_SECRET_ACCESS_KEY"\n',
    "worker": '[worker]\notlp_endpoint = "http://192.0.2.1:4318"\n',
}


@pytest.mark.parametrize(("table", "send"), SENDS.values(), ids=SENDS)
def test_nothing_is_sent_before_it_is_allowed(
    table: str, send: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"):
        monkeypatch.setenv(name, "made-up-for-this")
    Path("smile_trace.toml").write_text(TABLES[table])
    with pytest.raises(NotTrusted) as caught:
        send()
    said = str(caught.value)
    assert caught.value.code is ReasonCode.SETTINGS_NOT_TRUSTED
    assert f"smile-trace trust {Path('smile_trace.toml').resolve()}" in said
    assert "192.0.2.1" in said
    assert "made-up-for-this" not in said


def test_what_asks_nobody_needs_no_yes() -> None:
    Path("smile_trace.toml").write_text(TABLES["models"] + TABLES["trackers"] + TABLES["ship"])
    for command in (["status"], ["calls"], ["worker", "--dry-run"]):
        done = CliRunner().invoke(cli.app, command)
        assert not isinstance(done.exception, NotTrusted), command


def test_the_command_says_what_it_allows_and_an_edit_that_adds_a_host_asks_again() -> None:
    text = KEYED.format("https://in.example/v1", "AWS") + TABLES["trackers"]
    file = Path("smile_trace.toml")
    file.write_text(text)
    done = CliRunner().invoke(cli.app, ["trust", "--json", str(file)])
    assert done.exit_code == 0
    assert json.loads(done.stdout)["allows"] == [
        {"address": "https://in.example", "variables": ["AWS"]},
        {
            "address": "http://192.0.2.1",
            "variables": ["LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY"],
        },
    ]
    assert asked(text) == []
    assert asked("[sampling]\nrate = 0.5\n" + text.replace("/v1", "/v2")) == []
    assert asked(KEYED.format("https://in.example/v1", "AWS")) == []
    assert asked(text.replace('"AWS"', '"GITHUB_TOKEN"')) == [
        ("https://in.example", ["", "GITHUB_TOKEN"])
    ]
    assert asked(text + MODEL.format("https://new.example").replace(".m]", ".n]")) == [
        ("https://new.example", [""])
    ]
    elsewhere = Path("elsewhere.toml")
    elsewhere.write_text(text)
    with pytest.raises(NotTrusted):
        check(load(elsewhere))


@pytest.mark.parametrize("answer", ["y", "n"])
def test_a_terminal_is_asked_once(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("smile_trace.toml").write_text(KEYED.format("http://in.example/v1", "AWS"))
    begun: list[int] = []

    def command() -> None:
        begun.append(1)
        Settings().check_trust("models")

    monkeypatch.setattr(cli, "app", command)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda *_, **__: answer == "y")
    if answer == "y":
        cli.main()
        cli.main()
        assert len(begun) == 3
    else:
        with pytest.raises(SystemExit):
            cli.main()
        assert begun == [1]
    shown = capsys.readouterr().err
    assert shown.count("  prompts and answers with AWS to http://in.example\n") == 1


def test_the_presets_of_otlp_have_the_keys_and_hosts_that_are_known_here() -> None:
    for name, preset in PRESETS.items():
        if preset.headers:
            assert preset.endpoint is not None
            assert {header.variable for header in preset.headers} == set(ACCOUNTS[name].keys)
            assert preset.endpoint.split("/")[2] == ACCOUNTS[name].hosts[0]
