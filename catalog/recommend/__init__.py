"""Which products to show a shopper, and which go with a product: SQL over interactions, embeddings and tags."""

from catalog.recommend.product import goes_with, why_nothing
from catalog.recommend.refreshing import Refreshed, refresh
from catalog.recommend.shopper import for_shopper, knows

__all__ = ["Refreshed", "for_shopper", "goes_with", "knows", "refresh", "why_nothing"]
