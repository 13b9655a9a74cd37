"""How long must what runs live on after its answer?"""

from __future__ import annotations

import pytest

from releaser.config.profile import ReadinessSpec
from releaser.plan.processes import STAY_UP_S, readiness_of

GUNICORN = ("gunicorn", "--workers", "2", "shop:wsgi")


@pytest.mark.parametrize(
    ("kind", "program", "expected"),
    [
        ("started", ("shop-server",), STAY_UP_S),
        ("notify", ("shop-server",), 0.0),
        ("notify", GUNICORN, STAY_UP_S),
        ("notify", ("opentelemetry-instrument", *GUNICORN), STAY_UP_S),
        ("notify", ("gunicorn.app.wsgiapp:run",), STAY_UP_S),
        ("http", GUNICORN, 0.0),
        ("tcp", GUNICORN, 0.0),
    ],
)
def test_a_moment_is_waited_for_where_the_answer_is_not_the_apps(
    kind: str, program: tuple[str, ...], expected: float
) -> None:
    assert readiness_of(ReadinessSpec(kind=kind), program).stay_up_s == expected  # type: ignore[arg-type]


def test_what_the_author_says_holds_for_every_kind() -> None:
    assert readiness_of(ReadinessSpec(kind="http", stay_up_s=5.0), GUNICORN).stay_up_s == 5.0
    assert readiness_of(ReadinessSpec(kind="started", stay_up_s=0.0), GUNICORN).stay_up_s == 0.0
