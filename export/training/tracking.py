"""What a run shows of itself while it trains: its curves, and TensorBoard's files on request."""

import time
from pathlib import Path
from typing import Final

import matplotlib as mpl
from torch.utils.tensorboard import SummaryWriter

from export.config import Config
from export.training import curves
from export.training.record import CURVES, Epoch

TENSORBOARD: Final = "tensorboard"  # folder of the event files within the run folder
REDRAW_SECONDS: Final = 20.0  # drawing takes half a second, which an epoch should not pay each time


class Tracker:
    """Keeps `curves.png`, and with `tensorboard` the event files, of a run folder up to date."""

    def __init__(self, out: Path, config: Config, *, epochs_before: int, tensorboard: bool) -> None:
        """Begin with the first epoch after `epochs_before`; later ones on record are dropped."""
        self._config = config
        self._curves = out / CURVES
        self._drawn = time.monotonic()
        self._writer = None
        if tensorboard:
            self._writer = SummaryWriter(out / TENSORBOARD, purge_step=epochs_before + 1)

    def add(self, history: list[Epoch]) -> None:
        """Take note of the last epoch of the history."""
        if self._writer:
            _write_scalars(self._writer, history[-1])
        if time.monotonic() - self._drawn > REDRAW_SECONDS:
            self._draw(history)

    def close(self, history: list[Epoch]) -> None:
        """Bring everything up to date, whatever ended the training."""
        if self._writer:
            self._writer.close()
        if history:
            self._draw(history)

    def _draw(self, history: list[Epoch]) -> None:
        with mpl.rc_context(curves.STYLE):
            curves.save(self._curves, curves.training_curves(self._config, history))
        self._drawn = time.monotonic()


def _write_scalars(writer: SummaryWriter, entry: Epoch) -> None:
    """One chart a loss, training and validation in it; and the learning rate."""
    for part in ("train", "validation"):
        for name, value in entry[part].items():
            writer.add_scalar(f"{name}/{part}", value, entry["epoch"])
    writer.add_scalar("lr", entry["lr"], entry["epoch"])
    writer.flush()
