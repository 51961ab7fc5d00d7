"""Tests by their names: what documents and tables that name tests are checked against."""

import ast
from collections.abc import Iterator
from functools import cache

from manifests import ROOT

NAME = r"(tests/[\w/]+\.py)::((?:\w+::)?\w+)(\[.+\])?"
"""A path, the test's name (`Class::name` within a class), and perhaps one of its parameters."""


@cache
def collected(path: str) -> dict[str, bool]:
    """The tests of a file, read from its text, and whether each has parameters; no file: none."""
    file = ROOT / path
    return dict(_tests(ast.parse(file.read_text()).body)) if file.is_file() else {}


def _tests(body: list[ast.stmt], within: str = "") -> Iterator[tuple[str, bool]]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, f"{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            decorators = " ".join(ast.unparse(one) for one in node.decorator_list)
            if node.name.startswith("test_"):
                yield within + node.name, "parametrize" in decorators
