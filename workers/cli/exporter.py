"""`tagmill exporter`: services and ledger, for Prometheus."""

from __future__ import annotations

from typing import Annotated

import typer

from workers.cli.console import err
from workers.embedded.errors import ServiceError
from workers.runtime import Runtime
from workers.settings import settings


def register(app: typer.Typer) -> None:
    app.command()(exporter)


def exporter(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Where Prometheus asks.")] = 9808,
    address: Annotated[str, typer.Option(help="0.0.0.0 lets other machines ask.")] = "127.0.0.1",
    once: Annotated[bool, typer.Option("--once", help="Print what would be answered, and exit.")] = False,
) -> None:
    """Tell Prometheus how services, queue, leases, failures and jobs stand. One runs for all worker hosts.

    Workers tell of themselves where TAGMILL_METRICS_PORT is set (docs/monitoring.md). Beyond the loopback address it
    needs TAGMILL_METRICS_BASIC_AUTH=user:password.

    Example: tagmill exporter --once
    """
    # Here, since a worker's processes must set up how they count before this library is first loaded.
    from prometheus_client import generate_latest

    from workers import scraped
    from workers.celery_app import CeleryQueue, app
    from workers.exporter import registry

    runtime = Runtime(settings())
    found = registry(runtime, CeleryQueue(app, runtime.settings))
    if once:
        print(generate_latest(found).decode(), end="")
        return
    try:
        thread = scraped.serve(address, port, found, runtime.settings.metrics_basic_auth)
    except OSError as error:
        raise ServiceError(
            f"cannot listen on {address}:{port}: {error.strerror}; choose another --port"
        ) from None
    err.print(f"http://{address}:{port}/metrics, until Ctrl-C")
    thread.join()
