"""An epoch over colour pictures: our loop beside plain DataLoader loops of the same network."""

import statistics
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import Compose, Resize, ToTensor
from tqdm import tqdm

from export.config import Config
from export.data import datasets
from export.experiments import speedrun
from export.markdown import table
from export.networks.building import build
from export.recipes import CONV_RECIPES
from export.training.cpu import has_bfloat16, tuned
from export.training.objective import gaussian_recon, kld

ROUNDS = 5
BATCH = 64
SIDE = 32

Loader = Iterable[tuple[Tensor, Tensor]]


@tuned()
def section() -> str:
    given = datasets.folder(None) / "emoji"
    pictures = given if given.is_dir() else Path("data/emoji")  # where `make emoji` puts it
    short = "bfloat16" if has_bfloat16(torch.device("cpu")) else "float32"
    chosen = {"batch_size": BATCH, "input_noise": 0.0, "precision": short}
    learned = {"dataset": f"folder:{pictures}", "colour": True, "image_size": SIDE}
    config = Config(**{**CONV_RECIPES["best"], **learned, **chosen})
    x = datasets.load_train_validation(config)[0].pixels
    calls = loops(config, x, pictures / "train")
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in tqdm(range(ROUNDS), desc="colour training", disable=None):
        for name, call in calls.items():
            seconds[name].append(speedrun.seconds(call))
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    first = next(iter(medians.values()))
    rows = [[name, f"{time:.2f} s", f"{time / first:.2f}"] for name, time in medians.items()]
    return f"""## Training convolutions

One epoch of the same network, its VAE of 64 dimensions with a Gaussian likelihood, over {len(x):,}
colour emoji of {SIDE}x{SIDE} in batches of {BATCH}, medians of {ROUNDS} rounds in which all take
turns, {torch.get_num_threads()} threads. The plain loops are what one writes first: contiguous
tensors, float32, Adam as it comes; ImageFolder reads the emoji's own files of 64x64, the others
have all pictures in memory.

{table(["", "one epoch", "of the first"], rows)}"""


def loops(config: Config, x: Tensor, folder: Path) -> dict[str, Callable[[], Any]]:
    """The calls that train an epoch each, on as many pictures."""
    transform = Compose([Resize(SIDE), ToTensor()])
    own = Subset(ImageFolder(str(folder), transform), range(len(x)))
    files = DataLoader(own, batch_size=BATCH, shuffle=True)
    floats = TensorDataset(x.float() / 255, torch.zeros(len(x)))
    tensors = DataLoader(floats, batch_size=BATCH, shuffle=True)
    exact = Config(**{**vars(config), "precision": "float32"})
    return {
        "a DataLoader over ImageFolder": partial(plain_epoch, exact, files),
        "a DataLoader over a TensorDataset": partial(plain_epoch, exact, tensors),
        "ours, float32": partial(speedrun.our_epoch, exact, x),
        f"ours, {config.precision}": partial(speedrun.our_epoch, config, x),
    }


def plain_epoch(config: Config, loader: Loader) -> None:
    """Train for an epoch as one writes it first."""
    model = build(config).train().to(memory_format=torch.contiguous_format)
    model.encoder.trunk.layout = model.decoder.layout = torch.contiguous_format
    optimizer = Adam(model.parameters(), lr=config.lr)
    total = 0.0
    for pictures, _ in loader:
        x = pictures.flatten(1)
        logits, mu, log_var = model(x, torch.randn(len(x), config.latent_dim))
        loss = (gaussian_recon(logits, x, model.log_sigma) + kld(mu, log_var)).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()


if __name__ == "__main__":
    print(section())
