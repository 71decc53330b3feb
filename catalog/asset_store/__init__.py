"""Bytes under keys: the object store for photos, masks and model files.

`AssetStore` is the contract; behind it, `S3AssetStore` is any S3 server and `MemoryAssetStore` a dictionary.
"""

from __future__ import annotations

from catalog.asset_store.contract import AssetStore
from catalog.asset_store.keys import CONTENT_TYPES, image_key, mask_key, mask_keys, model_key, thumbnail_key
from catalog.asset_store.memory import MemoryAssetStore
from catalog.asset_store.s3 import S3AssetStore

__all__ = [
    "CONTENT_TYPES",
    "AssetStore",
    "MemoryAssetStore",
    "S3AssetStore",
    "image_key",
    "mask_key",
    "mask_keys",
    "model_key",
    "thumbnail_key",
]
