"""What search asks of a text embedder. It is handed in: the catalog knows no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]


class Meaning(Protocol):
    """See `models.text.TextEmbedder`."""

    @property
    def name(self) -> str:
        """Which model it is; only vectors of one name can be compared."""
        ...

    def embed(self, texts: Sequence[str]) -> Vector:
        """Unit vectors, float32 of shape (texts, width), in order."""
        ...


def literal(vector: Vector) -> str:
    """A vector as Postgres reads it."""
    return "[" + ",".join(map("{:.7g}".format, vector.tolist())) + "]"
