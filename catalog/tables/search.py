"""What search reads: texts of products as words and as vectors, written by `catalog.search.indexing`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pgvector.sqlalchemy import HALFVEC
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from catalog.tables.base import Base


def _product() -> Mapped[int]:
    return mapped_column(
        sa.ForeignKey("products.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class ProductWords(Base):
    """A product's words by weight: A title, B brand, C category, D description."""

    __tablename__ = "product_words"
    product_id: Mapped[int] = _product()
    words: Mapped[Any] = mapped_column(TSVECTOR)

    __table_args__ = (sa.Index(None, "words", postgresql_using="gin"),)


class ProductText(Base):
    """Title, brand and category as a unit vector of the text embedder `model`."""

    __tablename__ = "product_texts"
    product_id: Mapped[int] = _product()
    model: Mapped[str]
    embedding: Mapped[Any] = mapped_column(HALFVEC())


class LabelText(Base):
    """A name of labels, in words, as a unit vector of the text embedder `model`."""

    __tablename__ = "label_texts"
    model: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    embedding: Mapped[Any] = mapped_column(HALFVEC())


class KnownWord(Base):
    """A word of titles, brands and categories, with what is left of it when letters are missing: for misspellings."""

    __tablename__ = "known_words"
    word: Mapped[str] = mapped_column(sa.Text(collation="C"), primary_key=True)
    lexeme: Mapped[str] = mapped_column(index=True)
    seen: Mapped[int]
    deletions: Mapped[list[str]] = mapped_column(ARRAY(sa.Text))

    __table_args__ = (sa.Index(None, "deletions", postgresql_using="gin"),)


class TextToRead(Base):
    """A product whose text is new or changed. Triggers on `products` add rows, whoever reads it deletes them.

    `taken_until` is in the future while somebody reads it.
    """

    __tablename__ = "texts_to_read"
    id: Mapped[int] = mapped_column(sa.Identity(always=True), primary_key=True)
    product_id: Mapped[int]
    taken_until: Mapped[datetime] = mapped_column(
        sa.DateTime(timezone=True), server_default=sa.text("'-infinity'")
    )


class TextCatchUp(Base):
    """How far products that were there before are in the queue: for words (no `model`), and for a text embedder."""

    __tablename__ = "text_catch_ups"
    model: Mapped[str] = mapped_column(primary_key=True)
    passed: Mapped[int]
    last: Mapped[int]
