"""A data set in, findings out: what is wrong with it for this method, what follows, and one thing to do about each."""

from randquant.doctor.command import CHECKS, doctor, examine
from randquant.doctor.finding import Finding

__all__ = ["doctor", "examine", "CHECKS", "Finding"]
