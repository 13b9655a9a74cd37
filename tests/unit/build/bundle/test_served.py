"""What a server's command line says to serve."""

from __future__ import annotations

import pytest

from releaser.build.bundle.served import served_by


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gunicorn -w 4 shop.web:app", ["shop.web:app"]),
        ("gunicorn shop.web:create_app()", ["shop.web:create_app"]),
        ("opentelemetry-instrument uvicorn --port ${PORT:-8000} shop:app", ["shop:app"]),
        ("uvicorn --fd {socket.web} --factory shop.web:make", ["shop.web:make"]),
        ("python -m gunicorn shop.web:app", ["shop.web:app"]),
        ("gunicorn --bind 0.0.0.0:8000 --forwarded-allow-ips=* shop.web:app.wsgi", ["shop.web:app"]),
        ("gunicorn --chdir site shop.web:app", []),
        ("gunicorn -c conf.py shop.web:app", []),
        ("uvicorn --app-dir=src shop:app", []),
        ("rq worker redis:high", []),
        ("gunicorn ${APP}", []),
    ],
)
def test_the_app_is_the_first_word_of_its_form_unless_it_may_lie_elsewhere(line: str, expected: list[str]) -> None:
    assert list(served_by(tuple(line.split()))) == expected
