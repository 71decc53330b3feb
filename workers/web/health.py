"""`/healthz`: whether requests can be answered just now, for load balancers and containers."""

from __future__ import annotations

import sqlalchemy as sa
from fastapi import APIRouter

from workers.web.deps import Reading

router = APIRouter()
HEALTH = "/healthz"


@router.api_route(HEALTH, methods=["GET", "HEAD"])
def healthz(connection: Reading) -> dict[str, str]:
    """Answers 503 while Postgres is away; nothing is said of who asks, or what is in it."""
    connection.execute(sa.text("SELECT 1"))
    return {"status": "ok"}
