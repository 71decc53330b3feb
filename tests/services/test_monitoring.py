"""Prometheus' files and Grafana's dashboard: they parse, and ask for nothing that Tagmill does not tell."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from tests.services.test_compose import SERVICES

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "monitoring"
PAGE = (ROOT / "docs" / "monitoring.md").read_text()
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "grafana" / "tagmill.json").read_text())
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]
]
SCRAPES = {
    job["job_name"]: job for job in yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
}
DOCUMENTED = set(re.findall(r"^\| `(tagmill_\w+)` \|", PAGE, re.MULTILINE))


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_expression_parses_and_asks_for_what_is_documented(expression: str) -> None:
    promql_parser.parse(expression)
    asked = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"tagmill_\w+", expression)}
    assert asked
    assert asked <= DOCUMENTED


def test_each_alert_is_told_what_to_do_about() -> None:
    listed = re.findall(r"^\| `(Tagmill\w+)` \|", PAGE, re.MULTILINE)
    assert listed == [rule["alert"] for rule in RULES]
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"]["summary"]


def test_panels_have_their_own_place_and_name() -> None:
    panels = DASHBOARD["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    assert {panel["datasource"]["uid"] for panel in panels} == {"tagmill-prometheus"}


def test_compose_mounts_what_is_here_and_scrapes_where_it_is_told() -> None:
    mounted = [
        volume.split(":")[0]
        for name in ("prometheus", "grafana")
        for volume in SERVICES[name]["volumes"]
        if volume.startswith("./")
    ]
    assert sorted(mounted) == sorted(
        f"./{path.relative_to(ROOT)}" for path in FOLDER.rglob("*") if path.is_file()
    )
    (target,) = SCRAPES["tagmill-exporter"]["static_configs"][0]["targets"]
    assert target == "exporter:9808"
    (asked,) = SCRAPES["tagmill-worker"]["dns_sd_configs"]
    assert {*asked["names"]} <= {*SERVICES}
    assert str(asked["port"]) == SERVICES["worker"]["environment"]["TAGMILL_METRICS_PORT"]
    assert SERVICES["prometheus"]["networks"] == ["inside"]
