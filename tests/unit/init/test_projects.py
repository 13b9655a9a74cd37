"""The first configuration of small projects of every usual sort: what is found, what is written, what it means."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from releaser import init
from releaser.cli.output.beginning import changed_lines, found_lines, next_lines, refused_later
from releaser.config import Profile, read_config
from releaser.config.profile import ReadinessSpec
from releaser.errors import ProjectError
from releaser.init.choices import choose, choose_beside, release_name
from releaser.init.files import changes_for, has_release, write
from releaser.init.findings import find

ALEMBIC = {"migrations/env.py": "", "alembic.ini": "[alembic]\nscript_location = %(here)s/migrations\n"}


def make(folder: Path, files: Mapping[str, str], *, dependencies: tuple[str, ...] = (), more: str = "") -> Path:
    """Write a project `Shop-App` with these files; its gunicorn is one without a control socket, if nobody says."""
    listed = json.dumps(["gunicorn<25" if name == "gunicorn" else name for name in dependencies])
    text = f'[project]\nname = "Shop-App"\nversion = "1.0"\ndependencies = {listed}\n{more}'
    for name, content in {"pyproject.toml": text, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def of_root(address: str) -> ReadinessSpec:
    """Return how an app without a health check is asked: any answer of its own says that it was imported."""
    return ReadinessSpec(kind="http", target=f"http://{address}/", status="<500")


def profile_for(folder: Path, environment: str = "prod") -> Profile:
    """Return the profile that the written configuration gives; the reader must accept it as it is."""
    choices = choose(find(folder))
    write(folder, changes_for(folder, choices, is_forced=False).changes)
    return read_config(folder / "rel" / "config.toml").profile(None, environment)


def test_a_project_with_a_script_runs_its_function(tmp_path: Path) -> None:
    make(tmp_path, {"shop.py": "def main(): pass\n"}, more='[project.scripts]\nother = "a:b"\nShop-App = "shop:main"\n')

    profile = profile_for(tmp_path)

    assert (profile.name, profile.entry_point, profile.readiness.kind) == ("shop-app", "shop:main", "started")
    assert profile.include_python is True


def test_a_plain_module_with_a_main_function_runs_it(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"src/shop/__init__.py": "", "src/shop/b.py": "def main(x): pass\n", "src/shop/cli.py": "def main(a=1): ..."},
    )

    assert profile_for(tmp_path).entry_point == "shop.cli:main"


def test_a_package_that_runs_with_python_m_is_run_so(tmp_path: Path) -> None:
    make(tmp_path, {"shop/__init__.py": "", "shop/__main__.py": "print(1)\n"})

    assert profile_for(tmp_path).command == ("python", "-m", "shop")


def test_an_asgi_app_is_served_by_the_server_among_the_dependencies(tmp_path: Path) -> None:
    app = 'import fastapi\napp = fastapi.FastAPI()\n@app.get("/healthz")\ndef health(): ...\n'
    make(
        tmp_path,
        {"src/shop/__init__.py": "", "src/shop/web.py": app},
        dependencies=("fastapi>=0.1", "Uvicorn[standard]"),
    )

    profile = profile_for(tmp_path)

    assert profile.command == ("uvicorn", "--fd", "{socket.web}", "shop.web:app")
    assert profile.sockets == {"web": "127.0.0.1:${PORT:-8000}"}
    assert profile.readiness == ReadinessSpec(kind="http", target="http://127.0.0.1:${PORT:-8000}/healthz")


def test_a_factory_of_an_app_is_served_as_one_unless_it_needs_arguments(tmp_path: Path) -> None:
    app = "from flask import Flask\ndef create_app(config=None):\n    return Flask(__name__)\n"
    make(tmp_path / "a", {"shop/__init__.py": app}, dependencies=("flask", "gunicorn"))
    make(tmp_path / "b", {"shop/__init__.py": app.replace("=None", "")}, dependencies=("flask", "gunicorn"))

    assert profile_for(tmp_path / "a").command[-1] == "shop:create_app()"
    with pytest.raises(ProjectError, match="nothing was found that a release of Shop-App could start"):
        profile_for(tmp_path / "b")


def test_the_web_process_of_a_procfile_is_what_runs(tmp_path: Path) -> None:
    procfile = (
        "release: flask db upgrade\nworker: celery -A shop worker\nweb: poetry run gunicorn -w $WORKERS shop.web:app\n"
    )
    make(tmp_path, {"Procfile": procfile, "shop.py": "def main(): ...\n"}, dependencies=("flask", "gunicorn"))

    profile = profile_for(tmp_path)

    assert profile.command == ("gunicorn", "-w", "${WORKERS}", "shop.web:app")
    assert profile.required_env == ("WORKERS",)
    assert profile.readiness == of_root("127.0.0.1:${PORT:-8000}")


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("gunicorn -b 0.0.0.0:$PORT shop:app", "127.0.0.1:${PORT:-8000}"),
        ("gunicorn --bind=[::]:9000 shop:app", "127.0.0.1:9000"),
        ("gunicorn -b unix:/run/shop.sock shop:app", ""),
        ("uvicorn shop:app --port ${PORT:-9000}", "127.0.0.1:${PORT:-9000}"),
        ("uvicorn shop:app --host 10.0.0.7", "10.0.0.7:8000"),
        ("uvicorn shop:app --uds /run/shop.sock", ""),
        ("python -m uvicorn shop:app --port 80", "127.0.0.1:80"),
        ("waitress-serve --listen=*:8041 shop:app", "127.0.0.1:8041"),
        ("daphne -p 8001 shop:app", "127.0.0.1:8001"),
    ],
)
def test_readiness_follows_where_the_server_listens(tmp_path: Path, line: str, address: str) -> None:
    make(tmp_path, {"Procfile": f"web: {line}\n"}, dependencies=("gunicorn", "uvicorn", "waitress", "daphne"))

    readiness = profile_for(tmp_path).readiness

    assert readiness == (of_root(address) if address else ReadinessSpec())


@pytest.mark.parametrize(
    "line",
    [
        "cd app && gunicorn shop:app",
        "PORT=1 gunicorn shop:app",
        "bundle exec puma",
        "python tools/shop.py",
        "gunicorn $(cat x)",
    ],
)
def test_a_command_that_needs_a_shell_or_is_not_in_the_bundle_is_passed_over(tmp_path: Path, line: str) -> None:
    make(tmp_path, {"Procfile": f"web: {line}\n", "shop.py": "def main(): ...\n"}, dependencies=("gunicorn",))

    assert profile_for(tmp_path).entry_point == "shop:main"


def test_the_command_of_a_dockerfile_is_what_runs(tmp_path: Path) -> None:
    text = 'FROM python:3.11\nENTRYPOINT ["tini", "--"]\nCMD ["hypercorn", "--bind", "0.0.0.0:8080", \\\n "shop:app"]\n'
    make(tmp_path, {"Dockerfile": text}, dependencies=("hypercorn",))

    profile = profile_for(tmp_path)

    assert profile.command == ("hypercorn", "--bind", "fd://{socket.web}", "shop:app")
    assert profile.readiness.target == "http://127.0.0.1:8080/"
    assert profile.sockets == {"web": "0.0.0.0:8080"}


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        ('CMD ["sh", "-c", "gunicorn -b 0.0.0.0:${PORT:-80} shop:app"]', "gunicorn shop:app"),
        ("CMD exec gunicorn --bind :$PORT shop:app", "gunicorn --bind :${PORT:-8000} shop:app"),
        ('ENTRYPOINT ["/start.sh"]\nCMD ["gunicorn", "shop:app"]', "gunicorn shop:app"),
        ('ENTRYPOINT ["gunicorn"]\nCMD ["-w", "2", "shop:app"]', "gunicorn -w 2 shop:app"),
        ('ENTRYPOINT ["tini", "--", "poetry", "run"]\nCMD ["gunicorn", "shop:app"]', "gunicorn shop:app"),
        ('CMD ["python", "-u", "shop.py", "now"]', "python -m shop now"),
        ('CMD ["python", "./pkg/start.py"]', "python -m pkg.start"),
        ('CMD ["python3", "-m", "pkg.start"]', "python -m pkg.start"),
        ('CMD ["fastapi", "run", "shop.py"]', "uvicorn --fd {socket.web} shop:app"),
        ('CMD ["python", "manage.py", "runserver"]', "uvicorn --fd {socket.web} shop:app"),
        ('CMD ["flask", "run"]', "uvicorn --fd {socket.web} shop:app"),
    ],
)
def test_a_dockerfile_is_understood_in_each_of_its_forms(tmp_path: Path, lines: str, command: str) -> None:
    files = {
        "Dockerfile": f"FROM python:3.11\n{lines}\n",
        "shop.py": "app = FastAPI()\n",
        "pkg/__init__.py": "",
        "pkg/start.py": "",
    }
    make(tmp_path, files, dependencies=("gunicorn", "fastapi[standard]", "flask", "uvicorn"))

    assert " ".join(profile_for(tmp_path).command) == command


def test_an_entrypoint_that_is_left_out_is_told(tmp_path: Path) -> None:
    text = 'FROM python:3.11\nENTRYPOINT ["/start.sh"]\nCMD ["gunicorn", "shop:app"]\n'
    make(tmp_path, {"Dockerfile": text, "shop.py": ""}, dependencies=("gunicorn",))
    found = find(tmp_path)

    lines = found_lines(found, choose(found))

    assert "               from the Dockerfile's CMD" in lines
    assert "  left out     the Dockerfile's ENTRYPOINT: the bundle cannot run it as it stands" in lines


def test_what_a_healthcheck_asks_tells_that_the_app_is_ready(tmp_path: Path) -> None:
    text = (
        "FROM python:3.11\nHEALTHCHECK --interval=5s CMD curl -f http://localhost:$PORT/ready?deep=1 || exit 1\n"
        'CMD ["gunicorn", "shop:app"]\n'
    )
    make(tmp_path, {"Dockerfile": text, "shop.py": 'ROUTE = "/health"\n'}, dependencies=("gunicorn",))

    assert profile_for(tmp_path).readiness.target == "http://127.0.0.1:${PORT:-8000}/ready?deep=1"


@pytest.mark.parametrize(
    ("prefix", "path"),
    [("", "/health"), ('prefix="/api"', "/api/health"), ("prefix=PREFIX", "/")],
)
def test_the_route_of_a_router_is_asked_below_its_prefix(tmp_path: Path, prefix: str, path: str) -> None:
    files = {
        "shop/__init__.py": "",
        "shop/main.py": f"from shop import status\napp = FastAPI()\napp.include_router(status.router, {prefix})\n",
        "shop/status.py": 'router = APIRouter()\n\n@router.get("/health")\ndef health(): ...\n',
    }
    make(tmp_path, files, dependencies=("fastapi", "uvicorn"))

    assert profile_for(tmp_path).readiness.target == f"http://127.0.0.1:${{PORT:-8000}}{path}"


def test_what_a_compose_file_asks_tells_that_the_app_is_ready(tmp_path: Path) -> None:
    text = (
        "services:\n  db:\n    healthcheck:\n      test: [CMD-SHELL, pg_isready]\n  web:\n    healthcheck:\n"
        '      # test: curl http://localhost/old\n      test: ["CMD", "curl", "-f", "http://localhost:8000/up"]\n'
        "    environment:\n      URL: http://localhost/other\n"
    )
    make(tmp_path, {"compose.yaml": text, "shop.py": "app = FastAPI()\n"}, dependencies=("fastapi", "uvicorn"))

    assert profile_for(tmp_path).readiness.target == "http://127.0.0.1:${PORT:-8000}/up"


@pytest.mark.parametrize(
    ("asked", "is_left_out"),
    [
        ("gunicorn ", True),
        ("gunicorn>=22,<26", True),
        ("gunicorn==25.1.0", True),
        ("gunicorn>=26", True),
        ("gunicorn==25.0.3", False),
        ("gunicorn<25", False),
    ],
)
def test_gunicorn_is_told_to_open_no_socket_in_a_home_where_it_would(
    tmp_path: Path, asked: str, is_left_out: bool
) -> None:
    make(tmp_path, {"shop.py": "app = Flask()\n"}, dependencies=("flask", asked))

    assert ("--no-control-socket" in profile_for(tmp_path).command) == is_left_out


def test_a_file_that_a_command_names_and_the_settings_of_gunicorn_come_along(tmp_path: Path) -> None:
    files = {
        "Procfile": "web: gunicorn --log-config=conf/log.ini shop:app\n",
        "conf/log.ini": "",
        "gunicorn.conf.py": "",
        "shop.py": "",
    }
    hatch = '[build-system]\nrequires = []\nbuild-backend = "hatchling.build"\n'
    make(tmp_path, files, dependencies=("gunicorn",), more=hatch)

    profile = profile_for(tmp_path)

    share = "${RELEASE_ROOT}/releases/${RELEASE_VERSION}/share"
    assert profile.command == (
        *("gunicorn", "-c", f"{share}/gunicorn.conf.py"),
        *(f"--log-config={share}/conf/log.ini", "shop:app"),
    )
    assert [(spec.path, spec.to) for spec in profile.overlays] == [
        ("conf/log.ini", "share/conf/log.ini"),
        ("gunicorn.conf.py", "share/gunicorn.conf.py"),
    ]
    assert profile.readiness.kind == "started"


def test_a_server_that_the_lock_alone_names_serves_the_app(tmp_path: Path) -> None:
    lock = (
        '[[package]]\nname = "fastapi"\nversion = "1"\ndependencies = [{ name = "uvicorn" }]\n'
        '[[package]]\nname = "uvicorn"\nversion = "1"\n'
    )
    app = {"main.py": "app = FastAPI()\n"}
    make(tmp_path / "locked", {"uv.lock": lock, **app}, dependencies=("fastapi",))
    make(tmp_path / "of an extra", app, dependencies=("fastapi[standard]>=0.100",))

    assert profile_for(tmp_path / "locked").command[0] == "uvicorn"
    assert profile_for(tmp_path / "of an extra").command[0] == "uvicorn"


def test_an_app_without_a_server_is_refused_with_the_server_to_add(tmp_path: Path) -> None:
    make(tmp_path, {"app.py": "app = Flask(__name__)\ndef main(): app.run()\n"}, dependencies=("flask",))

    with pytest.raises(ProjectError, match="app:app was found, and no server that could run it") as caught:
        profile_for(tmp_path)

    assert caught.value.hint == "`uv add gunicorn`, then `releaser init` once more; waitress would do as well"


@pytest.mark.parametrize(
    ("module", "text", "target"),
    [
        ("jobs/tasks.py", "app = Celery('jobs')\n", "jobs.tasks"),
        ("jobs/celery.py", "import celery\napp = celery.Celery('jobs')\n", "jobs"),
        ("worker.py", "queue = Celery('jobs')\n", "worker:queue"),
    ],
)
def test_a_celery_app_is_run_as_a_worker(tmp_path: Path, module: str, text: str, target: str) -> None:
    make(tmp_path, {"jobs/__init__.py": "", module: text}, dependencies=("celery[redis]",))

    assert profile_for(tmp_path).command == ("celery", "-A", target, "worker")


def test_the_celery_app_of_a_web_app_is_left_to_a_procfile(tmp_path: Path) -> None:
    files = {"web.py": "app = Flask(__name__)\n", "worker.py": "app = Celery('jobs')\n"}
    make(tmp_path, files, dependencies=("celery", "flask", "gunicorn"))

    assert profile_for(tmp_path).command[0] == "gunicorn"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@click.command()\n@click.argument('name')\ndef main(name): ...\n", "entry"),
        ("async def main(): ...\nif __name__ == '__main__':\n    asyncio.run(main())\n", "module"),
        ("if __name__ == '__main__':\n    print(1)\n", "module"),
    ],
)
def test_a_module_that_runs_by_itself_is_run(tmp_path: Path, text: str, expected: str) -> None:
    make(tmp_path, {"tool.py": text})

    profile = profile_for(tmp_path)

    assert (profile.entry_point, profile.command) == (
        ("tool:main", ()) if expected == "entry" else ("", ("python", "-m", "tool"))
    )


def test_the_modules_of_a_namespace_package_are_looked_at(tmp_path: Path) -> None:
    backend = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    files = {"src/acme/desk/__init__.py": "", "src/acme/desk/cli.py": "def main(): ...\n"}
    make(tmp_path, files, more=backend)

    assert profile_for(tmp_path).entry_point == "acme.desk.cli:main"


def test_a_django_site_is_served_and_its_manage_py_is_no_app(tmp_path: Path) -> None:
    manage = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "site1.settings")\ndef main(): ...\n'
    files = {
        "web/manage.py": manage,
        "web/site1/settings.py": "",
        "web/site1/wsgi.py": "application = get_wsgi_application()\n",
    }
    make(tmp_path, files, dependencies=("django", "gunicorn"))
    found = find(tmp_path)

    lines = found_lines(found, choose(found))

    assert profile_for(tmp_path).command[-1] == "site1.wsgi:application"
    assert "  migrations   Django's own are described by `releaser docs django`" in lines


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "pyproject.toml",
            '[tool.poetry]\nname = "old-shop"\nversion = "1.0"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
            'flask = "^3"\ngunicorn = { extras = ["gevent"] }\nnumpy = { version = "1", optional = true}',
        ),
        (
            "setup.cfg",
            "[metadata]\nname = old-shop\nversion = 1.0\n[options]\ninstall_requires =\n    flask>=3\n    # a server\n"
            "    gunicorn[gevent]\n",
        ),
    ],
)
def test_a_project_without_a_project_table_is_read_from_where_it_was_before(
    tmp_path: Path, name: str, text: str
) -> None:
    make(tmp_path, {"pyproject.toml": "", "shop.py": "app = Flask(__name__)\n", name: text})
    found = find(tmp_path)

    assert (found.name, found.dependencies) == ("old-shop", frozenset({"flask", "gunicorn"}))
    assert profile_for(tmp_path).command[0] == "gunicorn"


def test_a_list_of_requirements_without_hashes_is_resolved_and_can_be_locked(tmp_path: Path) -> None:
    make(tmp_path, {"app.py": "app = Flask(__name__)\n", "requirements.txt": "flask\ngunicorn==23.0\n"})
    found = find(tmp_path)

    assert "  lock         none; each build resolves what requirements.txt asks for" in found_lines(
        found, choose(found)
    )
    following = next_lines(found, changes_for(tmp_path, choose(found), is_forced=False), ())
    assert "  releaser lock                    pylock.toml: what is installed, with hashes" in following
    assert profile_for(tmp_path).command[0] == "gunicorn"


def write_all(folder: Path, files: Mapping[str, str]) -> Path:
    """Write a project without pyproject.toml."""
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


FLASK = "from flask import Flask\napp = Flask(__name__)\n"
SETUP = 'from setuptools import setup\nV = "2.0"\nsetup(name="old-shop", version=V, install_requires=["gunicorn"])\n'


@pytest.mark.parametrize(
    ("files", "name", "version", "wanted"),
    [
        ({"requirements.txt": "flask\ngunicorn\n"}, "the-shop", "0.1.0", "requirements.txt"),
        (
            {"requirements/prod.txt": "-r base.txt\ngunicorn\n", "requirements/base.txt": "flask\n"},
            "the-shop",
            "0.1.0",
            "requirements/prod.txt",
        ),
        ({"Pipfile": '[packages]\nflask = "*"\ngunicorn = "*"\n'}, "the-shop", "0.1.0", "Pipfile"),
        ({"setup.py": SETUP}, "old-shop", "project", "setup.py"),
        (
            {"setup.cfg": "[metadata]\nname = cfg\nversion = 3\n[options]\ninstall_requires =\n  gunicorn\n"},
            "cfg",
            "project",
            "setup.cfg",
        ),
        (
            {"pyproject.toml": "[tool.black]\n", "requirements.txt": "gunicorn\n"},
            "the-shop",
            "0.1.0",
            "requirements.txt",
        ),
        (
            {"pyproject.toml": '[tool.poetry]\npackage-mode = false\n[tool.poetry.dependencies]\ngunicorn = "^23"\n'},
            "the-shop",
            "0.1.0",
            "pyproject.toml",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else None,
)
def test_a_project_is_read_from_whatever_describes_it(
    tmp_path: Path, files: dict[str, str], name: str, version: str, wanted: str
) -> None:
    folder = write_all(tmp_path / "the shop", {"app.py": FLASK, **files})
    found = find(folder)

    profile = profile_for(folder)

    assert (found.name, found.wanted) == (name, wanted)
    assert (profile.command[0], profile.version) == ("gunicorn", version)


def test_one_script_alone_is_a_project_with_what_its_first_comment_asks_for(tmp_path: Path) -> None:
    script = '# /// script\n# dependencies = ["flask", "waitress"]\n# requires-python = ">=3.11"\n# ///\n' + FLASK
    found = find(write_all(tmp_path, {"serve.py": script}))

    assert found.dependencies == {"flask", "waitress"}
    assert profile_for(tmp_path).command[0] == "waitress-serve"


def test_a_project_without_a_name_is_called_as_its_repository(tmp_path: Path) -> None:
    folder = write_all(tmp_path / "checkout", {"app.py": "def main(): ...\n"})
    for words in (["init", "-q"], ["remote", "add", "origin", "git@git.example:ada/corner-shop.git"]):
        subprocess.run(["git", *words], cwd=folder, check=True)

    assert find(folder).name == "corner-shop"


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ('[project.optional-dependencies]\nserver = ["gunicorn"]\n', (("server",), ())),
        (
            '[dependency-groups]\ndev = ["gunicorn"]\nweb = [{ include-group = "all" }]\nall = ["Gunicorn>=20"]\n',
            ((), ("web",)),
        ),
        ('[tool.poetry.group.prod.dependencies]\ngunicorn = "^23"\n', ((), ("prod",))),
    ],
    ids=["an extra", "a group that includes another", "a group of Poetry's"],
)
def test_an_extra_or_group_that_alone_has_the_server_is_named(
    tmp_path: Path, more: str, named: tuple[tuple[str, ...], tuple[str, ...]]
) -> None:
    make(tmp_path, {"app.py": FLASK}, dependencies=("flask",), more=more)

    profile = profile_for(tmp_path)

    assert (profile.extras, profile.groups) == named
    assert profile.command[0] == "gunicorn"


def test_a_server_that_only_developers_have_is_none(tmp_path: Path) -> None:
    more = '[dependency-groups]\ndev = ["gunicorn"]\n'
    lock = (
        '[[package]]\nname = "shop-app"\nversion = "1"\nsource = { virtual = "." }\n'
        'dependencies = [{ name = "flask" }]\n[package.dev-dependencies]\ndev = [{ name = "gunicorn" }]\n'
        '[[package]]\nname = "flask"\nversion = "1"\n[[package]]\nname = "gunicorn"\nversion = "1"\n'
    )
    make(tmp_path, {"app.py": FLASK, "uv.lock": lock}, dependencies=("flask",), more=more)

    with pytest.raises(ProjectError, match="no server that could run it"):
        profile_for(tmp_path)


def test_the_requirements_file_that_a_dockerfile_installs_is_named(tmp_path: Path) -> None:
    files = {
        "app.py": FLASK,
        "requirements.txt": "flask\n",
        "deploy/live.txt": "flask\ngunicorn\n",
        "Dockerfile": "FROM python\nRUN pip install --no-cache-dir -r deploy/live.txt && true\nCMD gunicorn app:app\n",
    }
    profile = profile_for(write_all(tmp_path, files))

    assert profile.lock == "deploy/live.txt"


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        ({"requirements.txt": "flask\n"}, "`echo gunicorn >> requirements.txt`"),
        ({"Pipfile": '[packages]\nflask = "*"\n'}, "`pipenv install gunicorn`"),
    ],
)
def test_a_server_is_added_by_what_the_project_uses(tmp_path: Path, files: dict[str, str], hint: str) -> None:
    write_all(tmp_path, {"app.py": FLASK, **files})

    with pytest.raises(ProjectError) as caught:
        profile_for(tmp_path)

    assert caught.value.hint.startswith(hint)


OWN_PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"


def test_init_says_which_python_a_build_takes_and_when_there_is_none(tmp_path: Path) -> None:
    make(tmp_path, {"shop.py": "def main(): ...\n", ".python-version": f"{OWN_PYTHON}\n"})
    found = find(tmp_path)
    assert found.python.startswith(f"{OWN_PYTHON}.")
    assert found.python.endswith(", from .python-version")
    assert refused_later(found, changes_for(tmp_path, choose(found), is_forced=False)) == []

    make(tmp_path, {"shop.py": "def main(): ...\n"}, more='requires-python = ">=3.20"\n')
    found = find(tmp_path)
    changes = changes_for(tmp_path, choose(found), is_forced=False)
    (problem,) = refused_later(found, changes)
    assert problem.what == "the project needs Python >=3.20, and a release runs on Python 3.11 to 3.15"


def test_every_process_of_a_procfile_runs_and_its_release_task_before_them(tmp_path: Path) -> None:
    procfile = (
        "web: gunicorn shop.web:app\nworker: celery -A shop worker -n $NODE\nclock: while true; do :; done\n"
        "release: python manage.py migrate --noinput\nmain: python -m shop.other\n"
    )
    manage = 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'
    files = {"Procfile": procfile, "manage.py": manage, "shop/__init__.py": ""}
    make(tmp_path, files, dependencies=("django", "gunicorn", "celery"))
    found = find(tmp_path)

    profile = profile_for(tmp_path)

    assert {name: one.command for name, one in profile.process.items()} == {
        "worker": ("celery", "-A", "shop", "worker", "-n", "${NODE}"),
        "main_process": ("python", "-m", "shop.other"),
    }
    assert profile.process["worker"].heart.is_on
    assert profile.required_env == ("NODE",)
    assert profile.env == {"DJANGO_SETTINGS_MODULE": "shop.settings"}
    hook = (tmp_path / "rel/hooks/pre_start").read_text()
    assert "['django', 'migrate', '--noinput']" in hook.replace("'\"'\"'", "'")
    lines = found_lines(found, choose(found))
    assert "  before it    python -m django migrate --noinput" in lines
    assert "  left out     clock of the Procfile: the bundle cannot run it as it stands" in lines


def test_a_release_task_of_alembic_is_the_migrations_before_the_start(tmp_path: Path) -> None:
    files = {**ALEMBIC, "Procfile": "web: gunicorn shop:app\nrelease: alembic upgrade head\n", "shop.py": ""}
    make(tmp_path, files, dependencies=("alembic", "gunicorn"))

    profile = profile_for(tmp_path)

    assert [spec.run for spec in profile.migrations] == ["pre_start"]
    assert "eval" not in (tmp_path / "rel/hooks/pre_start").read_text()


@pytest.mark.parametrize("task", ["flask db upgrade", "alembic upgrade head"])
def test_a_release_task_that_looks_for_its_scripts_in_the_project_is_left_out_and_named(
    tmp_path: Path, task: str
) -> None:
    files = {"Procfile": f"web: gunicorn shop:app\nrelease: {task}\n", "shop.py": ""}
    make(tmp_path, files, dependencies=("alembic", "flask", "gunicorn"))
    found = find(tmp_path)

    profile_for(tmp_path)

    assert "eval" not in (tmp_path / "rel/hooks/pre_start").read_text()
    assert "  left out     release of the Procfile: the bundle cannot run it as it stands" in found_lines(
        found, choose(found)
    )


def test_variables_and_the_port_of_a_dockerfile_are_defaults(tmp_path: Path) -> None:
    text = (
        "FROM python:3.11\nENV PYTHONUNBUFFERED=1 SHOP_MODE=live \\\n    SHOP_TITLE='A $hop'\nENV SHOP_WORD two words\n"
        "EXPOSE 8080/tcp\nCMD gunicorn --bind 0.0.0.0:$PORT -w $SHOP_MODE shop:app\n"
    )
    make(tmp_path, {"Dockerfile": text}, dependencies=("gunicorn",))

    profile = profile_for(tmp_path)

    assert profile.command == ("gunicorn", "-w", "${SHOP_MODE}", "shop:app")
    assert profile.env == {"SHOP_MODE": "live", "SHOP_WORD": "two words"}
    assert profile.required_env == ()
    assert profile.sockets == {"web": "0.0.0.0:${PORT:-8080}"}
    assert profile.readiness.target == "http://127.0.0.1:${PORT:-8080}/"


@pytest.mark.parametrize(
    ("line", "command", "address"),
    [
        ("gunicorn -b 0.0.0.0:$PORT -w 2 shop:app", "gunicorn -w 2 shop:app", "0.0.0.0:${PORT:-8000}"),
        ("gunicorn shop:app", "gunicorn shop:app", "127.0.0.1:${PORT:-8000}"),
        ("gunicorn -c x.py shop:app", "gunicorn -c x.py shop:app", ""),
        ("gunicorn -b a:1 -b b:2 shop:app", "gunicorn -b a:1 -b b:2 shop:app", ""),
        ("uvicorn --port 9000 shop:app", "uvicorn --fd {socket.web} shop:app", "127.0.0.1:9000"),
        ("uvicorn shop:app --workers 2", "uvicorn shop:app --workers 2", ""),
        ("hypercorn --bind=0.0.0.0:80 shop:app", "hypercorn --bind fd://{socket.web} shop:app", "0.0.0.0:80"),
        ("python -m uvicorn shop:app", "python -m uvicorn --fd {socket.web} shop:app", "127.0.0.1:8000"),
        ("waitress-serve --port=1 shop:app", "waitress-serve --port=1 shop:app", ""),
    ],
)
def test_a_server_that_can_takes_a_socket_where_the_app_tells_that_it_is_ready(
    tmp_path: Path, line: str, command: str, address: str
) -> None:
    files = {"Procfile": f"web: {line}\n", "shop.py": 'ROUTE = "/health"\n'}
    make(tmp_path, files, dependencies=("gunicorn", "uvicorn", "hypercorn", "waitress"))

    profile = profile_for(tmp_path)

    assert " ".join(profile.command) == command
    assert profile.sockets == ({"web": address} if address else {})


def test_alembics_scripts_become_the_migrations(tmp_path: Path) -> None:
    make(tmp_path, {**ALEMBIC, "shop.py": "def main(): ...\n", "pylock.toml": '[[packages]]\nname = "alembic"\n'})

    (migrations,) = profile_for(tmp_path).migrations

    assert (migrations.script_location, migrations.run) == ("migrations", "post_start")


def test_scripts_in_a_package_and_in_pyproject_toml_are_found(tmp_path: Path) -> None:
    files = {"src/shop/db/env.py": "", "src/shop/__init__.py": "", "src/shop/main.py": "def main(): ...\n"}
    make(tmp_path, files, dependencies=("alembic",), more='[tool.alembic]\nscript_location = "shop:db"\n')

    (migrations,) = profile_for(tmp_path).migrations

    assert migrations.script_location == "shop:db"


def test_migrations_that_lead_nowhere_are_not_run_by_themselves(tmp_path: Path) -> None:
    ini = "[alembic]\nscript_location = migrations\nsqlalchemy.url = driver://user:pass@localhost/dbname\n"
    make(tmp_path, {**ALEMBIC, "alembic.ini": ini, "shop.py": "def main(): ...\n"}, dependencies=("alembic",))

    (migrations,) = profile_for(tmp_path).migrations

    assert migrations.run == "manual"


def test_scripts_without_alembic_among_the_dependencies_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, {**ALEMBIC, "shop.py": "def main(): ...\n"})

    assert profile_for(tmp_path).migrations == ()


def test_variables_that_the_sources_need_are_mentioned(tmp_path: Path) -> None:
    make(tmp_path, {"shop.py": 'import os\ndef main(): os.environ["SHOP_DSN"]; os.environ["X"] = "1"\n'})
    profile_for(tmp_path)

    assert "# The sources read SHOP_DSN.\n" in (tmp_path / "rel" / "config.toml").read_text()


def test_a_lock_is_asked_for_where_there_is_something_to_lock(tmp_path: Path) -> None:
    make(tmp_path / "a", {"shop.py": "def main(): ...\n"})
    make(tmp_path / "b", {"shop.py": "def main(): ...\n"}, dependencies=("click",))
    told = []
    for name in ("a", "b"):
        found = find(tmp_path / name)
        lines = next_lines(found, changes_for(tmp_path / name, choose(found), is_forced=False), ())
        told.append(any("releaser lock" in line for line in lines))

    assert told == [False, True]


def test_a_release_that_is_there_says_what_runs_and_how_it_is_called(tmp_path: Path) -> None:
    config = '[release.web]\nentry_point = "x:y"\n[environment.local]\ndev_mode = true\n[environment.prod]\n'
    make(tmp_path, {"rel/config.toml": config})
    found = find(tmp_path)
    assert has_release(tmp_path)
    choices = choose_beside(found)

    lines = found_lines(found, choices)
    following = next_lines(found, changes_for(tmp_path, choices, is_forced=False), ())

    assert "  runs         what rel/config.toml says" in lines
    assert not any("ready when" in line for line in lines)
    assert "  _build/local/rel/web/bin/web foreground" in following


def test_what_is_told_is_what_its_page_of_the_documentation_shows(tmp_path: Path) -> None:
    page = Path(init.__file__).parents[1] / "docs" / "how_to" / "start_a_project.md"
    _, session, _ = page.read_text().split("```\n", 2)
    files = {
        "pyproject.toml": '[project]\nname = "shop"\ndependencies = ["fastapi", "uvicorn", "alembic"]\n',
        "shop/__init__.py": "",
        "shop/web.py": 'app = FastAPI()\n@app.get("/health")\ndef health(): ...\n',
        "uv.lock": "".join(
            f'[[package]]\nname = "{name}"\nversion = "1"\n' for name in ("fastapi", "uvicorn", "alembic")
        ),
    }
    make(tmp_path, {**ALEMBIC, **files})
    found = replace(find(tmp_path), python="3.12.4, from .python-version")
    choices = choose(found)
    changes = changes_for(tmp_path, choices, is_forced=False)

    told = [
        *found_lines(found, choices),
        "",
        *changed_lines(changes, is_dry_run=False),
        "",
        *next_lines(found, changes, ()),
    ]

    assert ["$ cd shop", "$ releaser init", *told] == session.splitlines()


@pytest.mark.parametrize(("has_commit", "version"), [(True, "git"), (False, "0.1.0")])
def test_a_version_that_no_file_says_is_gits_or_a_literal(tmp_path: Path, has_commit: bool, version: str) -> None:
    pyproject = '[project]\nname = "shop"\ndynamic = ["version"]\n[build-system]\nbuild-backend = "hatchling.build"\n'
    make(tmp_path / "service", {"pyproject.toml": pyproject, "shop.py": "def main(): ...\n"})
    user = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    commit = [[*user, "commit", "-q", "--allow-empty", "-m", "first"]] if has_commit else []
    for words in (["init", "-q"], *commit):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)

    assert profile_for(tmp_path / "service").version == version


def test_git_is_told_of_the_builds_where_it_would_take_them_for_sources(tmp_path: Path) -> None:
    make(tmp_path, {"shop.py": "def main(): ...\n", ".gitignore": "dist\ndocs/_build/\n"})
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    found = find(tmp_path)

    assert "  echo _build/ >> .gitignore" in next_lines(
        found, changes_for(tmp_path, choose(found), is_forced=False), ()
    )

    (tmp_path / ".gitignore").write_text("/_build/\n")
    found = find(tmp_path)
    assert "  echo _build/ >> .gitignore" not in next_lines(
        found, changes_for(tmp_path, choose(found), is_forced=False), ()
    )


def test_the_hooks_can_be_executed_and_development_runs_the_source_tree(tmp_path: Path) -> None:
    make(tmp_path, {"shop.py": "def main(): ...\n"})

    profile = profile_for(tmp_path, "dev")

    assert profile.dev_mode
    assert {event: specs[0].run for event, specs in profile.hooks.items()} == {
        "pre_start": "rel/hooks/pre_start",
        "post_start": "rel/hooks/post_start",
    }
    assert all((tmp_path / specs[0].run).stat().st_mode & 0o111 for specs in profile.hooks.values())


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Shop", "shop"), ("9lives", "lives"), ("my.app", "my_app"), ("start", "app_start"), ("9", "app")],
)
def test_the_release_has_a_name_that_a_release_may_have(name: str, expected: str) -> None:
    assert release_name(name) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[project]\n", "its \\[project\\] table has no name"),
        ("= 1", "cannot use pyproject.toml: it cannot be read"),
        (None, "there is no project in .*: no file in it is Python, or says what a project needs"),
    ],
)
def test_what_is_no_project_is_refused_and_nothing_written(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "pyproject.toml").write_text(text)

    with pytest.raises(ProjectError, match=message) as caught:
        find(tmp_path)
    assert caught.value.now == "nothing was written"
