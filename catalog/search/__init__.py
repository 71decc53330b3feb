"""Finding products: by words, by meaning, by a photo, by facets. SQL underneath."""
