"""What cannot cross: each its own error with what to do about it, and no file left."""

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

import vae_onnx.torch
from vae_onnx import errors
from vae_onnx.torch import export

from . import nets

SIDE = 8
X = np.random.default_rng(0).random((6, 1, SIDE, SIDE), dtype=np.float32)


class Base(nn.Module):
    """An autoencoder of tiny pictures that loses nothing."""

    def __init__(self):
        super().__init__()
        self.turn = nn.Linear(64, 64, bias=False)
        nn.init.orthogonal_(self.turn.weight)

    def encode(self, x):
        return self.turn(x.flatten(1))

    def decode(self, z):
        return (z @ self.turn.weight).view(-1, 1, SIDE, SIDE)


def model(encode=None, decode=None, **attributes):
    """Base with other methods."""
    methods = {"encode": encode or Base.encode, "decode": decode or Base.decode}
    return type("Mine", (Base,), {**methods, **attributes})()


def encodes(change):
    return model(encode=lambda self, x: change(self, Base.encode(self, x), x))


def decodes(change):
    return model(decode=lambda self, z: change(self, Base.decode(self, z), z))


@pytest.fixture
def refused(tmp_path, capfd):
    """Export what must be refused; returns the message. Nothing may be left, or be printed."""

    def refused(kind, *arguments, folder=None, **options):
        folder = folder or tmp_path / "m"
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        with pytest.raises(errors.VaeOnnxError) as caught:
            export(folder, *arguments, progress=False, **options)
        assert type(caught.value) is kind, str(caught.value)
        after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        assert after == before
        assert capfd.readouterr() == ("", "")
        message = str(caught.value)
        assert "\n" not in message
        return message

    return refused


def is_on_the_gpu(self, z, x):
    return z + torch.zeros(1, device="cuda")


class BatchNorm(nn.Module):
    """Batch norm without running statistics."""

    def __init__(self, **options):
        super().__init__()
        self.norm = nn.BatchNorm1d(64, **options)

    def encode(self, x):
        return self.norm(x.flatten(1))

    def decode(self, z):
        return z


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.LSTM(SIDE, 4)
        self.decoder = nn.Linear(4, 64)


class Parts(nn.Module):
    """Encoder and decoder, and between them what only forward knows."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Flatten(), nn.Unflatten(1, (1, SIDE, SIDE))
        self.fc_mu, self.fc_var = nn.Linear(64, 64), nn.Linear(64, 64)


class VectorQuantised(nn.Module):
    """Codes that are places in a table."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 64)

    def encode(self, x):
        return torch.cdist(x.flatten(1), self.table.weight).argmin(1)

    def decode(self, z):
        return self.table(z).view(-1, 1, SIDE, SIDE)


class Grows(nn.Module):
    """Its codes are fewer than its decoder takes."""

    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = nn.Sequential(nn.Flatten(), nn.Linear(64, 6)), nn.Linear(3, 64)


def drawn(mu, log_var):
    return mu + torch.randn_like(mu) * (log_var / 2).exp()


def nan_weight():
    made = Base()
    made.turn.weight.data[3, 4] = float("nan")
    return made


def shared_statistics(self, z, x):
    return z - z.mean(0)


NAN, INF = float("nan"), float("inf")

# What is no model at all, or only looks like one

NO_MODELS = {
    "a state dict": (lambda: Base().state_dict(), "load_weights"),
    "a dictionary of one": (lambda: {"state_dict": Base().state_dict()}, "load_weights"),
    "a path": (lambda: "best.pt", "must be an nn.Module"),
    "nothing": (lambda: None, "must be an nn.Module"),
    "a class": (lambda: Base, r"give one of it: Base\(\.\.\.\)"),
    "a number": (lambda: 3, "must be an nn.Module"),
    "a tensor": (lambda: torch.zeros(3), "must be an nn.Module"),
    "a list of parts": (lambda: [Base(), Base()], "must be an nn.Module"),
    "a scripted module": (lambda: scripted(), "give the nn.Module that it was made from"),
    "a traced module": (lambda: traced(), "give the nn.Module that it was made from"),
    "a scripted part": (lambda: holding(scripted()), "give the nn.Module that it was made from"),
    "neither encode nor encoder": (lambda: nn.Linear(64, 64), "lambda x: model"),
    "an encoder alone": (lambda: holding(nn.Flatten(), "encoder"), r"its parts: encoder"),
    "parts between the two": (lambda: Parts(), r"fc_mu, fc_var.*lambda x: model\.fc_mu"),
    "on the device meta": (lambda: Base().to("meta"), "load them first"),
    "a lazy module": (lambda: holding(nn.LazyLinear(3), "encode", "decode"), "run it once"),
}


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize("name", NO_MODELS)
def test_what_is_no_model(name, refused):
    make, remedy = NO_MODELS[name]
    assert re.search(remedy, refused(errors.ModelTypeError, make(), X))


@pytest.mark.parametrize("side", ["encoder", "decoder"])
@pytest.mark.parametrize("value", [{}, Base().state_dict(), Base, 7, "encoder.onnx"])
def test_what_is_no_half(side, value, refused):
    halves = {"encoder": Base().encode, "decoder": Base().decode, side: value}
    if side == "decoder" and not callable(value):
        pictures = {"pictures": X}
        assert "the decoder" in refused(errors.ModelTypeError, *halves.values(), **pictures)
    else:
        assert f"the {side}" in refused(errors.ModelTypeError, *halves.values(), X)


def scripted():
    return torch.jit.script(nn.Linear(64, 64))


def traced():
    return torch.jit.trace(nn.Linear(64, 64), torch.zeros(1, 64))


def holding(part, *names):
    made = nn.Module()
    for name in names or ("encode", "decode"):
        setattr(made, name, part)
    return made


# What the model does

MODELS = {
    # It draws
    "a sample in encode": (
        lambda: encodes(lambda self, z, x: drawn(z, z)), errors.DrawsError,
        r"Give the mean .*lambda x: model\.",
    ),
    "a sample among three": (
        lambda: encodes(lambda self, z, x: (drawn(z, z), z, z - 9)), errors.OutputError,
        r"tuple of 3: float32 \(6, 64\).*lambda x: model\.<lambda>\(x\)\[1:3\]",
    ),
    "dropout that always acts": (
        lambda: encodes(lambda self, z, x: F.dropout(z, 0.5)), errors.DrawsError, "F.dropout",
    ),
    "noise in the decoder": (
        lambda: decodes(lambda self, x, z: x + torch.rand_like(x)), errors.DrawsError, "it draws",
    ),
    "a draw of zero width": (
        lambda: encodes(lambda self, z, x: z + 0 * torch.randn_like(z)), errors.DrawsError,
        "RandomNormal",
    ),
    # What comes out
    "a positive second output": (
        lambda: encodes(lambda self, z, x: (z, z.exp())), errors.SpreadError,
        "spread='std'.*spread='var'.*spread='log_var'",
    ),
    "a list of texts": (
        lambda: encodes(lambda self, z, x: ["a", "b"]), errors.OutputError, r"list of 2: str, str",
    ),
    "nothing": (lambda: encodes(lambda self, z, x: None), errors.OutputError, "a NoneType"),
    "a number": (lambda: encodes(lambda self, z, x: 1.5), errors.OutputError, "a float"),
    "an unknown dictionary": (
        lambda: encodes(lambda self, z, x: {"hidden": z}), errors.OutputError,
        r'hidden: float32 \(6, 64\).*\(x\)\["hidden"\]',
    ),
    "a mean without a spread": (
        lambda: encodes(lambda self, z, x: {"mu": z, "lv": z}), errors.OutputError, "mu: float32",
    ),
    "a pair with None": (
        lambda: encodes(lambda self, z, x: (z, None)), errors.OutputError,
        r"float32 .*NoneType.*\[0\]",
    ),
    "four outputs": (
        lambda: encodes(lambda self, z, x: (z, z, z, z)), errors.OutputError, "tuple of 4",
    ),
    "another distribution": (
        lambda: encodes(lambda self, z, x: torch.distributions.Laplace(z, 1.0)), errors.OutputError,
        r"a Laplace.*\.mean",
    ),
    "two pictures": (
        lambda: decodes(lambda self, x, z: (x, x)), errors.OutputError,
        r"a tuple of 2.*lambda z: .*\[0\]",
    ),
    "pictures in a list of texts": (
        lambda: decodes(lambda self, x, z: ["x"]), errors.OutputError, "the decoder gives",
    ),
    "complex codes": (
        lambda: encodes(lambda self, z, x: torch.complex(z, z)), errors.OutputError, "complex64",
    ),
    "places in a table": (lambda: VectorQuantised(), errors.OutputError, "VQ-VAE"),
    "truth values": (lambda: encodes(lambda self, z, x: z > 0), errors.OutputError, "bool"),
    "whole pictures": (
        lambda: decodes(lambda self, x, z: (x * 255).byte()), errors.OutputError, "uint8",
    ),
    "mean and spread of two shapes": (
        lambda: encodes(lambda self, z, x: (z, z[:, :3] - 9)), errors.OutputShapeError, "one shape",
    ),
    "smaller pictures": (
        lambda: decodes(lambda self, x, z: x[..., 1:, 1:]), errors.OutputShapeError,
        r"gives \(1, 7, 7\) for pictures of \(1, 8, 8\)",
    ),
    "larger pictures": (
        lambda: decodes(lambda self, x, z: F.pad(x, (0, 4, 0, 4))), errors.OutputShapeError,
        r"lambda z: model\.<lambda>\(z\)\[\.\.\., :8, :8\]",
    ),
    "more channels": (
        lambda: decodes(lambda self, x, z: x.repeat(1, 3, 1, 1)), errors.OutputShapeError,
        r"gives \(3, 8, 8\)",
    ),
    "codes that the decoder does not take": (
        lambda: encodes(lambda self, z, x: z[:, :5]), errors.OutputShapeError,
        r"does not take the codes \(6, 5\)",
    ),
    "mean and spread in one": (lambda: Grows(), errors.OutputShapeError, r"chunk\(2, dim=1\)"),
    # Numbers that are none
    "NaN in a weight": (nan_weight, errors.NotFiniteError, "weights"),
    "NaN in a decoder": (
        lambda: decodes(lambda self, x, z: x / 0 * 0), errors.NotFiniteError, "the decoder",
    ),
    "infinity": (lambda: encodes(lambda self, z, x: z / 0), errors.NotFiniteError, "infinity"),
    # Batches
    "a batch of a hundred": (
        lambda: model(encode=lambda self, x: self.turn(x.view(100, -1))), errors.BatchError,
        r"batch of 100.*x\.view\(x\.shape\[0\], -1\)",
    ),
    "a batch that is mixed": (
        lambda: encodes(lambda self, z, x: z.reshape(-1, 32)), errors.BatchError,
        r"gives \(12, 32\)",
    ),
    "one code for all": (
        lambda: encodes(lambda self, z, x: z.mean(0, keepdim=True)), errors.BatchError,
        "for 6 rows",
    ),
    "no axis at all": (
        lambda: encodes(lambda self, z, x: z.sum()), errors.BatchError, r"gives \(\)",
    ),
    "rows that know each other": (
        lambda: encodes(shared_statistics), errors.BatchError, "depends on the other rows",
    ),
    "batch norm without statistics": (
        lambda: BatchNorm(track_running_stats=False), errors.BatchError, "running statistics",
    ),
    "a decoder whose rows know each other": (
        lambda: decodes(lambda self, x, z: x - x.mean(0)), errors.BatchError, "the decoder",
    ),
    "a decoder for six": (
        lambda: model(decode=lambda self, z: Base.decode(self, z).view(6, 1, SIDE, SIDE)),
        errors.BatchError, "6 rows, and not one or three",
    ),
    # What it raises
    "a model for a GPU": (lambda: encodes(is_on_the_gpu), errors.ModelRunError, "device=x.device"),
    "half-precision inside": (
        lambda: model(encode=lambda self, x: self.turn(x.flatten(1).half())), errors.ModelRunError,
        "dtype=x.dtype",
    ),
    "another size": (
        lambda: model(encode=lambda self, x: F.linear(x.flatten(1), torch.zeros(3, 784))),
        errors.ModelRunError, r"raises RuntimeError on float32 \(6, 1, 8, 8\)",
    ),
    "an error of its own": (
        lambda: model(encode=lambda self, x: [][3]), errors.ModelRunError, "raises IndexError",
    ),
    "another argument": (
        lambda: model(encode=lambda self, x, t: x), errors.ModelRunError, "raises TypeError",
    ),
    "an assertion": (
        lambda: model(encode=lambda self, x: exec("assert False")), errors.ModelRunError,
        "raises AssertionError",
    ),
    # What torch's exporter cannot do
    "an if on data": (
        lambda: encodes(lambda self, z, x: z if x.sum() > 1 else -z), errors.ExporterError,
        r"following the model with torch\.export.*torch\.where",
    ),
    "an operator that ONNX lacks": (
        lambda: encodes(lambda self, z, x: z + torch.linalg.svd(self.turn.weight + z[0, 0] * 0)[1]),
        errors.ExporterError, r"turning its operators into ONNX.*linalg_svd",
    ),
    "another result for large batches": (
        lambda: encodes(lambda self, z, x: z * (1 if x.shape[0] < 9 else 2)), errors.ParityError,
        "at batch size 1000",
    ),
    # What the pictures say
    "forgotten weights": (
        lambda: decodes(lambda self, x, z: x[:, :, ::2].repeat(1, 1, 2, 1).flip(3) * 3),
        errors.ReconstructionError, "are the weights loaded",
    ),
    "one grey for all": (
        lambda: decodes(lambda self, x, z: x * 0 + 0.45), errors.ReconstructionError,
        "one flat colour",
    ),
    "pixels in [-1, 1]": (
        lambda: wants(lambda x: (x + 1) / 2, lambda y: y * 2 - 1), errors.PixelRangeError,
        r"with pixel_range=\(-1, 1\): pass that",
    ),
    "pixels in [0, 255]": (
        lambda: wants(lambda x: x / 255, lambda y: y * 255), errors.PixelRangeError,
        r"with pixel_range=\(0, 255\): pass that",
    ),
    "[-1, 1] in and [0, 1] out": (
        lambda: wants(lambda x: (x + 1) / 2, lambda y: y), errors.PixelRangeError,
        r"lambda z: model\.decode\(z\) \* 2 - 1",
    ),
}  # fmt: skip


def wants(into, back):
    """A model of principal components for pixels in another range, and nothing but these."""
    inner = nets.Principal(torch.from_numpy(X), 4)

    class Wants(nn.Module):
        def encode(self, x):
            return inner.encode(into(x).clamp(0, 1))

        def decode(self, z):
            return back(inner.decode(z).clamp(0, 1))

    return Wants()


@pytest.mark.parametrize("name", MODELS)
def test_what_a_model_does(name, refused):
    make, kind, remedy = MODELS[name]
    message = refused(kind, make(), X)
    assert re.search(remedy, message), message


def test_encoder_and_decoder_exchanged(refused):
    message = refused(errors.ModelRunError, nn.Linear(5, 64), nn.Linear(64, 5), X)
    assert "exchanged" in message


@pytest.mark.parametrize(
    ("options", "kind", "remedy"),
    [
        ({"dynamic_size": True}, errors.SizeError, "flat"),
        ({"spread": "std"}, errors.SpreadError, "log_var"),
        ({"latents": np.zeros((3, 64))}, errors.InputError, "need labels"),
        ({"labels": np.zeros(5, int)}, errors.InputError, "labels must be 6"),
        ({"labels": np.zeros(6)}, errors.InputTypeError, "whole numbers"),
        ({"labels": np.full(6, 3), "class_names": ["a"]}, errors.InputError, "class_names has 1"),
        (
            {"labels": np.zeros(6, int), "latents": np.zeros((6, 3))},
            errors.InputError,
            r"\(N, 64\)",
        ),
    ],
)
def test_options_that_do_not_fit_the_model(options, kind, remedy, refused):
    ours = encodes(lambda self, z, x: (z, z - 0.5)) if "spread" in options else Base()
    assert re.search(remedy, refused(kind, ours, X, **options))


def test_sizes_that_do_not_come_back(colours, refused):
    class Fixed(nn.Module):
        def encode(self, x):
            return F.adaptive_avg_pool2d(x, (32, 48))

        def decode(self, z):
            return z

    assert "leave dynamic_size out" in refused(
        errors.SizeError, Fixed(), colours, dynamic_size=True
    )


OPTIONS = {
    "a misspelt one": ({"pixel_rang": (0, 1)}, errors.InputTypeError, "did you mean pixel_range"),
    "an unknown one": ({"zzz": 1}, errors.InputTypeError, "there are bgr"),
    "a range of one": ({"pixel_range": (1,)}, errors.InputError, r"as \(-1, 1\)"),
    "a range of three": ({"pixel_range": (0, 1, 2)}, errors.InputError, "two numbers"),
    "a range upside down": ({"pixel_range": (1, -1)}, errors.InputError, "the lower first"),
    "a range of text": ({"pixel_range": "-1:1"}, errors.InputTypeError, "must be numbers"),
    "a range of NaN": ({"pixel_range": (NAN, 1)}, errors.InputError, "finite"),
    "infinite": ({"pixel_range": (0, INF)}, errors.InputError, "finite"),
    "three means": ({"mean": (1, 2, 3)}, errors.InputError, "the 1 channels"),
    "no deviation": ({"std": 0}, errors.InputError, "above 0"),
    "a negative deviation": ({"std": -1}, errors.InputError, "above 0"),
    "bgr of grey": ({"bgr": True}, errors.InputError, "3 or 4 channels"),
    "bgr in words": ({"bgr": "yes"}, errors.InputTypeError, "True or False"),
    "another spread": ({"spread": "sigma"}, errors.InputError, "'log_var', 'log_std'"),
    "other outputs": ({"outputs": "logit"}, errors.InputError, "'pixels', 'logits'"),
    "another likelihood": ({"likelihood": "mse"}, errors.InputError, "'bernoulli', 'gaussian'"),
    "no sigma": ({"likelihood": "gaussian"}, errors.InputError, "needs sigma"),
    "sigma of 0": ({"likelihood": "gaussian", "sigma": 0}, errors.InputError, "needs sigma"),
    "sigma of text": ({"likelihood": "gaussian", "sigma": "1"}, errors.InputTypeError, "a number"),
    "sigma alone": ({"sigma": 1.0}, errors.InputError, "belongs to likelihood='gaussian'"),
    "logits of a Gaussian": (
        {"outputs": "logits", "likelihood": "gaussian", "sigma": 1}, errors.InputError, "Bernoulli",
    ),
    "another prior": ({"prior": "N(0, I)"}, errors.InputError, "'normal', 'none'"),
    "tolerance of 0": ({"tolerance": 0}, errors.InputError, "above 0"),
    "a large tolerance": ({"tolerance": 0.1}, errors.InputError, "at most 0.001"),
    "tolerance of text": ({"tolerance": "1e-4"}, errors.InputTypeError, "a number"),
    "strict in words": ({"strict": "no"}, errors.InputTypeError, "True or False"),
    "an empty name": ({"name": " "}, errors.InputTypeError, "a text"),
    "a number as name": ({"name": 3}, errors.InputTypeError, "a text"),
    "a licence of bytes": ({"licence": b"MIT"}, errors.InputTypeError, "a text"),
    "class names in one": ({"class_names": "abc"}, errors.InputTypeError, "a list of texts"),
    "no class names": ({"class_names": []}, errors.InputTypeError, "a list of texts"),
    "numbers as names": ({"class_names": [1, 2]}, errors.InputTypeError, "a list of texts"),
}  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name, refused):
    options, kind, remedy = OPTIONS[name]
    assert re.search(remedy, refused(kind, Base(), X, **options))


PICTURES = {
    "none at all": (None, errors.InputTypeError, "pictures are missing"),
    "an empty list": ([], errors.InputError, r"\(N, H, W\)"),
    "one": (X[:1], errors.InputError, r"2 to 64 of your own, got 1"),
    "one without its axis": (X[0, 0], errors.InputError, r"\(N, H, W\)"),
    "one of colour": (np.zeros((9, 8, 3), np.uint8), errors.InputError, "got one of shape"),
    "too many": (np.zeros((65, 8, 8), np.uint8), errors.InputError, r"pictures\[:64\]"),
    "flat": (X.reshape(6, 64), errors.InputError, r"reshape\(-1, H, W\)"),
    "of five axes": (X[None], errors.InputError, "got shape"),
    "ragged": ([X[0, 0], X[0, 0, :4]], errors.InputError, "ragged"),
    "in [-1, 1]": (X * 2 - 1, errors.InputError, r"in \[0, 1\]"),
    "in [0, 255] as float": (X * 255, errors.InputError, "images / 255"),
    "with NaN": (np.full_like(X, NAN), errors.InputError, "finite"),
    "of 16 bits": (np.zeros((4, 8, 8), np.uint16), errors.InputTypeError, "uint16"),
    "of text": (["a.png", "b.png"], errors.InputError, r"\(N, H, W\)"),
    "with no rows": (np.zeros((0, 8, 8), np.uint8), errors.InputError, r"\(N, H, W\)"),
    "a tensor of whole numbers": (torch.zeros(4, 8, 8).long(), errors.InputTypeError, "int64"),
    "of another size": (X[:, :, :4], errors.ModelRunError, r"on float32 \(6, 1, 4, 8\)"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name, refused):
    pictures, kind, remedy = PICTURES[name]
    assert re.search(remedy, refused(kind, Base(), pictures))


# Folders


def test_a_folder_that_holds_something(tmp_path, refused):
    (tmp_path / "encoder.onnx").write_bytes(b"another model")
    message = refused(errors.InputError, Base(), X, folder=tmp_path)
    assert "overwrite=True" in message


def test_a_folder_that_is_a_file(tmp_path, refused):
    (tmp_path / "file").touch()
    assert "is a file" in refused(errors.FileAccessError, Base(), X, folder=tmp_path / "file")
    refused(errors.FileAccessError, Base(), X, folder=tmp_path / "file" / "model")


def test_a_folder_that_is_no_path(refused):
    assert "must be a path" in refused(errors.InputTypeError, Base(), X, folder=7)


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_full_disk(at, tmp_path, refused, monkeypatch):
    """Whichever file it is that finds no place; the model that was there stays."""
    export(tmp_path / "m", Base(), X, progress=False)
    written = []
    write = type(tmp_path).write_bytes

    def full(path, content, **options):
        written.append(path)
        if len(written) > at or options:
            raise OSError(28, "No space left on device")
        return write(path, content)

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    monkeypatch.setattr(type(tmp_path), "write_text", full)
    message = refused(
        errors.FileAccessError, Base(), X, folder=tmp_path / "m", overwrite=True, licence="MIT"
    )
    assert "No space left" in message


def test_strict_false_warns_of_the_same(tmp_path):
    ours = decodes(lambda self, x, z: x * 0 + 0.45)
    with pytest.warns(errors.ExportWarning, match="does not reconstruct"):
        export(tmp_path / "m", ours, X, strict=False)
    assert (tmp_path / "m" / "encoder.onnx").exists()


def test_a_stated_range_is_taken(tmp_path, capsys):
    ours = wants(lambda x: (x + 1) / 2, lambda y: y * 2 - 1)
    export(tmp_path / "m", ours, X, pixel_range=(0, 1))
    assert "your range was taken as you stated it" in capsys.readouterr().err


def test_the_remedy_of_the_range_is_right(tmp_path):
    export(
        tmp_path / "a", wants(lambda x: (x + 1) / 2, lambda y: y * 2 - 1), X, pixel_range=(-1, 1)
    )
    half = wants(lambda x: (x + 1) / 2, lambda y: y)
    export(tmp_path / "b", half.encode, lambda z: half.decode(z) * 2 - 1, X, pixel_range=(-1, 1))
    for name in "ab":
        assert vae_onnx.load(tmp_path / name).latent_dim == 4
