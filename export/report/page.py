"""The report: what was published beside what was trained here, from the files of the runs alone."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from export import markdown, writing
from export.choices import DRAWS, Kind
from export.config import Config
from export.report import compare
from export.training import record
from export.training.record import Epoch, Losses, Run
from vae_onnx.store.datasets import TITLES

EPOCHS: Final = (1, 10, 25, 50)  # those the published report tells of

# What was published, row by row of the table it stands in; Fashion-MNIST only.
PUBLISHED: Final[dict[tuple[str, Kind], Mapping[str, str]]] = {
    ("fashion-mnist", "vae"): {
        "epoch 1, training": "296.81 (289.86 + 6.95)",
        "epoch 1, validation": "278.64 (272.18 + 6.46)",
        "epoch 10, training": "263.91 (257.53 + 6.38)",
        "epoch 10, validation": "264.67 (258.24 + 6.43)",
        "epoch 25, training": "260.71 (254.26 + 6.44)",
        "epoch 25, validation": "261.80 (255.48 + 6.32)",
        "epoch 50, training": "258.61 (252.09 + 6.52)",
        "epoch 50, validation": "260.53 (253.73 + 6.80)",
        "test": "261.10 (254.80 + 6.30)",
    },
    ("fashion-mnist", "ae"): {
        "epoch 1, validation": "268.83",
        "epoch 50, validation": "253 to 256",
    },
}

FIGURES: Final = {
    "VAE_training_curves.png": "Training curves of the VAE",
    "AE_training_curves.png": "Training curves of the AE",
    "VAE_latent_space_2d.png": "Latent space of the VAE, one point per test image",
    "AE_latent_space_2d.png": "Latent space of the AE, one point per test image",
    "reconstructions.png": "Test images and their reconstructions",
    "reconstructions_of_training.png": "Training images and their reconstructions",
    "VAE_prior_samples.png": "Samples of the VAE",
    "VAE_interpolation.png": "From one test image to another",
    "VAE_latent_grid.png": "The decoded latent plane of the VAE",
}

INTRODUCTION: Final = """\
# The models of the report, retrained

`python -m export report` writes this page from the files of the runs.

All losses are in nats per image, lower is better. A VAE's loss is shown with its parts,
(recon + kld); an AE's loss is recon alone. Training losses are means over an epoch while the
weights change, validation losses are taken after it on 10,000 images that are kept out of
training, unless said otherwise. "Test" is the model of the best validation epoch on the 10,000
test images, for a VAE the mean over several draws of the noise."""

SEEN: Final = """\
After the recipe had been chosen, these models were trained on the validation images as well, so
that their validation losses are of images they have seen."""
NOT_SEEN: Final = " That is not so for the runs by the report's recipe."

CONVOLUTIONS: Final = """\
`--network conv` beside the report's network, at the same numbers of latent dimensions. Where the
table does not say otherwise, these did not see the validation images, by which the epoch was
chosen."""

OWN: Final = """\
These are pictures of a folder, not the images of above; {images:,} of them are tested with."""


@dataclass(frozen=True)
class Pair:
    """The runs of one data set, as `all` leaves them in a folder."""

    folder: Path
    vae: Run
    ae: Run
    vae_report: Run | None  # trained by the published recipe, where that was done
    ae_report: Run | None
    larger: Run | None  # a VAE of more latent dimensions
    convolutional: tuple[Run, ...] = ()  # VAEs of convolutions


def write(folders: Sequence[Path], out: Path) -> None:
    """Write the report to `out` and the pictures to figures/ beside it.

    Args:
        folders: folders written by `all`, one for each data set. `vae-report` and `ae-report` in
            them, where present, are runs by the published recipe, `vae-16d` a larger VAE, `conv-2d`
            and `conv-16d` VAEs of convolutions.
        out: Markdown file.

    Raises:
        FileNotFoundError: a run is missing or has not been evaluated.
        RunError: a file of a run is damaged.
        OSError: the report cannot be written.
    """
    pairs = [read(folder) for folder in folders]
    sections = [INTRODUCTION]
    for pair in pairs:
        pictures = _copy_figures(pair.folder / "figures", out.parent / "figures" / pair.folder.name)
        sections.append(section(pair, [picture.relative_to(out.parent) for picture in pictures]))
    writing.write_text(out, "\n\n".join(sections))
    print(f"wrote {out}")


def read(folder: Path) -> Pair:
    """Read the runs below `folder`; raises what `record.read` raises."""
    others = [folder / name for name in ("vae-report", "ae-report", "vae-16d")]
    retrained = [record.read(run) if run.is_dir() else None for run in others]
    found = [folder / name for name in ("conv-2d", "conv-16d") if (folder / name).is_dir()]
    convolutional = tuple(record.read(run) for run in found)
    vae, ae = (record.read(folder / kind) for kind in ("vae", "ae"))
    vae_report, ae_report, larger = retrained
    return Pair(folder, vae, ae, vae_report, ae_report, larger, convolutional)


def section(pair: Pair, pictures: Sequence[Path]) -> str:
    """Everything about one data set; `pictures` are relative to the report."""
    folders = f"{pair.vae.folder.as_posix()} {pair.ae.folder.as_posix()}"
    compared = [run for run in (pair.vae, pair.ae, pair.larger) if run is not None]
    names = " ".join(run.folder.as_posix() for run in compared)
    not_seen = NOT_SEEN if pair.vae_report or pair.ae_report else ""
    known = TITLES.get(pair.vae.config.dataset)
    parts = [
        f"## {known or pair.vae.config.told}",
        *([] if known else [OWN.format(images=pair.vae.metrics["images"])]),
        *([SEEN + not_seen] if pair.vae.config.train_on == "all" else []),
        compare.table(compared),
        _code([f"python -m export compare {names}"]),
    ]
    for title, run, retrained in (
        ("VAE", pair.vae, pair.vae_report),
        ("AE", pair.ae, pair.ae_report),
    ):
        columns = {"trained here": run}
        if retrained is not None:
            columns["the report's recipe, retrained"] = retrained
        published = _published(run.config)
        parts.append(f"### {title}, epoch by epoch")
        parts.append(losses_table(columns, published))
        parts.append(_commands(list(columns.values())))
        parts += [_history(heading, column) for heading, column in columns.items()]
    if pair.larger is not None:
        parts.append(f"### {pair.larger.config.model_name}")
        parts.append(_commands([pair.larger]))
        parts.append(_history("trained here", pair.larger))
    parts += convolutions(pair)
    parts.append("### Figures")
    drawn = (pair.folder / "figures").as_posix()
    parts.append(_code([f"python -m export figures {folders} --out {drawn}"]))
    parts += [f"![{FIGURES[path.name]}]({path.as_posix()})" for path in pictures]
    return "\n\n".join(parts)


def convolutions(pair: Pair) -> list[str]:
    """VAEs of convolutions beside those of the report's network; nothing where there are none."""
    if not pair.convolutional:
        return []
    dense = [run for run in (pair.vae, pair.larger) if run is not None]
    compared = [*dense, *pair.convolutional]
    names = " ".join(run.folder.as_posix() for run in compared)
    return [
        "### What convolutions are worth",
        CONVOLUTIONS,
        compare.table(compared),
        _code([f"python -m export compare {names}"]),
        _commands(pair.convolutional),
        *(_history(run.config.model_name, run) for run in pair.convolutional),
    ]


def losses_table(columns: Mapping[str, Run], published: Mapping[str, str]) -> str:
    """Lay out the losses of runs at the epochs of the report, what was published first."""
    cells = {heading: _cells(run) for heading, run in columns.items()}
    if published:
        cells = {"published": dict(published), **cells}
    rows = list(dict.fromkeys(row for run in columns.values() for row in _cells(run)))
    return markdown.table(
        ["nats per image", *cells],
        [[row, *(column.get(row, "") for column in cells.values())] for row in rows],
    )


def _published(config: Config) -> Mapping[str, str]:
    """What was published of this model, if it was: the report has one size of it."""
    size = config.network, config.likelihood, config.hidden_dim, config.latent_dim
    if size != ("mlp", "bernoulli", 400, 2):
        return {}
    return PUBLISHED.get((config.dataset, config.kind), {})


def _cells(run: Run) -> dict[str, str]:
    """The losses of a run by row of the table: at the epochs of the report, the last, the test."""
    shown = [epoch for epoch in run.history if epoch["epoch"] in (*EPOCHS, len(run.history))]
    cells = {}
    for epoch in shown:
        cells[f"epoch {epoch['epoch']}, training"] = short(epoch["train"])
        cells[f"epoch {epoch['epoch']}, validation"] = short(epoch["validation"])
    return {**cells, "test": short({"loss": run.metrics["total"], **run.metrics})}


def short(losses: Losses) -> str:
    """Show a loss, and its parts where there are two: "261.10 (254.80 + 6.30)"."""
    if "kld" not in losses:
        return f"{losses['loss']:.2f}"
    return f"{losses['loss']:.2f} ({losses['recon']:.2f} + {losses['kld']:.2f})"


def _commands(shown: Sequence[Run]) -> str:
    """The commands that made the runs."""
    lines = []
    for run in shown:
        folder = run.folder.as_posix()
        draws = run.metrics.get("draws", DRAWS)
        option = f" --draws {draws}" if draws != DRAWS else ""
        lines.append(f"python -m export train {run.config.flags()} --out {folder}")
        lines.append(f"python -m export evaluate {folder}{option}")
    return _code(lines)


def _code(lines: Sequence[str]) -> str:
    return "\n".join(["```sh", *lines, "```"])


def _history(heading: str, run: Run) -> str:
    """Every epoch of a run, folded away."""
    header = [
        "epoch",
        "learning rate",
        "training",
        run.config.validation_name,
        "best so far",
        "seconds",
    ]
    table = markdown.table(header, [_history_row(epoch) for epoch in run.history])
    title = f"All {len(run.history)} epochs, {heading}"
    return f"<details>\n<summary>{title}</summary>\n\n{table}\n\n</details>"


def _history_row(epoch: Epoch) -> list[str]:
    return [
        str(epoch["epoch"]),
        f"{epoch['lr']:.2e}",
        short(epoch["train"]),
        short(epoch["validation"]),
        "yes" if epoch["best"] else "",
        f"{epoch['seconds']:.1f}",
    ]


def _copy_figures(source: Path, target: Path) -> list[Path]:
    """Copy those of the figures that were drawn; return where they are now."""
    copies = []
    for name in FIGURES:
        if (source / name).exists():
            with writing.atomic(target / name) as partial:
                shutil.copyfile(source / name, partial)
            copies.append(target / name)
    return copies
