"""The running system: settings, Celery, the pipeline and the command line."""
