"""`vae-onnx evaluate`: its figures, its table, its files."""

import json
import struct

import numpy as np
import pytest

import vae_onnx
from vae_onnx import evaluation, likelihood
from vae_onnx.__main__ import main
from vae_onnx.engine import progress
from vae_onnx.evaluation import Settings

NATS = {
    "total", "recon", "kld", "elbo", "standard_error", "floor",
    "log_px_importance", "log_px_importance_standard_error",
    "log_px", "log_px_standard_error",
    "inference_gap", "inference_gap_standard_error",
}  # fmt: skip
OTHERS = {
    "model", "data", "images", "draws", "seed", "k", "active_units", "mse", "psnr",
    "knn_accuracy", "knn_neighbours",
}  # fmt: skip


def write_idx(path, array):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    path.write_bytes(header + array.tobytes())


@pytest.fixture
def labels(bundled_labels):
    return bundled_labels[:40]


@pytest.fixture(scope="session")
def bundled_labels():
    """The classes of MNIST's test images, as a model's map has them."""
    with np.load(vae_onnx.load("mnist-vae").folder / "latents.npz") as archive:
        return archive["labels"]


@pytest.fixture
def folder(tmp_path, images, labels):
    """Forty digits with their classes, as .npy and as torchvision keeps them."""
    np.save(tmp_path / "digits.npy", images["mnist"][:40])
    np.save(tmp_path / "labels.npy", labels)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", images["mnist"][:40])
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", labels)
    return tmp_path


@pytest.fixture
def evaluate(tmp_path):
    """Run the command; return what it writes."""

    def run(*arguments):
        out = tmp_path / "out.json"
        assert main(["evaluate", *map(str, arguments), "-o", str(out)]) == 0
        return json.loads(out.read_text())

    return run


@pytest.fixture
def failing(capsys):
    def run(*arguments):
        assert main(["evaluate", *map(str, arguments)]) == 1
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)
        return captured.err

    return run


def test_the_figures_of_a_vae(folder, images, evaluate, capsys):
    result = evaluate("mnist-vae", folder / "t10k-images-idx3-ubyte", "--draws", 3, "--k", 20)
    assert result.keys() == NATS | OTHERS
    assert (result["model"], result["images"], result["k"]) == ("mnist-vae", 40, 20)
    assert result["total"] == pytest.approx(result["recon"] + result["kld"]) == -result["elbo"]
    assert result["inference_gap"] == pytest.approx(result["log_px"] - result["elbo"])
    assert result["elbo"] < result["log_px_importance"] < result["log_px"]

    model, x = vae_onnx.load("mnist-vae"), images["mnist"][:40].astype(np.float32) / 255
    elbo = likelihood.elbo(x, model.posterior(x), model.decode, np.random.default_rng(0), 3).elbo
    assert result["elbo"] == pytest.approx(elbo.mean(), abs=1e-4)
    assert result["standard_error"] == pytest.approx(elbo.std(ddof=1) / np.sqrt(40), abs=1e-4)
    assert result["mse"] == pytest.approx(np.mean((model.reconstruct(x) - x) ** 2), rel=1e-5)

    told = capsys.readouterr().out
    for key in NATS - {"elbo", "standard_error"}:
        assert f"{result[key]:.4f}" in told
    assert "3 draws of the noise" in told
    assert "k = 20" in told


def test_the_figures_of_an_ae(folder, evaluate, capsys):
    result = evaluate("mnist-ae", folder / "t10k-images-idx3-ubyte")
    assert result.keys() == {
        "model", "data", "images", "total", "recon", "standard_error", "floor", "mse", "psnr",
        "knn_accuracy", "knn_neighbours",
    }  # fmt: skip
    assert "ELBO" not in capsys.readouterr().out


def test_npy_and_idx_hold_the_same(folder, evaluate):
    options = ("--draws", 2, "--k", 2, "--limit", 6)
    idx = evaluate("mnist-vae", folder / "t10k-images-idx3-ubyte", *options)
    arrays = ("--labels", folder / "labels.npy")
    npy = evaluate("mnist-vae", folder / "digits.npy", *arrays, *options)
    assert npy == idx | {"data": "digits.npy"}
    bare = evaluate("mnist-vae", folder / "digits.npy", *options)
    assert idx.keys() - bare.keys() == {"knn_accuracy", "knn_neighbours"}


def test_refined_posteriors_lose_less(folder, evaluate, capsys):
    options = ("--draws", 16, "--k", 2, "--limit", 8)
    plain = evaluate("mnist-vae", folder / "digits.npy", *options)
    refined = evaluate("mnist-vae", folder / "digits.npy", *options, "--refine", 4)
    assert refined["refine"] == 4
    assert refined["log_px"] == plain["log_px"]
    assert refined["inference_gap"] < plain["inference_gap"] - 0.5
    assert "posteriors refined in 4 steps" in capsys.readouterr().out


@pytest.mark.parametrize(("model", "steps"), [("mnist-ae", 1), ("mnist-vae", -1)])
def test_what_cannot_be_refined_is_refused(folder, model, steps, capsys):
    arguments = ["evaluate", model, str(folder / "digits.npy"), "--refine", str(steps)]
    assert main(arguments) == 1
    assert "no posterior" in (told := capsys.readouterr().err) or "at least 0" in told


def test_limit_takes_the_first(folder, evaluate, images):
    np.save(folder / "first.npy", images["mnist"][:9])
    options = ("--draws", 2, "--k", 2)
    limited = evaluate("mnist-vae", folder / "digits.npy", "--limit", 9, *options)
    first = evaluate("mnist-vae", folder / "first.npy", *options)
    assert limited | {"data": "first.npy"} == pytest.approx(first)


def test_one_image_is_enough(folder, evaluate):
    arguments = (folder / "t10k-images-idx3-ubyte", "--limit", 1, "--k", 2)
    result = evaluate("mnist-vae", *arguments)
    assert result["standard_error"] == 0
    assert "knn_accuracy" not in result


def test_another_seed_is_other_noise(folder, evaluate):
    first, again, other = (
        evaluate("mnist-vae", folder / "digits.npy", "--seed", seed, "--k", 2, "--limit", 5)
        for seed in (0, 0, 1)
    )
    assert first == again
    assert other["log_px"] == first["log_px"]
    assert other["recon"] != first["recon"]
    assert other["recon"] == pytest.approx(first["recon"], abs=10)


def test_more_than_two_dimensions_have_no_exact_log_px():
    x = np.full((4, 3), 0.5, np.float32)
    codes = vae_onnx.Posterior(np.zeros((4, 3), np.float32), np.zeros((4, 3), np.float32))
    result = evaluation.evaluate(x, codes, lambda z: np.full((len(z), 3), 0.5, np.float32))
    assert result["log_px_importance"] == pytest.approx(3 * np.log(0.5), abs=1e-5)
    assert result["active_units"] == 0
    assert "log_px" not in result


def test_images_of_colour(graphs, tmp_path, evaluate):
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((6, 2, 1, 3), np.float32))
    assert evaluate(graphs / "colour", tmp_path / "x.npy")["mse"] == 0


# The neighbours


def test_the_neighbours_vote():
    z = np.float32([[0], [1], [2], [10], [11], [12], [2.5]])
    labels = np.array([0, 0, 0, 1, 1, 1, 1])
    assert evaluation.knn_accuracy(z, labels, neighbours=1) == 5 / 7  # not those at 2 and 2.5
    assert evaluation.knn_accuracy(z, labels, neighbours=3) == 6 / 7


def test_no_image_is_its_own_neighbour():
    rng = np.random.default_rng(0)
    z, labels = rng.standard_normal((2000, 2), np.float32), rng.integers(0, 10, 2000)
    assert evaluation.knn_accuracy(z, labels, neighbours=1) < 0.15


def test_the_neighbours_do_not_depend_on_the_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    labels = rng.integers(-3, 3, 300)
    z = (labels[:, np.newaxis] + 0.5 * rng.standard_normal((300, 4))).astype(np.float32)
    expected = evaluation.knn_accuracy(z, labels)
    monkeypatch.setattr(evaluation, "ROWS", 7)
    assert evaluation.knn_accuracy(z, labels) == expected > 0.5


def test_labels_must_fit():
    z = np.zeros((3, 2), np.float32)
    with pytest.raises(ValueError, match=r"shape \(3,\), one for each image, got \(2,\)"):
        evaluation.knn_accuracy(z, np.zeros(2, int))
    with pytest.raises(TypeError, match="integers, got float64"):
        evaluation.knn_accuracy(z, np.zeros(3))
    with pytest.raises(ValueError, match="at least two images, got 1"):
        evaluation.knn_accuracy(z[:1], np.zeros(1, int))


# Bad input


@pytest.mark.parametrize("options", [{"draws": 0}, {"k": 0}, {"seed": -1}, {"k": 10**24}])
def test_settings_that_make_no_sense(options, folder, failing):
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=rf"{name} must be at (least|most) \d+, got {value}"):
        Settings(**options)
    told = failing("mnist-vae", folder / "digits.npy", f"--{name}={value}")
    assert f"error: {name} must be at " in told


def test_bad_data_is_named(folder, failing):
    idx = folder / "t10k-images-idx3-ubyte"
    assert "none is missing" in failing("mnist-vae", folder / "none")
    assert "--limit must be at least 1" in failing("mnist-vae", idx, "--limit", 0)
    np.save(folder / "short.npy", np.zeros(39, np.uint8))
    told = failing("mnist-vae", idx, "--labels", folder / "short.npy")
    assert "labels must have shape (40,)" in told
    assert "images must be (28, 28)" in failing("mnist-vae", folder / "labels.npy")
    (folder / "odd").write_bytes(b"")
    assert "it is empty" in failing("mnist-vae", folder / "odd")
    (folder / "odd").write_bytes(b"\x00\x00\x0a\x01" + bytes(8))
    told = failing("mnist-vae", folder / "odd")
    assert "one of 08, 09, 0b, 0c, 0d, 0e; it starts with 00 00 0a" in told
    assert "must end in .json" in failing("mnist-vae", idx, "-o", "x.txt")


@pytest.mark.parametrize("size", [5, 15, 16, 1000, 40 * 784 + 15, 40 * 784 + 17])
def test_truncated_idx_files_are_named(folder, failing, size):
    path = folder / "t10k-images-idx3-ubyte"
    path.write_bytes((path.read_bytes() + b"\x00" * 9)[:size])
    told = failing("mnist-vae", path)
    assert f"{path} is not a complete IDX file: " in told


def test_progress_is_for_a_terminal_alone(capsys, monkeypatch):
    assert list(progress.track(range(3), "elbo")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(progress.track(range(4), "elbo")) == [0, 1, 2, 3]
    told = capsys.readouterr().err
    assert "\relbo: 75 %" in told
    assert told.endswith("\r\x1b[K")
