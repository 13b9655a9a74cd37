"""Modules that read source are named when the sources are left out."""

from __future__ import annotations

import pytest

from releaser.build.dependencies.source_readers import source_readers


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import inspect\ninspect.getsource(len)\n", [(2, "inspect.getsource")]),
        ("from inspect import getsourcelines\n\nx = getsourcelines(f)\n", [(3, "inspect.getsourcelines")]),
        ("c = ConfigDict(use_attribute_docstrings=True)\n", [(1, "pydantic's use_attribute_docstrings")]),
        ("c = {'use_attribute_docstrings': True}\n", [(1, "pydantic's use_attribute_docstrings")]),
        ("print(open(__file__).read())\n", [(1, "reading the module's own file")]),
        ("x = Path(__file__).read_text()\n", [(1, "reading the module's own file")]),
        ("runpy.run_path(__file__)\n", [(1, "reading the module's own file")]),
        ("import torch\nf = torch.jit.script(f)\n", [(2, "torch.jit.script")]),
        ("@jit.script\ndef f(): ...\n", [(1, "torch.jit.script")]),
        ("text = (Path(__file__).parent / 'a.txt').read_text()\nopen(path)\nnode.script(1)\n", []),
        ("def getsource(): ...\n'getsource'\n", []),
        ("this is no Python\n", []),
    ],
)
def test_what_reads_source_is_found_by_line(text: str, found: list[tuple[int, str]]) -> None:
    assert list(source_readers(text)) == found
