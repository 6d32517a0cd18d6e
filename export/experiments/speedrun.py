"""How long the report's result takes: our loop beside the report's own, in turns."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812
from PIL import Image
from torch import Tensor
from torch.optim import Adam
from torch.utils.data import DataLoader, Dataset, Subset
from torchvision.transforms import ToTensor
from tqdm import tqdm

from export import markdown
from export.choices import Device
from export.config import Config
from export.data import datasets, known
from export.errors import ConfigError
from export.networks.autoencoder import VAE
from export.networks.building import build
from export.recipes import MLP_RECIPES
from export.report import evaluate
from export.training.cpu import tuned
from export.training.distributed import Group, pick_device
from export.training.objective import kld
from export.training.run import load
from export.training.trainer import Trainer

REPORT_TOTAL: Final = 261.10  # nats per image on the test set, as published
REPORT_EPOCHS: Final = 50
SECTION: Final = "speedrun"  # of the page
SIDE: Final = 2048  # of the matrices by which the floor is measured


class Result(NamedTuple):
    """One seed's."""

    seed: int
    seconds: float  # from the loaded data set to the final weights
    total: float  # nats per image on the test set
    report_epoch_seconds: float

    @property
    def ratio(self) -> float:
        """How many times longer the report's loop takes for its result."""
        return self.report_epoch_seconds * REPORT_EPOCHS / self.seconds


@tuned()
def speedrun(
    seeds: Sequence[int],
    data_dir: Path | None = None,
    page: Path | None = None,
    device: Device = "auto",
) -> list[Result]:
    """Train to the report's result by the recipe "speed", and time the report's loop beside it.

    Args:
        seeds: of the runs, one after another; before each, an epoch of the report's loop.
        data_dir: folder of the data sets.
        page: Markdown file whose section "speedrun" shall hold the table.
        device: what both train on.

    Returns:
        A result a seed; a table of them is printed.

    Raises:
        FileNotFoundError: the data set or the page is missing.
        DataError: the data set is damaged.
        ConfigError: no seed is given, the page has no such section, or there is no CUDA device.
    """
    if not seeds:
        raise ConfigError("speedrun takes at least one seed, such as --seeds 0, got none")
    if page:
        markdown.fill(page, SECTION)
    configs = [Config(**MLP_RECIPES["speed"], seed=seed) for seed in seeds]
    x = load(Config(**MLP_RECIPES["speed"]), data_dir, pick_device(device)).train
    test = datasets.load_test(Config(dataset="fashion-mnist"), data_dir)
    loader = report_loader(data_dir)
    results = []
    for config in tqdm(configs, desc="seeds", disable=None):
        report_epoch_seconds = seconds(lambda: report_epoch(loader, x.device))
        trainer = Trainer(config, Group(x.device))
        start = time.perf_counter()
        for epoch in range(1, config.epochs + 1):
            trainer.train_epoch(x, epoch)
        ours = time.perf_counter() - start
        total = evaluate.metrics(trainer.model.eval().cpu(), test)["total"]
        results.append(Result(config.seed, ours, total, report_epoch_seconds))
    if page:
        markdown.fill(page, SECTION, table(results))
    print(table(results) + (f"\nwrote {page}" if page else ""))
    return results


class _OneByOne(Dataset[tuple[Tensor, int]]):
    """The images to train on as torchvision gives them: each a picture, which becomes a tensor."""

    def __init__(self, data_dir: Path | None) -> None:
        self._half = known.read("fashion-mnist", datasets.folder(data_dir), "train")
        self._to_tensor = ToTensor()

    def __len__(self) -> int:
        return len(self._half.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image = self._to_tensor(Image.fromarray(self._half.images[index].numpy()))
        return image, int(self._half.labels[index])


def report_loader(data_dir: Path | None) -> DataLoader[tuple[Tensor, int]]:
    """The report's input: an image at a time through ToTensor, in batches of 128."""
    images = _OneByOne(data_dir)
    kept = range(len(images) - datasets.VALIDATION_IMAGES)  # as many as the report trained on
    return DataLoader(Subset(images, kept), batch_size=128, shuffle=True)


def report_epoch(
    loader: DataLoader[tuple[Tensor, int]], device: torch.device | str = "cpu"
) -> None:
    """One epoch of the report's VAE as it was trained there."""
    config = Config(**MLP_RECIPES["report"])
    model = build(config).to(device)
    assert isinstance(model, VAE)
    optimizer = Adam(model.parameters(), lr=config.lr)
    logged = 0.0
    for images, _ in loader:
        x = images.flatten(1).to(device)
        logits, mu, log_var = model(x, torch.randn(len(x), config.latent_dim, device=device))
        recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
        loss = recon + kld(mu, log_var).mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        logged += loss.item()


def our_epoch(config: Config, x: Tensor) -> None:
    """One epoch of our loop, from the initial weights."""
    Trainer(config, Group(x.device)).train_epoch(x, epoch=1)


def matmul_seconds(images: int, config: Config) -> float:
    """The floor of an epoch: the time its matrix products would take at the speed of a large one.

    An image costs two products with every large matrix forward and backward, bar the gradient of
    the encoder's input, which nobody needs; moved images do without that of the decoder's weights.
    """
    pixels, hidden = math.prod(config.image_shape), config.hidden_dim
    products = 5 + (4 if config.moves else 0)
    operations = 2.0 * pixels * hidden * products * images
    a, b = torch.randn(2, SIDE, SIDE)
    each = statistics.median(seconds(lambda: torch.mm(a, b)) for _ in range(10))
    return operations / (2 * SIDE**3) * each


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def table(results: Sequence[Result]) -> str:
    """The results as a table, and what they come to."""
    rows = [
        [
            str(result.seed),
            f"{result.total:.2f}",
            f"{result.seconds:.1f} s",
            f"{result.report_epoch_seconds:.1f} s",
            f"{REPORT_EPOCHS * result.report_epoch_seconds:.0f} s",
            f"{result.ratio:.1f}",
        ]
        for result in results
    ]
    header = ["seed", "test, nats", "seconds", "report's epoch", f"its {REPORT_EPOCHS}", "ratio"]
    reached = sum(result.total <= REPORT_TOTAL for result in results)
    ratio = statistics.median(result.ratio for result in results)
    return (
        f"{markdown.table(header, rows)}\n\n"
        f"{reached} of {len(results)} reach the report's {REPORT_TOTAL:.2f} nats on the test set, "
        f"in 1/{ratio:.1f} of its time (median)"
    )
