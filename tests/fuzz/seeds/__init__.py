"""Whole files to begin with, made by code: a few hundred kilobytes in memory, none in the repository."""
