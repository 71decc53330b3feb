"""Options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Device(StrEnum):
    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


JsonFlag = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, nothing else on standard output.")
]
JobFlag = Annotated[int, typer.Argument(metavar="JOB", help="A job's number, see `tagmill jobs list`.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        "-w",
        metavar="CONDITION",
        help="Only photos of products for which this holds, such as 'category=Shoes|Boots', 'price<20', "
        "'title~summer' or 'attributes.season=SS26'; repeatable, all must hold.",
    ),
]
AuthorOption = Annotated[str, typer.Option(help="Whose word it is.")]
FreshFlag = Annotated[
    bool, typer.Option("--fresh", help="Somebody waits for these photos: they go before all other work.")
]
