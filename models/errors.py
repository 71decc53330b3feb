"""The errors of `models`, one tree. Free of torch.

`code` is a short word in snake case for tables and tests; the sentence (`str(error)`) is for people.
"""

from __future__ import annotations

from typing import ClassVar


def first_line(error: object) -> str:
    """What a sentence says of another's error: its text's first line, or its name where it has no text."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class ModelError(Exception):
    """Anything that can go wrong in `models`; catch this to catch all."""


class SpecError(ModelError):
    """The description of a model is wrong: correct the named field of its spec file."""


class BuilderError(ModelError):
    """No network can be built from the spec: choose a builder that exists and serves the spec's task."""


class WeightsError(ModelError):
    """The weights are missing, altered or do not fit: fetch them again, or correct the spec."""


class TrainingError(ModelError):
    """A training run cannot begin or go on: the sentence names the thing and the remedy. Nothing is half-written."""


class RecipeError(TrainingError):
    """The recipe is wrong: correct the named field."""


class DataError(TrainingError):
    """The labelled photos cannot be used: correct the named file, or leave it out."""


class CheckpointError(TrainingError):
    """The checkpoint is damaged or belongs to another recipe: start the run anew in another folder."""


class DeviceFailed(BaseException):
    """The device answers no call of this process any more, as after a CUDA assertion: end the process.

    No `Exception`: nothing on the way may take it for the fault of a photo.
    """


class PhotoError(ModelError):
    """One photo cannot be used; the others can. Replace that photo, or leave it quarantined."""

    code: ClassVar[str] = "photo_error"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class EmptyFile(PhotoError):
    """The file has no bytes: export the photo again."""

    code = "empty_file"


class NotAnImage(PhotoError):
    """The content is no image, whatever the file's name says: replace the file."""

    code = "not_an_image"


class FormatRefused(PhotoError):
    """An image in a format that is not accepted: convert it to JPEG, PNG or WebP."""

    code = "format_refused"


class TooManyBytes(PhotoError):
    """The file is larger than the limit: compress it, or raise `max_bytes`."""

    code = "too_many_bytes"


class TooManyPixels(PhotoError):
    """The photo is wider times higher than the limit: scale it down, or raise `max_pixels`."""

    code = "too_many_pixels"


class TooCostly(PhotoError):
    """Decoding the photo would take more memory or time than one photo may: save it anew, plain or smaller."""

    code = "too_costly"


class Truncated(PhotoError):
    """The file ends too early: upload it again, whole."""

    code = "truncated"


class Corrupt(PhotoError):
    """The file is damaged or breaks its format's rules: export the photo again."""

    code = "corrupt"


class UnusableOutput(PhotoError):
    """The network answered this photo with values that are not numbers: check the weights, then the photo."""

    code = "unusable_output"
