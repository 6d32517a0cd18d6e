"""The README.md of a model on the Hub."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from huggingface_hub import (
    ModelCardData,
)

import vae_onnx
from export import markdown
from export.choices import KINDS
from export.config import Config
from export.errors import ConfigError, ModelError
from export.training import card
from vae_onnx import contract
from vae_onnx.engine import sizes
from vae_onnx.engine.graph import Port
from vae_onnx.errors import VaeOnnxError
from vae_onnx.store import model_files

OURS: Final = "<!-- Written by `python -m export push`. Without this line, it stays as it is. -->"


DATASETS: Final = {  # those of the known ones that the Hub has under a name of their own
    "mnist": "ylecun/mnist",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "svhn": "ufldl-stanford/svhn",
}


TASKS: Final = {"vae": "unconditional-image-generation", "ae": "image-feature-extraction"}


@dataclass(frozen=True)
class _About:
    """What a card says of where a model comes from and how good it is."""

    summary: str
    quality: list[str]  # paragraphs
    origin: list[str]
    record: str
    purpose: str
    dataset: str | None = None  # on the Hub


def page(folder: Path, reference: str) -> str:
    """Return the README.md for the repository of a model: one's own, or else the model card.

    Args:
        folder: The model folder.
        reference: What `vae_onnx.load` will take.

    Raises:
        ModelError: The folder holds no complete model with a card of `python -m export onnx`.
    """
    try:
        model = vae_onnx.load(folder)
        model_files.verify(folder, "export it again")
        told = model_files.read_card(folder)
        own = folder / card.CARD
        text = own.read_text(encoding="utf-8") if own.exists() else OURS
    except (VaeOnnxError, UnicodeDecodeError) as error:
        raise ModelError(f"{error}; nothing was sent") from error
    if OURS not in text:
        return text
    try:
        about = _of_a_stranger(model, told) if "made_by" in told else _of_a_run(model, told)
        return _card(model, told, about, reference)
    except (KeyError, TypeError, ConfigError) as error:
        raise ModelError(
            f"{folder / model_files.CARD} is not as `python -m export onnx` or vae_onnx.torch "
            f"writes it, so that there is nothing to make a model card from ({error!r}); export "
            f"the model again, or write a {card.CARD} of your own into the folder"
        ) from error


def _of_a_run(model: vae_onnx.Autoencoder, told: dict[str, Any]) -> _About:
    """What the record of a training tells.

    Raises:
        KeyError, TypeError, ConfigError: It is not as `python -m export onnx` writes it.
    """
    config = Config(**told["config"])
    return _About(
        summary=card.summary(config, told["parameters"]),
        quality=[*_strip(model), *card.results(told["metrics"])],
        origin=["## How it was trained", f"```sh\n{told['command']}\n```"],
        record="`card.json` lists all options.",
        purpose=card.purpose(config),
        dataset=DATASETS.get(config.dataset),
    )


def _of_a_stranger(model: vae_onnx.Autoencoder, told: dict[str, Any]) -> _About:
    """What is known of a model that came by `vae_onnx.torch.export` or `vae_onnx.adopt`.

    Raises:
        KeyError, TypeError: It is not as these write it.
    """
    measured, folded = told["measured"], told["folded_in"]
    channels, height, width = model.image_shape
    multiple = model.size_multiple
    size = f"{height}x{width}" if height > 0 else f"any size that {multiple} divides"
    colours = {1: "grey", 3: "RGB", 4: "RGBA"}.get(channels, f"{channels} channels")
    return _About(
        summary=f"A {KINDS[model.kind]}: pictures ({colours}, {size}) to codes "
        f"({sizes.text(model.latent_shape)}) and back, {told['parameters']:,} parameters.",
        quality=[
            *_strip(model),
            f"Pictures that its owner chose come back at {measured['reconstruction_psnr']:.1f} dB "
            f"(PSNR); {measured['clipped']:.2%} of the values were clipped to [0, 1].",
        ],
        origin=[
            "## Where it comes from",
            f"`{told['made_by']}` made the graphs of a model that exists already. They differ from "
            f"it by {measured['tolerance']:.1e} at most, relative to the largest magnitude where "
            f"that is above 1. Folded into them: {folded['pixels']}, outputs {folded['outputs']}.",
        ],
        record="`card.json` tells the same to programs.",
        purpose="Pictures like those that it was trained on, uint8 or float in [0, 1]; whoever "
        "trained it knows more.",
    )


def _strip(model: vae_onnx.Autoencoder) -> list[str]:
    """The strip of pictures, if the model has one."""
    if not (model.folder / model_files.STRIP).exists():
        return []
    return [f"![Pictures, and what becomes of them]({model_files.STRIP})"]


def _card(model: vae_onnx.Autoencoder, told: dict[str, Any], about: _About, reference: str) -> str:
    """Compose the model card of a repository from what the model and its record tell."""
    facts = ("pixel_range", "polarity", "ground", "likelihood", "sigma", "prior")
    versions = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    paragraphs = [
        f"---\n{_metadata(model, about.dataset)}\n---",
        OURS,
        f"# {told['name']}",
        f"{about.summary} It is two ONNX graphs, which vae-onnx runs "
        "with numpy and onnxruntime alone, without PyTorch, and every other ONNX host as well.",
        "## Use it",
        "```sh\npip install 'vae-onnx[hub]'\n```",
        f"```python\n{_usage(model, reference)}\n```",
        "The files are downloaded once, and checked against the sha256 in `card.json` each time. "
        "`offline=True` takes them from the cache alone.",
        "## The graphs",
        markdown.table(
            ["file", "input", "outputs"],
            [
                [f"`{graph.path.name}`", _ports(graph.inputs), _ports(graph.outputs)]
                for graph in (model.encoder.graph, model.decoder.graph)
            ],
        ),
        "The batch is dynamic, and nothing in a graph is random.",
        "\n".join(
            f"- {key.replace('_', ' ')}: {model.metadata[key]}"
            for key in facts
            if key in model.metadata
        ),
        *_variants(told.get("variants", {})),
        "## How good it is",
        *about.quality,
        *about.origin,
        f"{about.record} Exported by {versions}.",
        "## What it is for",
        about.purpose,
    ]
    return "\n\n".join(paragraphs) + "\n"


def _variants(told: Mapping[str, Any]) -> list[str]:
    """Say what each variant in shorter numbers costs and saves, as `card.json` records it."""
    if not told:
        return []
    rows = []
    for name, measured in told.items():
        change = (
            markdown.signed(measured["total_change"])
            if "total_change" in measured
            else f"{measured['psnr_change']:+.2f} dB"
        )
        times = [f"{ratio:.2f}" for ratio in measured["time_ratio"]["decode"].values()]
        rows.append([f'`precision="{name}"`', change, *times])
    timed = next(iter(told.values()))["time_ratio"]["decode"]  # for how many rows
    header = ["variant", "change", *(f"decode {int(rows):,}" for rows in timed)]
    return [
        "In shorter numbers: what is added to the loss in nats per image, or to the PSNR of "
        "reconstructions in dB, and the time where float32 takes 1.00.",
        markdown.table(header, rows),
    ]


def _usage(model: vae_onnx.Autoencoder, reference: str) -> str:
    channels, *size = model.image_shape
    height, width = (
        max(64 - 64 % model.size_multiple, model.size_multiple) if n < 0 else n for n in size
    )
    shape = f"(16, {height}, {width}" + (")" if channels == 1 else f", {channels})")
    codes = sizes.text(model.latent_shape)
    lines = [
        "import numpy as np",
        "import vae_onnx",
        "",
        f'model = vae_onnx.load("{reference}")',
        f"images = np.zeros({shape}, np.uint8)  # yours: uint8, or float in [0, 1]",
        f"z = model.encode(images)  # (16, {codes})",
        f"x_recon = model.decode(z)  # {shape} float32 in [0, 1]",
    ]
    if contract.has_normal_prior(model.metadata, model.kind) and sizes.are_fixed(
        model.latent_shape
    ):
        lines += ["new = model.sample(16, np.random.default_rng(0))  # the same, from the prior"]
    return "\n".join(lines)


def _metadata(model: vae_onnx.Autoencoder, dataset: str | None) -> str:
    """Return what the Hub reads of a card; of somebody's own images there is no licence to tell."""
    licence = model.metadata.get("licence")
    data = ModelCardData(
        license=licence.lower() if licence else None,
        library_name="vae-onnx",
        pipeline_tag=TASKS[model.kind],
        tags=["onnx", "onnxruntime", "autoencoder"] + ["vae"] * (model.kind == "vae"),
        datasets=[dataset] if dataset else None,
    )
    return data.to_yaml(line_break="\n")


def _ports(ports: Mapping[str, Port]) -> str:
    return ", ".join(
        f"`{name}` float32 [{', '.join(map(str, port.shape))}]" for name, port in ports.items()
    )
