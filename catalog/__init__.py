"""Products, assets, the ledger of work and its results. No Celery, no torch."""
