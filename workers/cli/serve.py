"""`tagmill serve` and `tagmill api-key`: the catalog as pages and as an API, and who may use them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from workers.cli.console import err, out, print_json
from workers.cli.options import JsonFlag
from workers.embedded.errors import ServiceError
from workers.runtime import Runtime
from workers.settings import settings
from workers.this_machine import THIS_MACHINE


class Role(StrEnum):
    READ = "read"
    WRITE = "write"


def register(app: typer.Typer) -> None:
    app.command()(serve)
    app.command("api-key")(api_key)


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines ask.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8100,
) -> None:
    """Show the catalog in a browser, and answer its API. Until Ctrl-C.

    On this machine alone it needs no key, unless some are set. Beyond it needs TAGMILL_API_KEYS, see
    `tagmill api-key`, and a reverse proxy with TLS before it (docs/api.md).

    Example: tagmill serve --port 8100
    """
    config = settings()
    if config.api_keys is None and (host not in THIS_MACHINE or config.web_hosts or config.web_proxies):
        raise ServiceError(
            "others than this machine are to see it, by --host, TAGMILL_WEB_HOSTS or TAGMILL_WEB_PROXIES: set "
            "TAGMILL_API_KEYS first, an entry is made by `tagmill api-key NAME`"
        )
    from workers.logs import configure_logs
    from workers.web.checks import check_services
    from workers.web.run import listen, run

    runtime = Runtime(config)
    check_services(runtime)
    listening = listen(host, port)
    configure_logs(config)
    shown = f"[{host}]" if ":" in host else host
    how = (
        "log in with a key"
        if config.api_keys
        else "no key is set, so whoever is on this machine may look and write"
    )
    run(runtime, listening, lambda: err.print(f"http://{shown}:{port}  {how}; until Ctrl-C", soft_wrap=True))


def api_key(
    name: Annotated[str, typer.Argument(help="Whose key it is; the author of what is decided with it.")],
    role: Annotated[Role, typer.Option(help="read looks; write decides, too.")] = Role.READ,
    as_json: JsonFlag = False,
) -> None:
    """Make a key for the API and the pages. It is shown once and kept nowhere: only its hash goes into the settings.

    Example: tagmill api-key anna --role write
    """
    from workers.web import keys

    try:
        secret, entry = keys.new(name, role.value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if as_json:
        print_json({"name": name, "role": role.value, "key": secret, "entry": entry})
        return
    out.print(f"key    {secret}", soft_wrap=True)
    out.print(f"entry  {entry}", soft_wrap=True)
    err.print("give the key to its owner, and add the entry to TAGMILL_API_KEYS, separated by commas")
