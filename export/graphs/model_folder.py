"""A trained run -> a model folder: the two graphs, `card.json`, `history.jsonl`, `latents.npz`.

The folder is all that crosses to the runtime, and all that a stranger needs to use the model.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import torch
from torch import Tensor

import vae_onnx
from export.choices import DATASETS
from export.config import Config
from export.data.datasets import Split, one_of_each
from export.graphs.freezing import PictureDecoder, to_onnx
from export.graphs.parity import check_parity
from export.networks.autoencoder import AE, VAE, as_float, codes, parameters
from export.report import evaluate
from export.training import checkpoint, origin, record
from vae_onnx.crossing import folder
from vae_onnx.store import model_files

EXAMPLES: Final = 16  # pictures of the strip
COMPARED: Final = 10_000  # test images that graphs and torch are compared on, at the most


def export_run(
    run: Path,
    out: Path,
    data_dir: Path | None = None,
    dataset: str | None = None,
    licence: str | None = None,
) -> None:
    """Write the model folder of a run's best checkpoint.

    Args:
        run: Folder of the run, as `python -m export train` wrote it.
        out: The model folder. Its files are complete before the first of them is replaced; should
            the process be killed between two, the fingerprint in the graphs gives it away.
        data_dir: Where the data sets are.
        dataset: folder:PATH, where the pictures are now, if they are not where they were.
        licence: Of a model of pictures in a folder, which the graphs then state.

    Raises:
        ParityError: A graph disagrees with torch by more than 1e-5 at some batch size; nothing
            is written.
        OSError: `out` cannot be written.
    """
    model, config = checkpoint.load_model(run)
    images = origin.of_run(run, config, data_dir, dataset)
    test = images.test
    metrics = evaluate.metrics(model, test)
    z = codes(model, test.pixels)
    told = describe(config, model, metrics, codes(model, images.train.pixels), test.class_names)
    if images.fingerprint is not None:
        told["data"] = images.fingerprint.digest
    if licence is not None:
        told["licence"] = licence

    x = as_float(test.pixels[:COMPARED]).reshape(-1, *model.image_shape)
    outputs = ["mu", "log_var"] if config.kind == "vae" else ["z"]
    encoder = to_onnx(model.encoder, "x", x, outputs, told | {"graph": "encoder"})
    decoder = to_onnx(PictureDecoder(model), "z", z, ["x_recon"], told | {"graph": "decoder"})
    check_parity(encoder, model.encoder, x)
    check_parity(decoder, PictureDecoder(model), z[:COMPARED])

    graphs = {
        "encoder.onnx": encoder.SerializeToString(deterministic=True),
        "decoder.onnx": decoder.SerializeToString(deterministic=True),
    }
    card = make_card(run, config, model, metrics, graphs)
    card |= {"data": told["data"]} if "data" in told else {}
    others = {model_files.HISTORY: (run / record.HISTORY).read_bytes()}
    if len(config.latent_shape) == 1:
        others[model_files.LATENTS] = folder.latents(z.numpy(), test.labels.numpy())
    if not config.is_drawn and (strip := examples(model, test)) is not None:
        others[model_files.STRIP] = strip
    folder.write(out, graphs, card, others)
    print(f"{config.model_name}: encoder.onnx and decoder.onnx agree with torch, written to {out}")


def describe(
    config: Config,
    model: VAE | AE,
    metrics: dict[str, Any],
    z_train: Tensor,
    class_names: Sequence[str],
) -> dict[str, str]:
    """Return what both graphs say of the model, for a host that has nothing but the file."""
    known = config.dataset in DATASETS
    channels = z_train.movedim(1, -1).reshape(-1, z_train.shape[1])  # of a map, over all its places
    low, high = np.quantile(channels.numpy(), (0.01, 0.99), axis=0).round(4).tolist()
    told = {
        "name": config.model_name,
        "kind": config.kind,
        "dataset": config.public().dataset,  # "folder:mnist" for pictures in a folder called mnist
        "class_names": json.dumps(class_names),
        "pixel_range": "0.0 to 1.0",
        "polarity": "0.0 paper, 1.0 ink" if config.is_drawn else "0.0 black, 1.0 white",
        "prior": "N(0, I)" if config.kind == "vae" else "none",
        **likelihood(model),
        **how_read(config),
        "fingerprint": fingerprint(model),
        "latent_range": json.dumps([low, high]),
        "version": vae_onnx.__version__,
        **({"licence": "MIT"} if known else {}),  # of somebody's own images it is theirs to say
    }
    parts = ("total", "recon", "kld") if config.kind == "vae" else ("total", "recon")
    nats = {f"test_{part}": f"{metrics[part]:.2f}" for part in parts}
    return told | nats


def examples(model: VAE | AE, test: Split) -> bytes | None:
    """Return the strip of test images, of as many classes as there are, and what becomes of them.

    It is what a demo offers to begin with. None without Pillow.
    """
    chosen = one_of_each(test.labels.tolist())[:EXAMPLES]
    x = as_float(test.pixels[chosen])
    x_recon = evaluate.decoder(model)(codes(model, x).numpy())
    shape = (-1, *model.image_shape)
    return folder.strip(x.numpy().reshape(shape), x_recon.reshape(shape), EXAMPLES)


def likelihood(model: VAE | AE) -> dict[str, str]:
    """Return what the graphs say of p(x | z)."""
    if model.log_sigma is None:
        return {"likelihood": "Bernoulli, x_recon is its mean"}
    return {
        "likelihood": "Gaussian, x_recon is its mean",
        "sigma": f"{math.exp(model.log_sigma.item()):.9g}",
    }


def how_read(config: Config) -> dict[str, str]:
    """Return how pictures in a folder were made to squares; nothing of a known data set."""
    if config.dataset in DATASETS:
        return {}
    return {"fit": config.fit, **({"ground": config.ground} if config.ground else {})}


def fingerprint(model: VAE | AE) -> str:
    """Return a hash of all weights: the two graphs of one model have it in common."""
    weights = b"".join(tensor.numpy().tobytes() for tensor in model.state_dict().values())
    return hashlib.sha256(weights).hexdigest()[:16]


def make_card(
    run: Path,
    config: Config,
    model: VAE | AE,
    metrics: dict[str, Any],
    graphs: dict[str, bytes],
) -> dict[str, Any]:
    """Return the record of a model: what it is, how it came about, how good it is."""
    config = config.public()
    shown = run.name if run.is_absolute() or ".." in run.parts else run.as_posix()
    return {
        "name": config.model_name,
        "config": dataclasses.asdict(config),
        "command": f"python -m export train {config.flags()} --out {shown}",
        "parameters": parameters(model),
        "image_shape": list(model.image_shape),
        "metrics": metrics,
        "versions": {
            "vae_onnx": vae_onnx.__version__,
            "torch": torch.__version__.partition("+")[0],
            "onnx": onnx.__version__,
        },
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in graphs.items()},
    }
