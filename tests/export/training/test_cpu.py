import subprocess
import sys

import pytest
import torch

from export.config import Config
from export.training import cpu, record
from export.training.preparing import settled

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


@pytest.mark.parametrize(("known", "precision"), [({"avx512_bf16": True}, "bfloat16"),
                                                  ({"amx_bf16": True}, "bfloat16"),
                                                  ({"avx2": True}, "float32")])  # fmt: skip
def test_auto_is_what_the_processor_has(known, precision, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known)
    here = torch.device("cpu")
    assert settled(Config(precision="auto"), tmp_path, here).precision == precision
    assert settled(Config(), tmp_path, here).precision == "float32"


def test_a_run_goes_on_as_it_began_on_another_processor(monkeypatch, tmp_path):
    record.write_config(tmp_path, Config(precision="bfloat16"))
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    here = torch.device("cpu")
    assert settled(Config(precision="auto"), tmp_path, here).precision == "bfloat16"
