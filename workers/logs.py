"""One format for all logs of a process, ours and the libraries': a JSON object a line, or colours for people."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from workers.redaction import Redactor
from workers.settings import Settings
from workers.terminal import plain_event

# Its usual tracebacks show the value of every variable.
CONSOLE = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]

# "Received" and "succeeded" lines without what matters: our own line a chunk says how many photos, and how fast.
_OURS_SAYS_IT = ("celery.worker.strategy", "celery.app.trace", "uvicorn.error")


def configure_logs(config: Settings) -> None:
    """Send everything to standard error, at `log_level`, as `log_format` says."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    people = [plain_event, CONSOLE]
    renderers = [structlog.processors.JSONRenderer()] if config.log_format == "json" else people
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            *renderers,
            Redactor(config).process,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    for name in _OURS_SAYS_IT:
        logging.getLogger(name).setLevel(logging.WARNING)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.log_level)


def log_for_people() -> None:
    """What commands say beside their results goes to standard error, until `configure_logs` is called."""
    usual = structlog.get_config()["processors"][:-1]
    structlog.configure(
        processors=[*usual, plain_event, CONSOLE], logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
