"""The demo: a catalog with known answers goes through the real system, is scored, queried and shown."""
