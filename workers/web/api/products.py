"""`/products`: one product, with all that its photos show."""

from __future__ import annotations

from fastapi import APIRouter

from catalog import product as catalog_product
from catalog.product import Product
from workers.web.deps import Reading, Sku

router = APIRouter(tags=["products"])


@router.get("/products/{sku:path}")
def product(sku: Sku, connection: Reading) -> Product:
    """What the feed says of it; its photos; what serving models and people say of them.

    Boxes are in pixels of the original photo. Tags, detections, segments and facts name their photo by `image_id`, and
    `/photos/{image_id}` is its file.
    """
    return catalog_product.find(connection, sku)
