"""Errors whose remedy lies with whoever typed the command, not with the code."""


class UserError(Exception):
    """Base class: the command line prints the message and no traceback."""


class ConfigError(UserError):  # no ValueError, which tyro would catch and reword
    """An option, or a combination of options, that cannot be run."""


class DataError(UserError, RuntimeError):
    """Files of a data set that are there but cannot be what they are named after."""


class RunError(UserError, RuntimeError):
    """A file of a run folder that is damaged, or was written by something else."""


class DivergedError(UserError, ArithmeticError):
    """Training arrived at a loss that is not a finite number."""


class LostError(UserError, ConnectionError):
    """Another of the processes that train together has ended, or cannot be reached."""


class StructureError(UserError, RuntimeError):
    """A graph that is sound, but whose network is of another structure than the one asked for."""


class ModelError(UserError, ValueError):
    """A model folder that cannot be used as it is: a file is damaged, or of something else."""


class HubError(UserError, OSError):
    """The Hugging Face Hub cannot be reached, or does not take what is sent."""
