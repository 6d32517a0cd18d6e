"""What processes of their own do for the tests."""

PEAK = '''
"""Print the bytes of the images that this process holds, and by how much its memory has grown."""
import sys
from pathlib import Path

import torch

from export.config import Config
from export.data import datasets, idx
from export.data.known import Half
from export.training import distributed
from export.training.trainer import Trainer

def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))

path = Path(sys.argv[1])
count = idx.shape(path)[0]

def read(part, rows):
    pixels = torch.from_numpy(idx.read(path, rows.numpy()).values)
    return Half(pixels, torch.zeros(len(rows), dtype=torch.int64), ("0",))

with distributed.join("cpu") as group:
    config = Config(hidden_dim=4, epochs=1, batch_size=500)
    trainer = Trainer(config, group)
    trainer.train_epoch(torch.zeros(500, 784, dtype=torch.uint8), 1)  # sets the libraries up
    before = peak()
    found = datasets._Known(read, count, group.share)
    train, validation = found.train.shard, found.validation.shard
    trainer.begin(train)
    trainer.train_epoch(train, 1)
    trainer.validate(validation)
    held = train.pixels.nbytes + validation.pixels.nbytes
    print(f"\\n{held} {peak() - before}", flush=True)
'''
