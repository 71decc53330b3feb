"""Pages for people: one module a page, with its `router`."""

from __future__ import annotations

from fastapi import APIRouter

from workers.web.pages import by_photo, duplicates, failures, grid, jobs, models, product, review, tags

ROUTERS: tuple[APIRouter, ...] = (
    grid.router,
    by_photo.router,
    tags.router,
    product.router,
    review.router,
    duplicates.router,
    jobs.router,
    failures.router,
    models.router,
)
