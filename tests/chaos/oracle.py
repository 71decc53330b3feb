"""The oracle: it knows what was accepted, and judges from outside what became of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import sqlalchemy as sa

from catalog.asset_store import AssetStore

# Every change of state, by a trigger: what a table shows in the end does not tell how often it was written.
WITNESS = """
CREATE TABLE witness (
    at timestamptz NOT NULL DEFAULT clock_timestamp(), image_id bigint, model_version_id bigint,
    old text, new text, token uuid, code text
);
CREATE FUNCTION testify() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness (image_id, model_version_id, old, new, token, code)
    VALUES (new.image_id, new.model_version_id, old.state, new.state, coalesce(new.lease_token, old.lease_token),
            new.error_code);
    RETURN NULL;
END $$;
CREATE TRIGGER testify AFTER UPDATE ON work_items FOR EACH ROW
    WHEN (old.state IS DISTINCT FROM new.state) EXECUTE FUNCTION testify();
"""

# One row a work item: its state, and how much of a result stands beside it.
ITEMS = """
SELECT i.sha256, m.name AS model, m.task, w.state, w.error_code, w.error_reason,
       (SELECT count(*) FROM classifications c WHERE (c.image_id, c.model_version_id) = (i.id, m.id) AND rank = 1)
           AS answers,
       (SELECT array_agg(DISTINCT s.mask_key) FROM segments s WHERE (s.image_id, s.model_version_id) = (i.id, m.id))
           AS masks
FROM work_items w JOIN images i ON i.id = w.image_id JOIN model_versions m ON m.id = w.model_version_id
"""

TWICE_DONE = """
SELECT count(*) FROM (
    SELECT FROM witness WHERE new = 'done' GROUP BY image_id, model_version_id HAVING count(*) > 1) twice
"""

Accepted = frozenset[tuple[str, str]]
"""(SHA-256 of a photo, name of a model): what was accepted, each to be stored once or quarantined."""


@dataclass
class Verdict:
    """What became of the accepted; `lost` and `doubled` say which, and how."""

    photos: int
    quarantined: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    orphans: int = 0


def judge(engine: sa.Engine, store: AssetStore, accepted: Accepted, photos: int) -> Verdict:
    """Compare what was accepted with rows and objects as they are."""
    verdict = Verdict(photos)
    with engine.connect() as connection:
        rows = connection.execute(sa.text(ITEMS)).all()
        twice = connection.scalar(sa.text(TWICE_DONE))
        shas = connection.scalars(sa.text("SELECT sha256 FROM images")).all()
    masks = set(store.list("masks/"))
    found = Counter((row.sha256, row.model) for row in rows)
    verdict.lost += [f"{sha} for {model}: no work item" for sha, model in accepted - found.keys()]
    verdict.doubled += [f"{key}: {n} work items" for key, n in found.items() if n > 1 or key not in accepted]
    verdict.doubled += [f"{sha}: {n} images" for sha, n in Counter(shas).items() if n > 1]
    if twice:
        verdict.doubled.append(f"{twice} items were stored twice")
    for row in rows:
        _judge_item(row, masks, verdict)
    named = {key for row in rows for key in row.masks or ()}
    verdict.orphans = len(masks - named)
    return verdict


def _judge_item(row: sa.Row[tuple[object, ...]], masks: set[str], verdict: Verdict) -> None:
    name = f"{row.sha256} for {row.model}"
    # Both networks answer for every photo: a label, or a mask that holds something.
    stored = row.answers == 1 if row.task == "classify" else bool(row.masks) and masks.issuperset(row.masks)
    if row.state == "quarantined":
        verdict.quarantined[row.error_code] += 1
        if not row.error_code or not row.error_reason:
            verdict.lost.append(f"{name}: quarantined without a reason")
        if row.answers:
            verdict.doubled.append(f"{name}: quarantined and stored")
    elif row.state != "done" or not stored:
        verdict.lost.append(f"{name}: {row.state}, {row.answers} answers, masks {row.masks}")


# From a worker's death, as noted outside, until its photos were given back.
TAKEN_BACK = """
SELECT extract(epoch FROM w.at) AS at, extract(epoch FROM max(c.at)) AS claimed_at
FROM witness w JOIN witness c ON (c.image_id, c.model_version_id) = (w.image_id, w.model_version_id)
WHERE w.old = 'leased' AND w.code = 'worker_lost' AND w.new IN ('retry', 'quarantined')
  AND c.new = 'leased' AND c.at < w.at
GROUP BY w.at, w.image_id, w.model_version_id
"""


def slowest_recovery(engine: sa.Engine, deaths: list[float]) -> float:
    """Seconds from a death until the last of its photos could be worked on again; 0 where nothing was held.

    `deaths` are times as of `time.time`. A take-back belongs to the first death since its claim.
    """
    with engine.connect() as connection:
        taken_back = connection.execute(sa.text(TAKEN_BACK)).all()
    waits = [0.0]
    for row in taken_back:
        causes = [death for death in deaths if float(row.claimed_at) <= death <= float(row.at)]
        waits += [float(row.at) - min(causes)] if causes else []
    return max(waits)
