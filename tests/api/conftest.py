"""Hypothesis without a time limit for each example: a busy machine is not a wrong answer."""

from hypothesis import settings

settings.register_profile("datasync", deadline=None)
settings.load_profile("datasync")
