"""What the documentation says is true: settings, views, examples, links."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from catalog import readers
from catalog.manifests.columns import FIELD_NAMES
from workers.cli.main import app
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
GROUPS = {group.name for group in app.registered_groups}
ABOUT = ("README.md", "CONTRIBUTING.md", "SECURITY.md")
PAGES = sorted([*(ROOT / name for name in ABOUT), *(ROOT / "docs").glob("*.md")])


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text()


def test_every_setting_is_documented_and_no_other() -> None:
    listed = set(re.findall(r"`(TAGMILL_[A-Z0-9_]+)`", page("settings.md")))
    fields = {f"TAGMILL_{name.upper()}" for name in Settings.model_fields}
    assert listed == fields | {"TAGMILL_HOME", "TAGMILL_DEBUG"}


def test_documented_columns_are_those_of_the_views(engine: sa.Engine) -> None:
    table = re.findall(r"^\| `(\w+)` \| `([^`]+)` \|$", page("sql.md"), re.MULTILINE)
    listed = re.findall(r"^\| `(\w+)` \| [^`]", page("sql.md"), re.MULTILINE)
    assert [view for view, _ in table] == listed == list(readers.VIEWS)
    for view, columns in table:
        found = [column["name"] for column in sa.inspect(engine).get_columns(view)]
        assert found == columns.split(", "), view


def test_every_sql_example_runs_and_a_reader_may_run_those_that_only_read(engine: sa.Engine) -> None:
    examples = re.findall(r"```sql\n(.*?)```", page("sql.md") + page("review.md"), re.DOTALL)
    name = f"docs {uuid4().hex}"
    with engine.begin() as connection:
        readers.add(connection, name, "secret", 60)
    reader = sa.create_engine(engine.url.set(username=name, password="secret"), poolclass=sa.NullPool)
    queries = [example for example in examples if example.startswith("SELECT")]
    assert len(queries) >= 10
    for example in examples:
        with (reader if example in queries else engine).begin() as connection:
            connection.exec_driver_sql(example)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_command_and_option_exists(path: Path) -> None:
    lines = re.findall(r"^\s*(tagmill [^#\n`]+)", path.read_text(), re.MULTILINE)
    for line in (part.strip() for found in lines for part in found.split("&&")):
        words = line.removeprefix("tagmill ").split()
        if words[0] == "search" and words[1] != "index":
            words.insert(1, "find")  # which may be left out
        command = words[:2] if words[0] in GROUPS else words[:1]
        result = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "200"})
        assert result.exit_code == 0, line
        options = [word.split("=")[0] for word in words if word.startswith("--") and word != "--"]
        assert all(option in result.output for option in options), line


def test_documented_manifest_columns_are_understood() -> None:
    table = page("catalog.md").split("## Columns")[1].split("Case, spaces")[0]
    known = {alias.replace(" ", "_") for aliases in FIELD_NAMES.values() for alias in aliases}
    fields = [row.split("|")[2] for row in table.splitlines() if row.startswith("| ") and "photos" not in row]
    named = {name for cell in fields[1:-1] for name in re.findall(r"`([a-z_]+)`", cell.split(". ")[0])}
    assert named - {"sku"} <= known
    assert len(named) > 20
