"""What a wheel lacks of its packages is told with the setting of the build backend that adds it."""

from __future__ import annotations

from pathlib import Path

import pytest

from releaser.build.project.missing_files import missing_files


@pytest.mark.parametrize(
    ("backend", "setting"),
    [
        ("setuptools.build_meta", '[tool.setuptools.package-data] shop = ["**/*.html"] adds them'),
        ("poetry.core.masonry.api", '[tool.poetry] include = ["shop/**/*"] adds them'),
        ("hatchling.build", '[tool.hatch.build] artifacts = ["shop/**"] adds what git ignores'),
        ("pdm.backend", '[tool.pdm.build] includes = ["shop/**/*"] adds them'),
        ("own.backend", "its build backend leaves them out; include_tree = true"),
    ],
)
@pytest.mark.parametrize("source", ["", "src/"])
def test_the_setting_is_that_of_the_backend(tmp_path: Path, backend: str, setting: str, source: str) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[build-system]\nrequires = []\nbuild-backend = "{backend}"\n')
    for name in ("__init__.py", "page.html", "README.md", "fast.c"):
        path = tmp_path / source / "shop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")

    (told,) = missing_files(tmp_path, ("shop/__init__.py",), tmp_path / "_build")

    assert told.startswith(f"1 file of the package shop is not in the project's wheel: shop/page.html; {setting}")
    assert list(missing_files(tmp_path, ("shop/__init__.py", "shop/page.html"), tmp_path / "_build")) == []
