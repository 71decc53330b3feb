"""`/products`: one product, with all that its photos show."""

from __future__ import annotations

from fastapi import APIRouter

from catalog import showing
from catalog.showing import Product
from workers.web.deps import Reading, Sku

router = APIRouter(tags=["products"])


@router.get("/products/{sku:path}")
def product(sku: Sku, connection: Reading) -> Product:
    """What the feed says of it; its photos with what serving models found in them; its tags, and who said so.

    Boxes are in pixels of `/photos/{image_id}`.
    """
    return showing.product(connection, sku)
