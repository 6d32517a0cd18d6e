import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from export.config import Config
from export.errors import ConfigError
from export.training import checkpoint, distributed, record, run
from export.training.distributed import pick_device

ROOT = Path(__file__).parents[3]


TWO_PROCESSES = """
import sys
from pathlib import Path
from export.training import distributed

def fail():
    raise ValueError("only the first")

with distributed.join("cpu") as group:
    result = [group.lead(lambda: 7 + group.rank), group.gather(group.rank)]
    try:
        group.lead(fail)
    except BaseException as error:
        result.append(error)
    Path(sys.argv[1], str(group.rank)).write_text(repr(result))
"""


def torchrun(*arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_the_first_process_leads(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(TWO_PROCESSES)
    done = torchrun(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "0").read_text() == "[7, [0, 1], ValueError('only the first')]"
    assert (tmp_path / "1").read_text() == "[7, [0, 1], SystemExit(1)]"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"WORLD_SIZE": "two"}, "WORLD_SIZE must be a number, as torchrun sets it, got 'two'"),
        ({"WORLD_SIZE": "2"}, "LOCAL_RANK must be a number, .* got ''; start with torchrun"),
    ],
)
def test_an_environment_that_torchrun_did_not_make(monkeypatch, environment, message):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=message), distributed.join("cpu"):
        pass


def test_devices(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert pick_device("auto") == pick_device("cpu") == torch.device("cpu")
    with pytest.raises(
        ConfigError, match=r"--device cuda, but PyTorch finds no CUDA.*--device cpu"
    ):
        pick_device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert pick_device("auto") == torch.device("cuda")


@pytest.fixture
def pictures(tmp_path, images):
    """A folder of small pictures of which neither split nor batch divides by two."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, x in enumerate(images[0][:213].view(-1, 28, 28)):
        Image.fromarray((255 * x).byte().numpy()).save(folder / f"{number}.png")
    return folder


CONV = {"network": "conv", "width": 8, "image_size": 16, "colour": True, "moves": 0, "lr": 1e-3}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("vae", {"hidden_dim": 16}),
        ("ae", {"hidden_dim": 16, "encoder_epochs": 1}),
        ("vae", {**CONV, "encoder_epochs": 1}),
    ],
    ids=["vae", "ae", "conv"],
)
def test_two_processes_train_as_one(tmp_path, pictures, kind, options):
    """170 images in batches of 13: the last has one image, and one process none."""
    config = Config(kind=kind, dataset=f"folder:{pictures}", epochs=3, batch_size=13, **options)
    alone = run.run(config, tmp_path / "alone", device="cpu")

    command = ["-m", "export", "train", *config.flags().split(), "--device", "cpu"]
    command += ["--out", tmp_path / "two"]
    done = torchrun(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("epoch  2/3") == 1
    assert "cpu, 2 processes, which hold " in done.stdout
    together = record.read_history(tmp_path / "two")
    for ours, theirs in zip(together, alone, strict=True):
        assert ours["train"] == pytest.approx(theirs["train"], abs=0.1)
        assert ours["validation"] == pytest.approx(theirs["validation"], abs=0.1)
        assert ours["lr"] == theirs["lr"]
    weights, expected = (
        checkpoint.load(tmp_path / name / checkpoint.LAST)["model"] for name in ("two", "alone")
    )
    torch.testing.assert_close(weights, expected, rtol=1e-2, atol=1e-3)
    if "encoder_epochs" in options:
        return

    resumed = torchrun(*command, "--resume")
    assert resumed.returncode == 0
    assert "is finished: all 3 epochs are trained" in resumed.stdout
    refused = torchrun(*command)
    assert refused.returncode != 0
    assert refused.stderr.count("error: " + str(tmp_path / "two") + " is not empty") == 1
