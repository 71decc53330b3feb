"""The page of near-duplicates: what it shows, and that a word is of what was shown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from tests.catalog.near_duplicates.faces import Faces, turned
from tests.catalog.shop import rows

HTML = {"accept": "text/html"}
HASH = 0x5A5A_1234_0F0F_4321


@pytest.fixture
def faces(engine: sa.Engine) -> Faces:
    return Faces.made(engine)


def said(faces: Faces) -> list[str | None]:
    query = "SELECT verdict FROM near_duplicates ORDER BY image_id, other_id"
    return [verdict for (verdict,) in rows(faces.engine, query)]


def test_a_group_is_shown_with_its_photos_and_how_alike_they_are(visitor: TestClient, faces: Faces) -> None:
    one, other = faces.add(HASH, sku="A & B"), faces.add(turned(HASH, 3), sku="other")
    assert "No group to decide" in visitor.get("/duplicates", headers=HTML).text
    faces.find()
    page = visitor.get("/duplicates", headers=HTML).text
    for shown in ("A &amp; B", ">other<", f'value="{one} {other}"', "1 of 64 bits", "1.000 of 1"):
        assert shown in page
    assert "No group to decide" in visitor.get(f"/duplicates?after={one}", headers=HTML).text


def test_groups_come_page_by_page(visitor: TestClient, faces: Faces) -> None:
    for number in range(13):
        alike = (number * 0x0101_0F0F_3333_5555 + HASH) % 2**62
        faces.add(alike), faces.add(alike)
    faces.find()
    first = visitor.get("/duplicates", headers=HTML).text
    groups = [
        group for (group,) in rows(faces.engine, "SELECT DISTINCT group_id FROM near_duplicates ORDER BY 1")
    ]
    assert first.count("data-item") == 12
    assert f"/duplicates?after={groups[11]}" in first
    assert visitor.get(f"/duplicates?after={groups[11]}", headers=HTML).text.count("data-item") == 1


def test_a_decision_is_taken_back(visitor: TestClient, faces: Faces) -> None:
    one, other = faces.add(HASH), faces.add(HASH)
    faces.find()
    form = {"group": str(one), "photos": f"{one} {other}"}
    for decision, after in (
        ("reject", "rejected"),
        ("withdraw", None),
        ("accept", "accepted"),
        ("withdraw", None),
    ):
        assert visitor.post("/duplicates", data={**form, "decision": decision}).status_code == 204
        assert said(faces) == [after]
    led = visitor.post("/duplicates", data={**form, "decision": "accept"}, headers=HTML)
    assert (led.status_code, led.headers["location"]) == (303, "/duplicates")


def test_what_came_to_the_group_meanwhile_stays_open(visitor: TestClient, faces: Faces) -> None:
    one, other = faces.add(HASH), faces.add(HASH)
    faces.find()
    faces.add(HASH)
    faces.find()
    form = {"group": str(one), "photos": f"{one} {other}", "decision": "accept"}
    assert visitor.post("/duplicates", data=form).status_code == 204
    assert said(faces) == ["accepted", None, None]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"group": "999"}, 404),
        ({"group": "x"}, 422),
        ({"group": str(2**63)}, 422),
        ({"photos": ""}, 422),
        ({"photos": "1, 2"}, 422),
        ({"photos": "9" * 19}, 422),
        ({"decision": "perhaps"}, 422),
    ],
)
def test_what_is_no_group_is_refused(visitor: TestClient, wrong: dict[str, str], status: int) -> None:
    form = {"group": "1", "photos": "1 2", "decision": "accept", **wrong}
    assert visitor.post("/duplicates", data=form).status_code == status
    for after in ("x", "-1", str(2**63)):
        assert visitor.get(f"/duplicates?after={after}", headers=HTML).status_code == 422
