"""`/api/v1`: one module a subject, with its `router`."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.security import HTTPBearer

from workers.web.api import failures, jobs, models, products, recommend, review, search
from workers.web.api.parameters import PREFIX, known
from workers.web.problems import DOCUMENTED

_told = HTTPBearer(auto_error=False, description="A key of `tagmill api-key`; none where no key is set")

router = APIRouter(prefix=PREFIX, responses=DOCUMENTED, dependencies=[Depends(_told), Depends(known)])
for module in (search, products, recommend, review, jobs, failures, models):
    router.include_router(module.router)
