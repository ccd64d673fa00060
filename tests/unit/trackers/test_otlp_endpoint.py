"""Where the OTLP tracker sends spans: the settings, a preset, the standard variables."""

import base64

import pytest

from smile_trace.presentable import presentable
from smile_trace_otlp import OtlpTracker
from smile_trace_otlp.endpoint import Endpoint, OtlpOptions, endpoint_of

STANDARD = {
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector.example:4318/",
    "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc,x-tenant=a",
}


def test_the_standard_variables_give_address_and_headers() -> None:
    found = endpoint_of(OtlpOptions(traces=False), STANDARD)
    headers = {"authorization": "Bearer abc", "x-tenant": "a"}
    assert found == Endpoint("https://collector.example:4318", headers, "protobuf")


def test_those_for_traces_go_before_those_for_everything() -> None:
    environment = STANDARD | {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://localhost:9/custom/v1/traces",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "x-tenant=b",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
    }
    found = endpoint_of(OtlpOptions(traces=False), environment)
    assert found == Endpoint("http://localhost:9/custom", {"x-tenant": "b"}, "json")


def test_the_headers_of_one_backend_are_never_sent_to_another() -> None:
    found = endpoint_of(OtlpOptions(preset="jaeger"), STANDARD)
    assert found.base == "http://localhost:4318"
    assert found.headers == {}
    found = endpoint_of(OtlpOptions(endpoint="http://localhost:1"), STANDARD)
    assert found.headers == {}


def test_a_preset_takes_its_headers_from_the_variables_of_its_backend() -> None:
    environment = {"WANDB_API_KEY": "secret", "WEAVE_PROJECT": "team/shop"}
    found = endpoint_of(OtlpOptions(preset="weave"), environment)
    basic = base64.b64encode(b"api:secret").decode()
    assert found.headers == {"Authorization": f"Basic {basic}", "project_id": "team/shop"}
    assert found.base == "https://trace.wandb.ai/otel"


def test_what_headers_hold_is_shown_nowhere() -> None:
    """A server may quote them in its replies."""
    options = OtlpOptions(preset="weave", header_env={"x-team": "TEAM"})
    environment = {"WANDB_API_KEY": "plainpass", "WEAVE_PROJECT": "a/b", "TEAM": "plainteam"}
    sent = endpoint_of(options, environment).headers.values()
    assert presentable(" ".join([*sent, "plainpass"])).count("[redacted]") == 3
    endpoint_of(
        OtlpOptions(traces=False), STANDARD | {"OTEL_EXPORTER_OTLP_HEADERS": "x=plainvalue"}
    )
    assert presentable("bad x: plainvalue") == "bad x: [redacted]"


def test_named_variables_give_further_headers() -> None:
    options = OtlpOptions(endpoint="http://localhost:1/v1/traces/", header_env={"x-key": "KEY"})
    found = endpoint_of(options, {"KEY": "k"})
    assert found == Endpoint("http://localhost:1", {"x-key": "k"}, "protobuf")


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ({"traces": False}, {}, "has no address: set endpoint or preset, or OTEL_EXPORTER"),
        ({"preset": "honeycomb"}, {}, "comes from HONEYCOMB_API_KEY: set it"),
        ({"preset": "grafana_cloud"}, {}, "has no address"),
        ({"endpoint": "localhost:4317"}, {}, "begins with http"),
        ({"endpoint": "http://h/v1/traces?token=a"}, {}, "without"),
        ({"endpoint": "http://h", "header_env": {"a": "NOT_SET"}}, {}, "comes from NOT_SET"),
        ({"traces": True}, STANDARD | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "over HTTP only"),
        ({"preset": "datadog", "encoding": "json"}, {"DD_API_KEY": "k"}, "protobuf only"),
    ],
)
def test_what_cannot_be_used_says_what_to_set(
    options: dict[str, object], environment: dict[str, str], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        endpoint_of(OtlpOptions.model_validate(options), environment)


def test_the_standard_variables_alone_ask_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in STANDARD.items():
        monkeypatch.setenv(name, value)
    assert OtlpTracker.from_settings({}) is None


@pytest.mark.parametrize("preset", ["nobody", 3])
def test_an_unknown_preset_is_refused(preset: object) -> None:
    with pytest.raises(ValueError, match="preset"):
        OtlpTracker.from_settings({"preset": preset})
