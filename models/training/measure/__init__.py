"""How good a model is on labelled photos: figures, plots' numbers, and the photos it got most wrong."""

from models.training.measure.agreement import Agreement, cohen_kappa, matched_f1
from models.training.measure.calibration import Reliability, fit_temperature, reliability
from models.training.measure.classify import Temperature
from models.training.measure.figures import HEADLINE
from models.training.measure.measured import Confusion, Measured, Mistake, ShownBox
from models.training.measure.run import measure

__all__ = [
    "HEADLINE",
    "Agreement",
    "Confusion",
    "Measured",
    "Mistake",
    "Reliability",
    "ShownBox",
    "Temperature",
    "cohen_kappa",
    "fit_temperature",
    "matched_f1",
    "measure",
    "reliability",
]
