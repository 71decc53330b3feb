"""What goes wrong with the embedded services, always with what to do about it."""

from __future__ import annotations


class ServiceError(Exception):
    """A service could not be started, stopped or found; the message ends with a remedy."""


class ServiceAway(ServiceError):
    """Services do not answer; the same command may do when they are back."""


class ServerExitedError(ServiceError):
    """A server ended while it was being started; the message carries the end of its log."""
