"""What the documentation says holds: links lead somewhere, commands exist, configurations are accepted."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from releaser.config import read_config
from releaser.errors import ReleaserError
from releaser.runtime.commands.command_line import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        ROOT / "SECURITY.md",
        *ROOT.glob("releaser/docs/**/*.md"),
    ]
)
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)]*)?\)")
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    page = ROOT / name
    targets = [match[1] for match in LINK.finditer(page.read_text()) if "://" not in match[1]]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_the_other_project_or_a_machine(name: str) -> None:
    text = (ROOT / name).read_text()
    assert "pip install releaser\n" not in text
    assert "pip install releaser`" not in text
    assert not re.search(r"(^|[^A-Za-z0-9_.])/(work|root)/", text)


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    linked = {
        (ROOT / match[1]).resolve()
        for match in LINK.finditer((ROOT / "README.md").read_text())
        if "://" not in match[1]
    }
    pages = {page.resolve() for page in (ROOT / "releaser/docs").glob("**/*.md")}
    assert sorted(str(page.relative_to(ROOT)) for page in pages - linked) == []


def test_the_readme_links_each_page_once() -> None:
    links = [match[1] for match in LINK.finditer((ROOT / "README.md").read_text().split("## Documentation")[1])]
    assert sorted(set(links)) == sorted(links)


def test_the_configuration_of_the_readme_is_accepted(tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    (tmp_path / "rel").mkdir()
    (tmp_path / "rel" / "config.toml").write_text(text)
    profile = read_config(tmp_path / "rel" / "config.toml").profile(None, "prod")
    assert profile.name == "app"


def blocks_of_toml() -> list[tuple[str, str]]:
    """Return what the pages show of a configuration, with the page; those of the reference are tested elsewhere."""
    pages = [page for page in (ROOT / "releaser/docs").glob("**/*.md") if page.name != "config.md"]
    found = [
        (page.stem, text) for page in pages for text in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
    ]
    return [(name, text) for name, text in found if not text.startswith("[[schemas]]")]


@pytest.mark.parametrize(("name", "text"), blocks_of_toml())
def test_what_a_page_shows_of_a_configuration_is_accepted(tmp_path: Path, name: str, text: str) -> None:
    data = tomllib.loads(text)
    if not {"release", "environment"} & set(data):
        text, data = f"[release.shop]\n{text}", {"release": {"shop": data}}
    release, settings = next(iter(data.get("release", {"shop": {}}).items()))
    if not {"entry_point", "command"} & set(settings):
        header = f"[release.{release}]\n"
        entry = f'{header}entry_point = "shop:main"\n'
        text = text.replace(header, entry) if header in text else f"{entry}{text}"
    (tmp_path / "rel").mkdir()
    (tmp_path / "rel/config.toml").write_text(text + ("" if "environment" in data else "\n[environment.prod]\n"))

    assert [what for what in refused(tmp_path / "rel/config.toml") if not what.startswith("needs ")] == [], name


def refused(config: Path) -> list[str]:
    """Return what is wrong with a configuration; a fragment of one may need what stands elsewhere."""
    try:
        found = read_config(config)
        for environment in found.environment_names:
            found.profile(None, environment)
    except ReleaserError as error:
        return [problem.what for problem in error.problems]
    return []


def test_the_two_commands_of_the_readme_are_those_of_the_script() -> None:
    first = re.search(r"```\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert first is not None
    commands = [line.split("#")[0].split() for line in first[1].splitlines()]
    assert commands == [["./dev", "example"], ["./dev", "test"]]
    told = subprocess.run([ROOT / "dev"], capture_output=True, text=True, check=True).stdout
    assert all(" ".join(command) in told for command in commands)


def test_every_command_of_a_release_is_in_the_reference() -> None:
    text = (ROOT / "releaser/docs/reference/commands.md").read_text()
    assert [name for name in COMMANDS if f"`{name}" not in text and f"`{name} " not in text] == []


def test_every_variable_of_the_contract_is_in_the_reference() -> None:
    from releaser.runtime.release.variables.environment import CONTRACT

    text = (ROOT / "releaser/docs/reference/hooks.md").read_text()
    upgrades = ("RELEASE_OLD_VERSION", "RELEASE_NEW_VERSION")
    assert [name for name, _ in CONTRACT if name not in upgrades and f"`{name}`" not in text] == []


def test_the_modules_that_the_map_names_are_there() -> None:
    text = (ROOT / "releaser/docs/explanation/architecture.md").read_text()
    named = {name for name in re.findall(r"`([a-z_]+(?:/[a-z_]+)+)`", text) if not name.startswith("tests/")}
    assert len(named) > 40
    assert [name for name in sorted(named) if not (ROOT / f"releaser/{name}.py").exists()] == []
