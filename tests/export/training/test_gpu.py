"""Training on a GPU, and models there that meet the tensors of PyTorch."""

import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from torch.utils.data import DataLoader, Subset

import vae_onnx
from export.config import Config
from export.errors import DivergedError
from export.experiments import speedrun
from export.lowprecision.conversion import to_float16
from export.training import checkpoint, record, trainer
from export.training.distributed import Group
from export.training.run import train
from export.training.trainer import Trainer
from vae_onnx.engine.graph import DEVICE_ROWS

ROOT = Path(__file__).parents[2]
# Of 500 images two batches fill and one does not: two recordings.
CONFIG = Config(hidden_dim=16, epochs=4, batch_size=200)
PLAIN = {"input_noise": 0.0}  # what is drawn on the device differs from device to device

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA device"),
]

needs_onnxruntime_gpu = pytest.mark.skipif(
    "CUDAExecutionProvider" not in ort.get_available_providers(),
    reason=f"onnxruntime {ort.__version__} has no CUDA; install onnxruntime-gpu in its place",
)


@pytest.fixture(scope="module")
def on_gpu(images):
    return tuple(x.cuda() for x in images)


@pytest.fixture(scope="module")
def model():
    return vae_onnx.load("mnist-vae-16d", device="cuda", strict=True)


@pytest.fixture(scope="module")
def expected():
    return vae_onnx.load("mnist-vae-16d", device="cpu")


def losses(history):
    return [{part: entry[part] for part in ("train", "validation")} for entry in history]


def weights(run):
    return checkpoint.load(run / checkpoint.LAST)["model"]


# Training


@pytest.mark.parametrize(
    ("options", "tolerance"),
    [
        ({}, 1e-3),
        ({"moves": 0, "batch_size": 512}, 1e-3),  # a single batch, that is not full
        ({"kind": "ae"}, 1e-3),
        ({"encoder_epochs": 2}, 1e-3),
        ({"k": 3, "objective": "iwae"}, 1e-3),
        ({"kl_warmup": 2, "free_bits": 0.1}, 1e-3),
        ({"hidden_dim": 400, "precision": "bfloat16"}, 5e-3),
    ],
)
def test_the_losses_are_those_of_the_cpu(tmp_path, images, on_gpu, options, tolerance):
    config = replace(CONFIG, **PLAIN, **options)
    theirs = train(config, *images, tmp_path / "cpu")
    ours = train(config, *on_gpu, tmp_path / "gpu")
    for entry, expected in zip(ours, theirs, strict=True):
        for part in ("train", "validation"):
            assert entry[part] == pytest.approx(expected[part], rel=tolerance), (part, entry)


@pytest.mark.parametrize(
    "options",
    [{}, {"kind": "ae", "moves": 0}, {"precision": "bfloat16"}, {"encoder_epochs": 3}],
)
def test_a_recording_computes_what_it_was_recorded_from(on_gpu, options):
    config = replace(CONFIG, **options)
    recorded, plain = (Trainer(config, Group(on_gpu[0].device)) for _ in range(2))
    assert recorded._recorded is not None
    plain._recorded = None
    for epoch in (1, 2):
        ours, theirs = (each.train_epoch(on_gpu[0], epoch) for each in (recorded, plain))
        assert ours == pytest.approx(theirs, rel=1e-5)
    for one, other in zip(recorded.model.parameters(), plain.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("encoder_epochs", [0, 1, 2])
def test_a_run_is_reproducible_and_resumed_bit_by_bit(
    tmp_path, on_gpu, monkeypatch, encoder_epochs
):
    config = replace(CONFIG, encoder_epochs=encoder_epochs)
    whole = train(config, *on_gpu, tmp_path / "whole")
    calls = iter(range(2 * 3 + 2))  # into the third epoch, of three steps each
    kl_weight = trainer.kl_weight

    def interrupted(*args):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return kl_weight(*args)

    monkeypatch.setattr(trainer, "kl_weight", interrupted)
    with pytest.raises(KeyboardInterrupt, match="stopped after epoch 2"):
        train(config, *on_gpu, tmp_path / "run")
    monkeypatch.undo()
    resumed = train(config, *on_gpu, tmp_path / "run", resume=True)
    assert losses(resumed) == losses(whole)
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(tensor, weights(tmp_path / "run")[name])


def test_a_run_begun_on_the_gpu_goes_on_on_the_cpu(tmp_path, images, on_gpu):
    short = replace(CONFIG, **PLAIN, epochs=2, schedule="constant")
    whole = train(replace(short, epochs=4), *images, tmp_path / "whole")
    train(short, *on_gpu, tmp_path / "run")
    record.write_config(tmp_path / "run", replace(short, epochs=4))
    history = train(replace(short, epochs=4), *images, tmp_path / "run", resume=True)
    for entry, expected in zip(history, whole, strict=True):
        assert entry["train"] == pytest.approx(expected["train"], rel=1e-3)
    model, _ = checkpoint.load_model(tmp_path / "run")
    assert {weight.device.type for weight in model.parameters()} == {"cpu"}


def test_a_loss_that_is_no_number_stops(tmp_path, on_gpu):
    x_train, x_validation = on_gpu[0].clone(), on_gpu[1]
    x_train[7] = math.nan
    with pytest.raises(DivergedError, match=r"training loss of epoch 1 is nan"):
        train(CONFIG, x_train, x_validation, tmp_path)


def test_the_command_trains_on_it(tmp_path, data_dir):
    config = Config(hidden_dim=8, epochs=2, batch_size=5000)
    command = [sys.executable, "-W", "error", "-m", "export", "train", *config.flags().split()]
    command += ["--data-dir", str(data_dir.absolute()), "--out", str(tmp_path / "run")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "50,000 training and 10,000 validation images, cuda" in done.stdout
    assert done.stderr == ""


def test_a_process_of_many_is_trained_on_it_too(tmp_path, images, on_gpu):
    """Two processes on one GPU, which nccl refuses: by gloo, which takes its tensors as well."""
    config = replace(CONFIG, **PLAIN)
    torch.save([x.cpu() for x in on_gpu], tmp_path / "images.pt")
    script = tmp_path / "script.py"
    script.write_text(TOGETHER)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", str(script), str(tmp_path), *config.flags().split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    alone = train(config, *on_gpu, tmp_path / "alone")
    for entry, expected in zip(record.read_history(tmp_path / "run"), alone, strict=True):
        assert entry["train"] == pytest.approx(expected["train"], rel=1e-3)


TOGETHER = """
import sys
from pathlib import Path
import torch
import tyro
from export.training import distributed
from export.training.run import train
from export.config import Config

folder = Path(sys.argv[1])
config = tyro.cli(Config, args=sys.argv[2:])
torch.distributed.init_process_group("gloo")
images = [x.cuda() for x in torch.load(folder / "images.pt")]
rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
group = distributed.Group(images[0].device, rank, size)
train(config, *images, folder / "run", group=group)
torch.distributed.destroy_process_group()
"""


def test_a_speedrun_times_both_loops_on_it(monkeypatch, data_dir):
    small = {"epochs": 1, "hidden_dim": 4, "batch_size": 5000}
    monkeypatch.setitem(speedrun.MLP_RECIPES, "speed", {**speedrun.MLP_RECIPES["speed"], **small})
    monkeypatch.setitem(
        speedrun.MLP_RECIPES, "report", {**speedrun.MLP_RECIPES["report"], "hidden_dim": 4}
    )
    few = Subset(speedrun.report_loader(data_dir).dataset, range(256))
    loader = DataLoader(few, batch_size=128)
    monkeypatch.setattr(speedrun, "report_loader", lambda data_dir: loader)
    (result,) = speedrun.speedrun([0], data_dir, device="cuda")
    assert 261.1 < result.total < 600


# Tensors of PyTorch in and out of models


def assert_close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * max(1, np.abs(theirs).max()))


@needs_onnxruntime_gpu
def test_tensors_go_in_and_come_out_where_they_lie(model, expected):
    z = torch.randn(1000, 16, device="cuda", generator=torch.Generator("cuda").manual_seed(0))
    taken = ort.OrtValue.from_dlpack(z)
    assert taken.data_ptr() == z.data_ptr()
    x_recon = model.decode_ortvalue(z)
    shared = torch.from_dlpack(x_recon)
    assert shared.is_cuda
    assert shared.data_ptr() == x_recon.data_ptr()
    assert_close(shared.cpu().numpy()[:, 0], expected.decode(z.cpu().numpy()))
    again = torch.from_dlpack(model.encode_ortvalue(shared))
    assert again.is_cuda
    assert_close(again.cpu().numpy(), expected.encode(shared.cpu().numpy()[:, 0]))


@needs_onnxruntime_gpu
def test_a_tensor_is_complete_before_it_is_read_and_after_it_is_given(model, expected):
    """PyTorch's kernels run on streams that onnxruntime does not know, here for a while."""
    final = torch.randn(4096, 16, device="cuda", generator=torch.Generator("cuda").manual_seed(1))
    expectation = expected.decode(final.cpu().numpy())
    slow, z = torch.randn(8192, 8192, device="cuda"), torch.zeros_like(final)
    for stream in (torch.cuda.Stream(), torch.cuda.current_stream()):
        z.zero_()
        torch.cuda.synchronize()
        with torch.cuda.stream(stream):
            for _ in range(5):
                torch.mm(slow, slow)
            z.copy_(final)
            x_recon = model.decode_ortvalue(z)
            copied = torch.from_dlpack(x_recon).clone()
        assert_close(copied.cpu().numpy()[:, 0], expectation)


@needs_onnxruntime_gpu
def test_a_tensor_on_the_gpu_is_no_array(model):
    z = torch.zeros(1, 16, device="cuda")
    with pytest.raises(vae_onnx.InputTypeError, match="z must be what numpy makes an array of"):
        model.decode(z)


def test_a_tensor_on_the_gpu_is_refused_by_a_model_on_the_cpu(expected):
    z = torch.zeros(1, 16, device="cuda")
    with pytest.raises(vae_onnx.InputError, match="cuda"):
        expected.decode_ortvalue(z)


@needs_onnxruntime_gpu
def test_a_tensor_that_is_not_contiguous_is_refused(model):
    with pytest.raises(vae_onnx.InputError, match="contiguous"):
        model.decode_ortvalue(torch.zeros(16, 3, device="cuda").T)


@needs_onnxruntime_gpu
def test_close_gives_the_memory_back():
    def used():
        torch.cuda.synchronize()
        free, total = torch.cuda.mem_get_info()
        return total - free

    def once():
        with vae_onnx.load("mnist-vae", device="cuda") as model:
            model.decode(np.zeros((DEVICE_ROWS, 2), np.float32))
            during.append(used())

    during = []
    once()
    before = used()
    for _ in range(5):
        once()
    assert during[0] > before  # it had some
    assert used() <= before + 2**24


@needs_onnxruntime_gpu
def test_float16_weights_on_the_gpu(tmp_path):
    bundled = vae_onnx.load("mnist-vae", device="cpu")
    for part in ("encoder", "decoder"):
        proto = onnx.load(bundled.folder / f"{part}.onnx")
        onnx.save(to_float16(proto), tmp_path / f"{part}.float16.onnx")
    ours, theirs = (
        vae_onnx.load(tmp_path, device=device, precision="float16") for device in ("cuda", "cpu")
    )
    z = np.random.default_rng(0).standard_normal((1000, 2), np.float32)
    assert_close(ours.decode(z), theirs.decode(z))
    assert_close(ours.encode(theirs.decode(z)), theirs.encode(theirs.decode(z)))
