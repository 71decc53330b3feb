"""1,200 photos of Fashion-MNIST's test split, 120 of each product type, for the demo and the tests."""

from models.starter.sample.load import Sample, load_sample

__all__ = ["Sample", "load_sample"]
