"""One profile of hypothesis for all tests."""

from tests import profiles

profiles.load()
