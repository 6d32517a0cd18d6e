"""The losses of a run over its epochs, drawn; and how all figures of the project look."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from export import writing
from export.config import Config
from export.training import record
from export.training.record import Epoch

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

UNIT: Final = "nats per image"


STYLE: Final[dict["RcKeyType", Any]] = {
    "figure.dpi": 150,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
}


COLOURS: Final = {"train": "#4477aa", "validation": "#ee6677", "recon": "#4477aa", "kld": "#ccbb44"}


def training_curves(config: Config, history: list[Epoch]) -> Figure:
    """Training and validation losses over the epochs.

    Of a VAE four panels: total, reconstruction, KLD, and the parts of the training loss together.
    """
    seen = config.validation_name
    if config.kind == "ae":
        figure = Figure(figsize=(6, 4))
        _curves(figure.add_subplot(), history, "loss", "AE: reconstruction loss", seen)
        return figure
    figure = Figure(figsize=(10, 7))
    (total, recon), (kld, parts) = figure.subplots(2, 2)
    _curves(total, history, "loss", "VAE: total loss (recon + kld)", seen)
    _curves(recon, history, "recon", "Reconstruction (recon)", seen)
    _curves(kld, history, "kld", "KL divergence from the prior (kld)", seen)
    epochs = [entry["epoch"] for entry in history]
    stack = [[entry["train"][name] for entry in history] for name in ("recon", "kld")]
    colours = [COLOURS["recon"], COLOURS["kld"]]
    parts.stackplot(epochs, *stack, labels=["recon", "kld"], colors=colours, alpha=0.85)
    _finish(parts, "Parts of the training loss, stacked")
    return figure


def _curves(axes: Axes, history: list[Epoch], name: str, title: str, seen: str) -> None:
    """Draw one loss over the epochs, the best epoch marked; `seen` is what validation is called."""
    epochs = [entry["epoch"] for entry in history]
    train = [entry["train"][name] for entry in history]
    validation = [entry["validation"][name] for entry in history]
    marker = "o" if len(history) == 1 else None  # a line of one point would not be seen
    label = f"training (epoch 1: {train[0]:.2f})"
    axes.plot(epochs, train, color=COLOURS["train"], marker=marker, label=label)
    axes.plot(epochs, validation, color=COLOURS["validation"], marker=marker, label=seen)
    best = record.best_epoch(history)
    point = (best["epoch"], best["validation"][name])
    label = f"best model: epoch {best['epoch']}, {point[1]:.2f}"
    axes.plot(*point, "o", color=COLOURS["validation"], markeredgecolor="white", label=label)
    if len(history) > 2:
        # Most of epoch 1 is met before anything is learnt: on its scale the rest is a flat line.
        low, *_, high = sorted([*train[1:], *validation])
        axes.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
    _finish(axes, title)


def _finish(axes: Axes, title: str) -> None:
    axes.set(title=title, xlabel="epoch", ylabel=UNIT)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10]))
    axes.margins(x=0.02)
    axes.legend()


def save(path: Path, figure: Figure) -> None:
    """Write a figure as PNG, atomically."""
    with writing.atomic(path) as partial:
        figure.savefig(partial, format="png", bbox_inches="tight")
