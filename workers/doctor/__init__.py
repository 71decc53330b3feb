"""`tagmill doctor`: what is wrong with services, settings, machine and work, and what to do about it."""

from workers.doctor.examine import examine
from workers.doctor.finding import Finding

__all__ = ["Finding", "examine"]
