"""What Tagmill is made of: the locks that `make lock` writes, and the list of parts that `make sbom` writes."""
