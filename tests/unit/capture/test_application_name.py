"""The service is called after the application, not after what runs it."""

import sys
from importlib.machinery import ModuleSpec

import pytest

from smile_trace.capture.application_name import application_name


@pytest.mark.parametrize(
    ("command", "module", "name"),
    [
        (["/srv/shop/app.py"], None, "app"),
        (["/srv/shop/app.py", "other:thing"], None, "app"),
        (["/srv/shop/shop/__main__.py"], "shop.__main__", "shop"),
        (["/srv/shop/shop/worker.py"], "shop.worker", "shop.worker"),
        (["/usr/bin/uvicorn", "--port", "80", "shop.api:app"], None, "shop.api"),
        (["/lib/uvicorn/__main__.py", "shop.api:create()"], "uvicorn.__main__", "shop.api"),
        (["/usr/bin/gunicorn", "-w", "4", "shop:app"], None, "shop"),
        (["/usr/bin/streamlit", "run", "pages/chat.py"], None, "chat"),
        (["/usr/bin/uvicorn", "--help"], None, "uvicorn"),
        (["/usr/bin/pytest", "tests/test_it.py"], None, "pytest"),
        (["/lib/ipykernel_launcher.py", "-f", "k.json"], "ipykernel_launcher", "reviews"),
        (["-c"], None, "unknown_service"),
        ([""], None, "unknown_service"),
    ],
)
def test_the_application_is_named(
    command: list[str], module: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", command)
    spec = None if module is None else ModuleSpec(module, None)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", spec)
    monkeypatch.setenv("JPY_SESSION_NAME", "/home/ann/reviews.ipynb")
    assert application_name() == name
