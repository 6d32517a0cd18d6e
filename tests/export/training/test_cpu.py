import subprocess
import sys

import torch

from export.training import cpu

SCRIPT = """
import torch
from export.training.cpu import tuned

torch.set_num_threads(2)
with tuned():
    halves = torch.full((2, 1 << 20), 1e-39).mul(0.5)
print(*halves.count_nonzero(dim=1).tolist())
"""


def test_no_thread_meets_denormals():
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert found.stdout.split() == ["0", "0"], found.stderr


def test_the_thread_is_left_as_it_was():
    with cpu.tuned():
        assert torch.tensor(1e-40) * 0.5 == 0
    assert torch.tensor(1e-40) * 0.5 > 0
