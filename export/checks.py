"""What values an option may have; whatever else is a ConfigError that names it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from export.errors import ConfigError


def choices(config: object, taken: Mapping[str, Any]) -> None:
    """See that options are among their choices: a Literal, or one that may be left out."""
    for name, literal in taken.items():
        parts = get_args(literal)
        optional = type(None) in parts
        words = [word for part in parts for word in get_args(part)] if optional else parts
        value = getattr(config, name)
        if value not in words and not (optional and value is None):
            raise ConfigError(f"{name} must be one of {', '.join(words)}, got {value!r}")


def integers(config: object, names: Sequence[str], minimum: int) -> None:
    """See that options are integers of at least `minimum`."""
    for name in names:
        value = getattr(config, name)
        # bool is an int to Python, and True epochs is a slip of the pen.
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise ConfigError(f"{name} must be an integer of at least {minimum}, got {value!r}")


def above_zero(config: object, names: Sequence[str]) -> None:
    """See that options are finite numbers above 0."""
    for name in names:
        value = getattr(config, name)
        if not (math.isfinite(value) and value > 0):
            raise ConfigError(f"{name} must be a finite number above 0, got {value!r}")


def at_least_zero(config: object, names: Sequence[str]) -> None:
    """See that options are finite numbers of at least 0."""
    for name in names:
        value = getattr(config, name)
        if not (math.isfinite(value) and value >= 0):
            raise ConfigError(f"{name} must be a finite number of at least 0, got {value!r}")


def decays(config: object, names: Sequence[str]) -> None:
    """See that options are decays: from 0 up to, and not, 1."""
    for name in names:
        value = getattr(config, name)
        if not 0 <= value < 1:
            raise ConfigError(f"{name} must be at least 0 and below 1, got {value!r}")
