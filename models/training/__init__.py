"""Transfer learning on one's own photos: read, look, split, train, measure, report. No database, no queue, no S3."""
