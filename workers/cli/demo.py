"""placeholder while parts arrive"""

import typer


def register(app: typer.Typer) -> None: ...
