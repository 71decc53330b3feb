"""The base of all tables, and columns that many of them have."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def one_of(column: str, values: tuple[str, ...]) -> str:
    return f"{column} IN ({', '.join(repr(value) for value in values)})"


class Base(DeclarativeBase):
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {
        str: sa.Text(),
        int: sa.BigInteger(),
        float: sa.REAL(),
        datetime: sa.DateTime(timezone=True),
        UUID: sa.Uuid(),
        Decimal: sa.Numeric(14, 4),
        dict[str, Any]: JSONB(),
        list[str]: ARRAY(sa.Text()),
    }


def now() -> Mapped[datetime]:
    return mapped_column(server_default=sa.func.now())


def image() -> Mapped[int]:
    return mapped_column(sa.ForeignKey("images.id"), primary_key=True)


def version() -> Mapped[int]:
    return mapped_column(sa.ForeignKey("model_versions.id"), primary_key=True)
