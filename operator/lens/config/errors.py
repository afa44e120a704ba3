"""Errors of settings."""


class SettingsError(Exception):
    """A setting is missing, unknown or impossible; the message names it."""


class ListenError(SettingsError):
    """An address can't be listened on."""
