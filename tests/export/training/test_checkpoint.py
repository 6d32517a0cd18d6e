import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from export import writing
from export.config import Config
from export.errors import RunError
from export.networks.autoencoder import AE, VAE
from export.networks.building import build
from export.training import checkpoint, record

CONFIG = Config(hidden_dim=8, latent_dim=3)


def save(run, **changes):
    state = {"config": asdict(CONFIG), "epoch": 4, "model": build(CONFIG).state_dict()}
    checkpoint.save(run / checkpoint.BEST, {**state, **changes})


def test_what_is_saved_is_loaded(tmp_path):
    save(tmp_path)
    model, config = checkpoint.load_model(tmp_path)
    assert config == CONFIG
    assert not model.training
    for ours, theirs in zip(model.parameters(), build(CONFIG).parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(("kind", "expected"), [("vae", VAE), ("ae", AE)])
@pytest.mark.parametrize("which", ["best", "last"])
def test_the_checkpoints_of_a_run_load(tiny_run, kind, expected, which):
    model, config = checkpoint.load_model(tiny_run(kind), which)
    assert isinstance(model, expected)
    assert config.kind == kind


def test_a_missing_checkpoint_names_the_command_that_writes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"best.pt is missing; `python -m export train"):
        checkpoint.load_model(tmp_path)


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_a_truncated_checkpoint(tmp_path, size):
    save(tmp_path)
    path = tmp_path / checkpoint.BEST
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(
        RunError, match=r"best.pt is damaged or no checkpoint; delete .* and train again"
    ):
        checkpoint.load_model(tmp_path)


def test_a_full_disk_is_an_error_of_the_system(tmp_path):
    full = Path("/dev/full")  # every write to it fails as on a full disk
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / f".{checkpoint.BEST}.partial").symlink_to(full)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path)


@pytest.mark.parametrize("foreign", [[1, 2], {"state_dict": {}}, torch.zeros(3)])
def test_a_foreign_checkpoint(tmp_path, foreign):
    torch.save(foreign, tmp_path / checkpoint.BEST)
    with pytest.raises(RunError, match="not a checkpoint of this program"):
        checkpoint.load_model(tmp_path)


def test_code_in_a_checkpoint_is_not_run(tmp_path):
    torch.save({"config": Config, "epoch": 1, "model": print}, tmp_path / checkpoint.BEST)
    with pytest.raises(RunError, match="damaged or no checkpoint"):
        checkpoint.load_model(tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {"colour": "red"}},
        {"config": {**asdict(CONFIG), "epochs": 0}},
        {"config": asdict(Config(hidden_dim=9, latent_dim=3))},
        {"model": {}},
        {"model": 3},
    ],
)
def test_a_checkpoint_that_contradicts_itself(tmp_path, changes):
    save(tmp_path, **changes)
    with pytest.raises(RunError, match=r"best.pt"):
        checkpoint.load_model(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file.txt"
    writing.write_text(path, "old")

    def write_half():
        with writing.atomic(path) as partial:
            partial.write_text("ne")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("read", [record.read_config, record.read_history, record.read_metrics])
def test_text_files_of_a_run_that_are_missing_or_not_ours(tmp_path, read):
    with pytest.raises(FileNotFoundError, match=r"is missing; `python -m export"):
        read(tmp_path)
    for text in (b"", b"{", b"[1]", b'{"a": 1}', b"\xff\xfe"):
        for name in (record.CONFIG, record.HISTORY, record.METRICS):
            (tmp_path / name).write_bytes(text)
        with pytest.raises(RunError, match=str(tmp_path)):
            read(tmp_path)


def test_files_of_a_run_are_what_they_say(tiny_run):
    run = record.read(tiny_run("vae"))
    assert json.loads((run.folder / record.CONFIG).read_text()) == asdict(run.config)
    assert [entry["epoch"] for entry in run.history] == [1, 2, 3]
    assert record.best_epoch(run.history)["best"]
