"""`/api/v1`: one module a subject, with its `router`."""

from __future__ import annotations

from fastapi import APIRouter

router = APIRouter(prefix="/api/v1")
