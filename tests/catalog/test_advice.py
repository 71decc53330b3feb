"""Every failure code has advice, and the documentation gives the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from catalog.advice import ADVICE, NAMES, TABLE, advice, name
from catalog.jobs import WITHOUT_ITEMS
from catalog.photo_urls import CODES as URL_CODES
from catalog.sources import CODES
from models.errors import PhotoError

ROOT = Path(__file__).parents[2]
FOLDERS = ("catalog", "models", "workers")
# What becomes a code of the view `failures`: the calls that take one, and the functions that return one.
CALLS = {"BadCell", "SourceError", "RowError", "Quarantined", "_error"}
FUNCTIONS = {"describe"}
# Files of labels, taxonomies and interactions have codes of their own, told in their lists of errors and nowhere else.
ELSEWHERE = {"label_file.py", "label_import.py", "taxonomy_file.py"}
FOLDERS_ELSEWHERE = {"training", "interactions"}
CODE = re.compile(r"[a-z]+(_[a-z]+)+|corrupt|truncated|unreadable")


def words(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and CODE.fullmatch(one.value):
            yield one.value


def written() -> set[str]:
    """Codes that stand in the source."""
    found: set[str] = set()
    for file in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        if file.name in ELSEWHERE or FOLDERS_ELSEWHERE & {*file.parts}:
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and getattr(node.func, "id", getattr(node.func, "attr", "")) in CALLS
            ):
                found |= {word for argument in node.args for word in words(argument)}
            elif isinstance(node, ast.FunctionDef) and node.args.args and node.args.args[-1].arg == "code":
                found |= {word for default in node.args.defaults for word in words(default)}
            elif isinstance(node, ast.FunctionDef) and node.name in FUNCTIONS:
                found |= {
                    word for one in ast.walk(node) if isinstance(one, ast.Return) for word in words(one)
                }
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "WORKER_LOST":
                found |= set(words(node))
    return found


def subclasses(kind: type[PhotoError]) -> Iterator[type[PhotoError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def test_every_code_has_advice() -> None:
    found = written()
    assert {"bad_sku", "worker_lost", "out_of_memory", "result_refused", "malformed_row"} <= found
    jobs = {"training_failed", "reprocess_failed", "ingest_failed"} | {
        f"{kind}_failed" for kind in WITHOUT_ITEMS - {"retrain"}
    }
    photos = {kind.code for kind in subclasses(PhotoError) if kind.__module__.startswith("models.")}
    assert found | photos | set(CODES) | set(URL_CODES) | jobs == set(ADVICE) == set(NAMES)


def test_a_code_of_another_release_has_some_advice_too() -> None:
    assert "reason" in advice("who_knows")
    assert name("who_knows") == "who_knows"


def test_the_documentation_says_the_same() -> None:
    page = (ROOT / "docs" / "catalog.md").read_text().replace("`", "")
    rows = re.findall(r"^\| ([a-z_, ]+) \| (.+) \|$", page.split("| code | what to do |")[1], re.MULTILINE)
    assert [(tuple(codes.split(", ")), says) for codes, says in rows] == list(TABLE)
