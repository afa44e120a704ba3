"""Tests of what admission makes of a manifest."""
