"""An epoch of our training loop beside the report's, and beside its matrix products alone."""

import statistics
from dataclasses import replace

import torch
from tqdm import tqdm

from export.config import Config
from export.data import datasets
from export.experiments import speedrun
from export.markdown import table
from export.recipes import MLP_RECIPES
from export.training.cpu import has_bfloat16, tuned

ROUNDS = 5
SHORT = "bfloat16" if has_bfloat16(torch.device("cpu")) else "float32"
FLOAT32 = Config(**{**MLP_RECIPES["speed"], "precision": "float32"})
LOOPS = {
    "the report's recipe, batch 128": Config(**MLP_RECIPES["report"]),
    "the same in bfloat16": Config(**MLP_RECIPES["report"], precision="bfloat16"),
    "`--recipe speed`, batch 512, bfloat16": Config(**MLP_RECIPES["speed"]),
    "the same in float32": FLOAT32,
    "the same, batch 2048": replace(FLOAT32, batch_size=2048),
    "the default recipe, batch 512": Config(),
    f"the same in {SHORT}": Config(precision=SHORT),
}


@tuned()
def section() -> str:
    x = datasets.load_train_validation(Config(dataset="fashion-mnist"))[0].x
    loader = speedrun.report_loader(None)
    report, ours, floors = [], {name: [] for name in LOOPS}, {name: [] for name in LOOPS}
    for _ in tqdm(range(ROUNDS), desc="training", disable=None):
        report.append(speedrun.seconds(lambda: speedrun.report_epoch(loader)))
        for name, config in LOOPS.items():
            floors[name].append(speedrun.matmul_seconds(len(x), config))
            ours[name].append(speedrun.seconds(lambda: speedrun.our_epoch(config, x)))  # noqa: B023
    theirs = statistics.median(report)
    rows = [["the report's loop: DataLoader, ToTensor, batch 128", f"{theirs:.2f} s", "1.0", ""]]
    for name in LOOPS:
        median, floor = statistics.median(ours[name]), statistics.median(floors[name])
        rows.append(
            [f"ours: {name}", f"{median:.2f} s", f"{theirs / median:.1f}", f"{floor / median:.0%}"]
        )
    header = ["one epoch of the VAE", "seconds", "times as fast", "of the floor"]
    return f"""## Training

One epoch over the {len(x):,} training images of Fashion-MNIST, medians of {ROUNDS} rounds in which
all take turns. The floor is the time that an epoch's matrix products would take at the speed of a
float32 one of {speedrun.SIDE}x{speedrun.SIDE} in the same round, and nothing else; bfloat16 may go
below it. The default recipe shows the encoder every image twice, the second time moved.

{table(header, rows)}"""
