"""The figures of the report, for a VAE and an AE trained on the same data set."""

import itertools
import textwrap
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from torch import Tensor

import vae_onnx
from export.data.datasets import Split, one_of_each
from export.errors import ConfigError
from export.networks.autoencoder import AE, VAE, as_float, codes
from export.training import origin, record
from export.training.checkpoint import load_model
from export.training.curves import STYLE, save, training_curves
from vae_onnx import latent
from vae_onnx.engine.graph import Array

SEED: Final = 0
EXAMPLES: Final = 10  # images that are shown with their reconstructions
SAMPLES: Final = (10, 20)  # rows and columns of prior samples
PAIRS, FRAMES = 5, 10  # of images to interpolate between, and pictures from one to the other
GRID_SIDE: Final = 20
SURVEYED: Final = 2000  # codes by which the principal directions are found, where there are more
WRAPPED: Final = 12  # letters of a class's name in a line
SPOTS: Final = 10_000  # square points that all spots of a map have together

# Paul Tol's "muted" scheme, which the colour-blind can tell apart, and black as the tenth.
CLASS_COLOURS: Final = (
    "#332288",
    "#88ccee",
    "#44aa99",
    "#117733",
    "#999933",
    "#ddcc77",
    "#cc6677",
    "#882255",
    "#aa4499",
    "#222222",
)


def write(
    vae_run: Path,
    ae_run: Path,
    out: Path,
    data_dir: Path | None = None,
    dataset: str | None = None,
) -> None:
    """Draw every figure of a pair of runs into the folder `out`.

    Args:
        vae_run: run folder of a VAE.
        ae_run: run folder of an AE.
        out: folder of the pictures.
        data_dir: folder of the data sets.
        dataset: folder:PATH, where the pictures are now, if they are not where they were.

    Raises:
        ConfigError: the runs are not a VAE and an AE of one data set.
        FileNotFoundError: a run or the data set is missing.
        RunError: a file of a run is damaged.
        DataError: the data set is damaged, or has changed since the training.
    """
    vae, vae_config = load_model(vae_run)
    ae, ae_config = load_model(ae_run)
    if not (isinstance(vae, VAE) and isinstance(ae, AE)):
        raise ConfigError(
            f"figures takes the run of a vae, then that of an ae; {vae_run} is of kind "
            f"{vae_config.kind} and {ae_run} of kind {ae_config.kind}"
        )
    if not origin.same((vae_run, vae_config), (ae_run, ae_config)):
        raise ConfigError(
            f"both runs must be of one data set; {vae_run} is of {vae_config.dataset} "
            f"and {ae_run} of {ae_config.dataset}"
        )
    images = origin.of_run(vae_run, vae_config, data_dir, dataset)
    test = images.test
    with mpl.rc_context(STYLE):
        for kind, run, config in (("AE", ae_run, ae_config), ("VAE", vae_run, vae_config)):
            curves = training_curves(config, record.read_history(run))
            save(out / f"{kind}_training_curves.png", curves)
        save(out / "reconstructions.png", reconstructions(vae, ae, test))
        save(out / "reconstructions_of_training.png", reconstructions(vae, ae, images.train))
        save(out / "VAE_prior_samples.png", prior_samples(vae))
        save(out / "VAE_interpolation.png", interpolation(vae, test))
        for kind, model in (("AE", ae), ("VAE", vae)):
            save(out / f"{kind}_latent_space_2d.png", latent_space(model, test))
        if _is_flat(vae, out / "VAE_latent_grid.png"):
            save(out / "VAE_latent_grid.png", latent_grid(vae))


def latent_space(model: VAE | AE, test: Split) -> Figure:
    """Every test image as a point in the latent plane, coloured by its class.

    Of more than two dimensions, the plane is that of the two principal directions of the codes.
    """
    z = codes(model, test.pixels).flatten(1).numpy()
    names = ("latent dimension 1", "latent dimension 2")
    if z.shape[1] > 2:
        centred = z - z.mean(axis=0)
        some = centred[np.random.default_rng(SEED).permutation(len(z))[:SURVEYED]]
        z = centred @ np.linalg.svd(some, full_matrices=False)[2][:2].T
        names = ("first principal direction", "second principal direction")
    elif z.shape[1] == 1:
        z = np.pad(z, ((0, 0), (0, 1)))  # on a line
        names = ("latent dimension", "")
    labels = test.labels.numpy()
    figure = Figure(figsize=(7.6, 6))
    axes = figure.add_subplot()
    # In random order: drawn class by class, the last class would hide the others.
    order = np.random.default_rng(SEED).permutation(len(z))
    colours = np.array(CLASS_COLOURS)[labels % len(CLASS_COLOURS)]
    size = min(max(SPOTS / len(z), 5), 30)
    axes.scatter(z[order, 0], z[order, 1], c=colours[order], s=size, alpha=0.55, linewidths=0)
    present = np.unique(labels)  # a small test set may lack a class
    spots = np.stack([np.median(z[labels == label], axis=0) for label in present])
    room = (
        0.02 + 0.01 * max(map(len, test.class_names)),
        0.04,
    )  # of a name, as a part of the picture
    spots = _apart(spots, least=np.ptp(z, axis=0) * room)
    for label, (x, y) in zip(present, spots, strict=True):
        colour = CLASS_COLOURS[label % len(CLASS_COLOURS)]
        axes.scatter([], [], color=colour, s=30, label=test.class_names[label])
        text = axes.text(x, y, test.class_names[label], ha="center", va="center", weight="bold")
        text.set_path_effects([withStroke(linewidth=2.5, foreground="white")])
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), title="class")
    kind, point = ("VAE", "posterior mean") if isinstance(model, VAE) else ("AE", "code")
    axes.set_title(f"{kind} latent space: the {point} of each of {len(z):,} test images")
    axes.set(xlabel=names[0], ylabel=names[1])
    axes.set_aspect("equal", adjustable="datalim")
    return figure


def reconstructions(vae: VAE, ae: AE, test: Split) -> Figure:
    """Images, of as many classes as there are, above what the AE and the VAE make of them."""
    chosen = one_of_each(test.labels.tolist())[:EXAMPLES]
    x = as_float(test.pixels[chosen])
    rows = {
        "original": _pictures(vae, x),
        "AE": _decode(ae, codes(ae, x)),
        "VAE": _decode(vae, codes(vae, x)),
    }
    figure = Figure(figsize=(10, 3.5))
    panels = figure.subplots(len(rows), len(chosen), squeeze=False)
    for row, (title, pictures) in zip(panels, rows.items(), strict=True):
        for axes, picture in zip(row, pictures, strict=True):
            _picture(axes, picture)
        row[0].set_ylabel(title, weight="bold")
    for axes, label in zip(panels[0], test.labels[chosen].tolist(), strict=True):
        name = textwrap.fill(test.class_names[label].replace("-", " "), WRAPPED)
        axes.set_title(name, weight="normal", size=9)
    return figure


def prior_samples(vae: VAE) -> Figure:
    """What the decoder makes of z drawn from the prior N(0, I)."""
    generator = torch.Generator().manual_seed(SEED)
    rows, columns = SAMPLES
    z = torch.randn(rows * columns, *vae.latent_shape, generator=generator)
    figure = Figure(figsize=(10, 5.3))
    axes = figure.add_subplot()
    _picture(axes, vae_onnx.tile(_decode(vae, z), columns))
    axes.set_title("VAE: decoded samples of the prior, z ~ N(0, I)")
    return figure


def interpolation(vae: VAE, test: Split) -> Figure:
    """Pairs of test images of different classes where there are, and what lies between them."""
    chosen = one_of_each(test.labels.tolist())[: 2 * PAIRS]
    ends = codes(vae, test.pixels[chosen])
    half = len(chosen) // 2
    rows = []
    for start, end in zip(ends[:half], ends[half:], strict=False):
        shares = torch.linspace(0, 1, FRAMES).reshape(-1, *[1] * start.dim())
        rows.append(_decode(vae, start + shares * (end - start)))
    figure = Figure(figsize=(10, 0.3 + 10 / FRAMES * half))
    axes = figure.add_subplot()
    _picture(axes, vae_onnx.tile(np.concatenate(rows), FRAMES))
    axes.set_title("VAE: from one test image to another, in a straight line between their codes")
    return figure


def latent_grid(vae: VAE) -> Figure:
    """The latent plane decoded at the quantiles of the prior: equal probability a picture."""
    quantiles = latent.prior_axis(GRID_SIDE)
    z = torch.from_numpy(latent.plane(quantiles, quantiles))
    figure = Figure(figsize=(8, 8.3))
    axes = figure.add_subplot()
    picture = vae_onnx.tile(_decode(vae, z), GRID_SIDE)
    _picture(axes, picture)
    centres = (np.arange(GRID_SIDE) + 0.5) * len(picture) / GRID_SIDE
    shown = np.linspace(0, GRID_SIDE - 1, 6).round().astype(int)
    labels = [f"{quantiles[index]:+.2f}" for index in shown]
    axes.set_xticks(centres[shown], labels)
    axes.set_yticks(centres[::-1][shown], labels)
    axes.set(xlabel="latent dimension 1", ylabel="latent dimension 2")
    axes.set_title(f"VAE: decoded latent plane, {GRID_SIDE}x{GRID_SIDE} quantiles of the prior")
    return figure


def _apart(spots: Array, least: Array) -> Array:
    """Move spots (N, 2) up or down until each pair is `least` (2,) apart in one of the two."""
    spots = spots.copy()
    for _ in range(100):
        for one, other in itertools.combinations(range(len(spots)), 2):
            gap = spots[other] - spots[one]
            if (np.abs(gap) < least).all():
                push = (least[1] - abs(gap[1])) / 2 * (1 if gap[1] >= 0 else -1)
                spots[other, 1] += push
                spots[one, 1] -= push
    return spots


def _is_flat(model: VAE | AE, path: Path) -> bool:
    """Whether the latent space is a plane; says so where a figure is left out."""
    if model.latent_shape != (2,):
        print(f"{path.name} left out: it shows two latent dimensions, there are {model.latent_dim}")
    return model.latent_shape == (2,)


def _picture(axes: Axes, image: Array) -> None:
    """Show an image in [0, 1]: (height, width) as dark ink on white paper, or RGB as it is."""
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)


@torch.inference_mode()
def _decode(model: VAE | AE, z: Tensor) -> Array:
    """Decode z (N, *latent_shape) to pictures in [0, 1], (N, height, width) or with channels."""
    return _pictures(model, model.decoder(z).sigmoid())


def _pictures(model: VAE | AE, x: Tensor) -> Array:
    """Images (N, pixels) as pictures to show: (N, height, width), or (N, height, width, 3)."""
    channels_last: Array = x.reshape(-1, *model.image_shape).movedim(1, -1).numpy()
    return channels_last[..., 0] if model.image_shape[0] == 1 else channels_last
