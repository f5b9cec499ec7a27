"""Errors whose message alone tells a user what was given, what is allowed and what to do."""


class VaescopeError(Exception):
    """A mistake that the user can mend; shown as one message, without a traceback."""


class ConfigError(VaescopeError, ValueError):
    """One or more settings cannot work; the message lists all of them."""


class DataError(VaescopeError, RuntimeError):
    """A data file is missing, corrupt or not what it claims to be."""


class TrainingDivergedError(VaescopeError, FloatingPointError):
    """A loss term or a weight stopped being a finite number."""
