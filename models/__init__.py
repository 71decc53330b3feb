"""Neural networks: decode a photo, predict, train, evaluate. No database, no queue, no S3."""
