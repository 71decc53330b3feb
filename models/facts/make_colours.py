"""Write the weights of `tagmill:facts`, the table of named colours: `python -m models.facts.make_colours`."""

from __future__ import annotations

import numpy as np
import torch

from models.facts.cielab import lab
from models.facts.palette import PALETTE
from models.starter.pack import COLOURS, FOLDER
from models.starter.packing import write_hashes, write_weights


def shades(hexes: tuple[str, ...]) -> torch.Tensor:
    """L*a*b* of each shade: float32 (shades, 3)."""
    rgb = np.array([list(bytes.fromhex(shade.removeprefix("#"))) for shade in hexes])
    return torch.from_numpy(lab(rgb)).float()


if __name__ == "__main__":
    write_weights({name: shades(hexes) for name, hexes in PALETTE.items()}, COLOURS, half=False)
    write_hashes(FOLDER)
