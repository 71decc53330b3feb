"""Finding products: by words, by meaning, by a photo, by facets. SQL underneath."""

from catalog.search.facets import facets
from catalog.search.find import find, near, similar
from catalog.search.hits import Chosen, Facet, FacetValue, Hit, Page
from catalog.search.meaning import Meaning

__all__ = ["Chosen", "Facet", "FacetValue", "Hit", "Meaning", "Page", "facets", "find", "near", "similar"]
