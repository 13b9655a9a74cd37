"""Two distributions that bring the same file."""

from __future__ import annotations

from pathlib import Path

from releaser.build.bundle.clashes import clashes

SHARED = "__path__ = __import__('pkgutil').extend_path(__path__, __name__)\n"


def installed(folder: Path, **distributions: dict[str, str]) -> list[str]:
    """Install distributions over one another, and return what is said about it."""
    for distribution, files in distributions.items():
        record = folder / f"{distribution}-1.0.dist-info" / "RECORD"
        record.parent.mkdir(parents=True)
        record.write_text("".join(f"{name},,\n" for name in (*files, f"{record.parent.name}/RECORD")))
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    return list(clashes(folder, {"project"}))


def test_what_each_has_for_itself_or_the_project_replaces_is_no_clash(tmp_path: Path) -> None:
    assert installed(tmp_path, a={"corp/a.py": ""}, b={"corp/b.py": ""}, project={"corp/a.py": ""}) == []


def test_the_mark_of_a_shared_package_is_no_clash(tmp_path: Path) -> None:
    files = {"corp/__init__.py": SHARED, "corp/empty/__init__.py": ""}
    assert installed(tmp_path, a=files, b=files) == []


def test_one_file_and_many_are_told(tmp_path: Path) -> None:
    told = installed(
        tmp_path,
        cv={"cv/__init__.py": "x = 1\n", "cv/lib.so": ""},
        cv_headless={"cv/__init__.py": "x = 2\n", "cv/lib.so": ""},
        other={"cv/lib.so": ""},
    )
    assert told == [
        "cv and cv_headless both bring 2 files, cv/__init__.py among them: which one's is in the release is chance",
        "cv and other both bring cv/lib.so: which one's is in the release is chance",
    ]
