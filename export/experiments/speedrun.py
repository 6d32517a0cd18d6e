"""How long the report's result takes: ours beside loops without it, in turns."""

import math
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import torch
from scipy import stats
from torch import Tensor
from tqdm import tqdm

from export import markdown
from export.choices import Device
from export.config import Config
from export.data import datasets
from export.errors import ConfigError
from export.experiments.plain import careful, report_epoch, report_loader
from export.networks.autoencoder import as_float
from export.recipes import MLP_RECIPES
from export.report import evaluate
from export.training.cpu import tuned
from export.training.distributed import Group, pick_device
from export.training.preparing import load
from export.training.trainer import Trainer

REPORT_TOTAL: Final = 261.10  # nats per image on the test set, as published
REPORT_EPOCHS: Final = 50
SECTION: Final = "speedrun"  # of the page
SIDE: Final = 2048  # of the matrices by which the floor is measured

Epochs = dict[str, Callable[[], None]]  # by what the loop is called


class Result(NamedTuple):
    """One seed's."""

    seed: int
    seconds: float  # from the loaded data set to the final weights
    total: float  # nats per image on the test set
    epochs: dict[str, float]  # seconds of one epoch of each other loop


@tuned()
def speedrun(
    seeds: Sequence[int],
    data_dir: Path | None = None,
    page: Path | None = None,
    device: Device = "auto",
) -> list[Result]:
    """Train to the report's result by the recipe "speed", and time the other loops beside it.

    Args:
        seeds: of the runs, one after another; before each, an epoch of every other loop.
        data_dir: folder of the data sets.
        page: Markdown file whose section "speedrun" shall hold the tables.
        device: what all train on.

    Returns:
        A result a seed; tables of them are printed.

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
    alone = Group(pick_device(device))
    x = load(Config(**MLP_RECIPES["speed"]), data_dir, alone).train.pixels
    test = datasets.load_test(Config(dataset="fashion-mnist"), data_dir)
    others, left_out = _others(x, data_dir)
    results = []
    for config in tqdm(configs, desc="seeds", disable=None):
        epochs = {name: seconds(epoch) for name, epoch in others.items()}
        trainer = Trainer(config, Group(x.device))
        start = time.perf_counter()
        trainer.begin(x)
        for epoch in range(1, config.epochs + 1):
            trainer.train_epoch(x, epoch)
        ours = time.perf_counter() - start
        total = evaluate.metrics(trainer.model.eval().cpu(), test)["total"]
        results.append(Result(config.seed, ours, total, epochs))
    text = "\n\n".join([tables(results), *left_out])
    if page:
        markdown.fill(page, SECTION, text)
    print(text + (f"\nwrote {page}" if page else ""))
    return results


def _others(x: Tensor, data_dir: Path | None) -> tuple[Epochs, list[str]]:
    """An epoch of each loop beside ours, of as many images as the report's; and what is missing."""
    loader = report_loader(data_dir)
    images = x[: len(x) - datasets.VALIDATION_IMAGES]
    floats, report = as_float(images), Config(**MLP_RECIPES["report"])
    others: Epochs = {
        "the report's loop: DataLoader, ToTensor": lambda: report_epoch(loader, x.device),
        "a careful loop: one tensor, fused Adam, no `.item()`": careful(floats),
    }
    left_out = []
    try:
        compiled = careful(floats, compiled=True)
        compiled()  # which is when it compiles
        others["the same, compiled"] = compiled
    except Exception as error:  # torch.compile's errors share no base class
        reason = str(error).strip().partition("\n")[0]
        left_out.append(f"Left out: the same, compiled; torch.compile fails here: {reason}")
    others["ours, `--recipe report`"] = lambda: our_epoch(report, images)
    return others, left_out


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


def tables(results: Sequence[Result]) -> str:
    """The results: what each seed reached, and every loop by the time to the report's result."""
    seeds = markdown.table(
        ["seed", "test, nats", "seconds"],
        [[str(each.seed), f"{each.total:.2f}", f"{each.seconds:.1f} s"] for each in results],
    )
    ours = statistics.median(each.seconds for each in results)
    rows = []
    for name in results[0].epochs:
        epoch = statistics.median(each.epochs[name] for each in results)
        ratio = statistics.median(
            REPORT_EPOCHS * each.epochs[name] / each.seconds for each in results
        )
        rows.append([name, f"{epoch:.2f} s", f"{REPORT_EPOCHS * epoch:.0f} s", f"{ratio:.1f}"])
    rows.append(["ours, `--recipe speed`", "", f"{ours:.1f} s", ""])
    header = ["medians", "an epoch", f"its {REPORT_EPOCHS} epochs", "times as long as `speed`"]
    return f"{markdown.table(header, rows)}\n\n{seeds}\n\n{reached(results)}"


def reached(results: Sequence[Result]) -> str:
    """Whether the runs reach the report's result, by a t-test against a mean that is not below."""
    totals = np.array([each.total for each in results])
    count = sum(totals <= REPORT_TOTAL)
    told = f"{count} of {len(totals)} reach the report's {REPORT_TOTAL:.2f} nats on the test set"
    if len(totals) < 2:
        return told
    p = stats.ttest_1samp(totals, REPORT_TOTAL, alternative="less").pvalue
    return (
        f"{told}; their mean is {totals.mean():.3f}, with a deviation of {totals.std(ddof=1):.3f}: "
        f"that it is no lower than {REPORT_TOTAL:.2f} has p = {p:.1g} (one-sided t-test)"
    )
