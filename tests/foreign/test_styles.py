"""Models in the styles of strangers: each crosses in a few lines, and is the same afterwards."""

import dataclasses
import functools
import json
import warnings
from collections import OrderedDict, namedtuple

import numpy as np
import onnx
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from onnx import numpy_helper
from torch import nn
from torch.distributions import Bernoulli, Independent, Normal

import vae_onnx
import vae_onnx.torch
from vae_onnx.crossing import options
from vae_onnx.errors import ExportWarning
from vae_onnx.torch import export, outputs
from vae_onnx.torch.side import Side
from vae_onnx.torch.sides import Copier

from . import nets


@pytest.fixture
def x(digits):
    """Ten digits, (10, 1, 28, 28) in [0, 1]."""
    return digits[:10, np.newaxis] / np.float32(255)


@pytest.fixture(scope="module")
def report(digits):
    """The report's class with the weights of the bundled model, saved as its script does."""
    weights = {}
    for part in ("encoder", "decoder"):
        path = vae_onnx.load("mnist-vae").folder / f"{part}.onnx"
        for tensor in onnx.load(path).graph.initializer:
            weights[f"{part}.{tensor.name.removeprefix('decoder.')}"] = torch.from_numpy(
                numpy_helper.to_array(tensor).copy()
            )
    names = {"fc1": "encoder.hidden", "fc21": "encoder.mu", "fc22": "encoder.log_var"}
    names |= {"fc3": "decoder.hidden", "fc4": "decoder.logits"}
    return {
        f"{ours}.{kind}": weights[f"{theirs}.{kind}"]
        for ours, theirs in names.items()
        for kind in ("weight", "bias")
    }


@pytest.fixture
def linear(digits):
    """Twelve principal components of the digits."""
    return nets.Principal(torch.from_numpy(digits[:, np.newaxis] / np.float32(255)), 50)


def nchw(pictures):
    return pictures.transpose(0, 3, 1, 2) / np.float32(255)


# The whole way


def test_the_class_of_the_report(report, digits, x, tmp_path, opened, agrees):
    torch.save(report, tmp_path / "best.pt")

    model = vae_onnx.torch.load_weights(nets.Report(), tmp_path / "best.pt")
    vae_onnx.torch.export(tmp_path / "mine", model, digits[:64], likelihood="bernoulli")
    mine = vae_onnx.load(tmp_path / "mine")

    bundled = vae_onnx.load("mnist-vae")
    np.testing.assert_allclose(mine.encode(digits), bundled.encode(digits), atol=1e-5)
    np.testing.assert_allclose(mine.reconstruct(digits), bundled.reconstruct(digits), atol=1e-5)
    agrees(
        opened(tmp_path / "mine"),
        lambda x: model.encode(x.flatten(1)),
        lambda z: model.decode(z).view(-1, 1, 28, 28),
        x,
    )
    nodes = [node.op_type for node in onnx.load(tmp_path / "mine" / "decoder.onnx").graph.node]
    assert nodes == ["Gemm", "Relu", "Gemm", "Sigmoid", "Reshape"], "no clip after a sigmoid"


def test_what_is_in_the_folder(linear, digits, tmp_path, opened):
    labels = np.arange(64) % 10
    folder = export(
        tmp_path / "mine",
        linear,
        digits[:64],
        name="components",
        licence="MIT",
        class_names=list("0123456789"),
        labels=labels,
        likelihood="gaussian",
        sigma=0.25,
    )
    assert {path.name for path in folder.iterdir()} == {
        *("encoder.onnx", "decoder.onnx", "card.json", "latents.npz", "strip.png"),
    }
    told = opened(folder).told
    codes = vae_onnx.load(folder).encode(digits[:64])
    low, high = json.loads(told.pop("latent_range"))
    np.testing.assert_allclose(low, np.quantile(codes, 0.01, axis=0), atol=1e-4)
    np.testing.assert_allclose(high, np.quantile(codes, 0.99, axis=0), atol=1e-4)
    np.testing.assert_allclose(json.loads(told.pop("latent_mean")), codes.mean(axis=0), atol=1e-4)
    np.testing.assert_allclose(json.loads(told.pop("latent_std")), codes.std(axis=0), atol=1e-4)
    assert float(told.pop("tolerance")) < 1e-5
    assert 0 < float(told.pop("clipped")) < 1
    assert len(told.pop("fingerprint")) == 16
    assert json.loads(told.pop("class_names")) == list("0123456789")
    assert told == {
        "name": "components",
        "kind": "ae",
        "pixel_range": "0.0 to 1.0",
        "likelihood": "Gaussian, x_recon is its mean",
        "sigma": "0.25",
        "prior": "none",
        "licence": "MIT",
        "version": vae_onnx.__version__,
    }
    with np.load(folder / "latents.npz") as latents:
        np.testing.assert_array_equal(latents["labels"], labels)
        np.testing.assert_allclose(latents["z"], codes, rtol=1e-3, atol=1e-3)
    card = json.loads((folder / "card.json").read_text())
    assert card["parameters"] == 50 * 784
    assert set(card["sha256"]) == {"encoder.onnx", "decoder.onnx"}
    vae_onnx.load(folder).save(tmp_path / "copy")
    assert (tmp_path / "copy" / "strip.png").read_bytes() == (folder / "strip.png").read_bytes()


def test_the_graphs_are_clean(linear, digits, tmp_path):
    folder = export(tmp_path / "mine", linear, digits[:8], outputs="pixels")
    for name in ("encoder", "decoder"):
        content = (folder / f"{name}.onnx").read_bytes()
        proto = onnx.load_from_string(content)
        onnx.checker.check_model(proto, full_check=True)
        assert [(o.domain, o.version) for o in proto.opset_import] == [("", 18)]
        assert proto.ir_version == 8
        assert not proto.functions
        for trace in (b"stack_trace", b"site-packages", b".py"):
            assert trace not in content


def test_a_line_for_each_step(linear, digits, tmp_path, capsys, monkeypatch):
    export(tmp_path / "a", linear, digits[:8])
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "export: running the model on your 8 pictures (1, 28, 28)"
    assert [line.split()[1] for line in lines] == [
        *("running", "making", "making", "comparing", "comparing", "your", "written"),
    ]
    monkeypatch.setattr("sys.stderr", None)
    export(tmp_path / "b", linear, digits[:8])


def test_no_line_at_all(linear, digits, tmp_path, capsys):
    export(tmp_path / "a", linear, digits[:8], progress=False)
    assert capsys.readouterr() == ("", "")


def test_the_same_model_gives_the_same_bits(linear, digits, tmp_path):
    first, second = (export(tmp_path / name, linear, digits[:8], name="m") for name in "ab")
    for name in ("encoder.onnx", "decoder.onnx", "card.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes()


# What comes out of an encoder


Pair = namedtuple("Pair", ["mu", "logvar"])


@dataclasses.dataclass
class Out:
    embedding: torch.Tensor
    log_covariance: torch.Tensor


class Gaussian:
    """As diffusers has it: an object with a mean and a log variance."""

    def __init__(self, mean, logvar):
        self.mean, self.logvar, self.std = mean, logvar, (logvar / 2).exp()


STYLES = {
    "a list": lambda mu, log_var: [mu, log_var],
    "a tuple of names": lambda mu, log_var: Pair(mu, log_var),
    "a dictionary": lambda mu, log_var: {"z": mu + log_var, "mu": mu, "log_var": log_var},
    "an ordered one": lambda mu, log_var: OrderedDict(embedding=mu, log_covariance=log_var),
    "a dataclass": lambda mu, log_var: Out(mu, log_var),
    "latent_dist": lambda mu, log_var: {"latent_dist": Gaussian(mu, log_var)},
    "a tuple of one": lambda mu, log_var: (Gaussian(mu, log_var),),
    "Normal": lambda mu, log_var: Normal(mu, (log_var / 2).exp()),
    "Independent": lambda mu, log_var: Independent(Normal(mu, (log_var / 2).exp()), 1),
}


@pytest.mark.parametrize("style", STYLES)
def test_what_an_encoder_gives_is_understood(style):
    mu, log_var = torch.zeros(4, 2), torch.ones(4, 2)
    (first, second), measure = outputs.codes(STYLES[style](mu, log_var))
    assert first is mu
    std = style in ("Normal", "Independent")
    assert measure == ("std" if std else None if style == "a list" else "log_var")
    torch.testing.assert_close(second, log_var.div(2).exp() if std else log_var)


@pytest.mark.parametrize("style", ["a dataclass", "latent_dist", "Independent"])
def test_what_an_encoder_gives(style, linear, x, tmp_path, opened, agrees):
    def both(x):
        mu = linear.encode(x)
        return mu, mu.tanh() - 1

    export(tmp_path / "m", lambda x: STYLES[style](*both(x)), linear.decode, x)
    model = opened(tmp_path / "m")
    assert model.told["kind"] == "vae"
    agrees(model, both, linear.decode, x)


@pytest.mark.parametrize("spread", ["var", "log_std"])
def test_a_stated_spread(spread, linear, x, tmp_path, opened, agrees):
    def deviation(x):
        return linear.encode(x).sigmoid() + 0.1

    made = {"var": torch.square, "log_std": torch.log}[spread]
    export(
        tmp_path / "m",
        lambda x: (linear.encode(x), made(deviation(x))),
        linear.decode,
        x,
        spread=spread,
    )
    agrees(
        opened(tmp_path / "m"),
        lambda x: (linear.encode(x), deviation(x).log() * 2),
        linear.decode,
        x,
    )


@pytest.mark.parametrize(
    "style",
    [
        lambda x: {"reconstruction": x},
        lambda x: (x,),
        lambda x: Normal(x, 1.0),
        lambda x: Independent(Normal(x, 1.0), 3),
        lambda x: {"loss": 0.5, "recon_x": x},
    ],
)
def test_what_a_decoder_gives_is_understood(style):
    x = torch.zeros(4, 1, 2, 2)
    assert outputs.picture(style(x)) is x


def test_the_mean_of_bernoulli_pictures():
    torch.testing.assert_close(
        outputs.picture(Bernoulli(torch.tensor([0.25]))), torch.tensor([0.25])
    )


@pytest.mark.parametrize(
    "style", [lambda x: x.squeeze(1), lambda x: x.permute(0, 2, 3, 1), lambda x: x.double()]
)
def test_layouts_that_a_decoder_gives(style, linear, x, tmp_path, opened, agrees):
    export(tmp_path / "m", linear.encode, lambda z: style(linear.decode(z)), x)
    agrees(opened(tmp_path / "m"), linear.encode, linear.decode, x)


def test_logits(x, tmp_path, opened, agrees):
    logit = torch.from_numpy(x.clip(0.02, 0.98)).logit()
    model = nets.Principal(logit, 9)
    export(tmp_path / "m", lambda x: model.encode(x.clamp(0.02, 0.98).logit()), model.decode, x,
           outputs="logits")  # fmt: skip
    mine = opened(tmp_path / "m")
    assert mine.told["likelihood"] == "Bernoulli, x_recon is its mean"
    agrees(
        mine,
        lambda x: model.encode(x.clamp(0.02, 0.98).logit()),
        lambda z: model.decode(z).sigmoid(),
        x,
    )


# What goes in


@pytest.mark.parametrize(
    ("options", "into", "back"),
    [
        ({"pixel_range": (-1, 1)}, lambda x: x * 2 - 1, lambda y: (y + 1) / 2),
        ({"pixel_range": (0, 255)}, lambda x: x * 255, lambda y: y / 255),
        (
            {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.4)},
            lambda x: (x - column(0.4, 0.5, 0.6)) / column(0.2, 0.3, 0.4),
            lambda y: y * column(0.2, 0.3, 0.4) + column(0.4, 0.5, 0.6),
        ),
        (
            {"pixel_range": (0, 255), "mean": (104, 117, 123), "bgr": True},
            lambda x: x.flip(1) * 255 - column(104, 117, 123),
            lambda y: ((y + column(104, 117, 123)) / 255).flip(1),
        ),
    ],
)
def test_pixels_of_another_range(options, into, back, colours, tmp_path, opened, agrees):
    x = nchw(colours)
    model = nets.Principal(into(torch.from_numpy(x)), 5)
    export(tmp_path / "m", model, colours, **options)
    agrees(
        opened(tmp_path / "m"),
        lambda x: model.encode(into(x)),
        lambda z: back(model.decode(z)),
        x,
    )


def column(*values):
    return torch.tensor(values).view(-1, 1, 1)


@pytest.mark.parametrize("channels", [2, 4])
def test_any_number_of_channels(channels, tmp_path, opened, agrees):
    x = np.random.default_rng(0).random((9, channels, 12, 16), dtype=np.float32)
    model = nets.Principal(torch.from_numpy(x), 8)
    export(tmp_path / "m", model, x)
    agrees(opened(tmp_path / "m"), model.encode, model.decode, x)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
def test_pictures_in_any_layout(channels):
    x = np.random.default_rng(0).random((9, channels, 12, 16), dtype=np.float32)
    np.testing.assert_array_equal(options.pictures(x), x)
    np.testing.assert_array_equal(options.pictures(x.transpose(0, 2, 3, 1)), x)
    np.testing.assert_array_equal(options.pictures(list(x.astype(np.float64))), x)
    if channels == 1:
        np.testing.assert_array_equal(options.pictures(x[:, 0]), x)


def test_channels_last(colours, tmp_path, opened, agrees):
    x = nchw(colours)
    model = nets.Principal(torch.from_numpy(x), 5)
    last = nn.Conv2d(3, 3, 1, bias=False).requires_grad_(False)
    last.weight[:] = torch.eye(3)[:, :, None, None]
    export(tmp_path / "m",
           lambda x: model.encode(last(x.permute(0, 3, 1, 2))),
           lambda z: model.decode(z).permute(0, 2, 3, 1), colours)  # fmt: skip
    agrees(opened(tmp_path / "m"), model.encode, model.decode, x)


def test_sizes_of_every_kind(colours, tmp_path, opened, agrees):
    model = nets.Shuffle()
    export(tmp_path / "m", model, colours, dynamic_size=True)
    mine = opened(tmp_path / "m")
    assert mine.told["size_multiple"] == "4"
    assert len(json.loads(mine.told["latent_mean"])) == 48
    for height, width in ((32, 48), (12, 20), (36, 4)):
        agrees(mine, model.encode, model.decode, nchw(colours)[:, :, :height, :width])


def test_a_map_of_codes_of_a_fixed_size(colours, tmp_path, opened, agrees):
    model = nets.Shuffle()
    export(tmp_path / "m", model, colours)
    mine = opened(tmp_path / "m")
    assert mine.model.encoder.graph.outputs["z"].shape == ("batch", 48, 8, 12)
    assert "size_multiple" not in mine.told
    agrees(mine, model.encode, model.decode, nchw(colours))


@pytest.mark.parametrize("shape", [(50, 1, 1), (5, 10)])
def test_codes_that_are_neither_flat_nor_a_map(shape, linear, x, tmp_path, opened, agrees):
    export(tmp_path / "m",
           lambda x: linear.encode(x).unflatten(1, shape),
           lambda z: linear.decode(z.flatten(1)), x)  # fmt: skip
    agrees(opened(tmp_path / "m"), linear.encode, linear.decode, x)
    assert vae_onnx.load(tmp_path / "m").latent_dim == 50


def test_a_decoder_that_wants_a_map_of_one_place(linear, x, tmp_path, opened, agrees):
    export(tmp_path / "m", linear.encode, lambda z: linear.decode(z[:, :, 0, 0]), x)
    agrees(opened(tmp_path / "m"), linear.encode, linear.decode, x)


# How it is wrapped, and in which state it is


class Trained(nn.Module):
    """A convolutional VAE with BatchNorm and Dropout for [-1, 1], in the middle of its training."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(), nn.Dropout(0.5),
            nn.Conv2d(8, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.SiLU(), nn.Flatten(),
        )  # fmt: skip
        self.fc_mu, self.fc_var = nn.Linear(768, 16), nn.Linear(768, 16)
        self.widen = nn.Linear(16, 768)
        self.mirror = nn.Sequential(
            nn.Unflatten(1, (8, 8, 12)), nn.ConvTranspose2d(8, 8, 3, 2, 1, 1), nn.BatchNorm2d(8),
            nn.GELU(), nn.ConvTranspose2d(8, 3, 3, 2, 1, 1), nn.Tanh(),
        )  # fmt: skip

    def encode(self, x):
        h = self.body(x)
        return self.fc_mu(h), self.fc_var(h)

    def decode(self, z):
        return self.mirror(self.widen(z))


@pytest.fixture
def trained(colours):
    torch.manual_seed(0)
    model = Trained()
    for _ in range(3):  # running statistics that are not those of a batch
        model.encode(torch.rand(8, 3, 32, 48) * 2 - 1)
        model.decode(torch.randn(8, 16))
    return model


def test_a_model_in_training_is_left_as_it_was(trained, colours, tmp_path, opened, agrees):
    trained.fc_mu.half()
    trained.mirror.double()
    calls = []
    trained.widen.register_forward_hook(lambda *_: calls.append(1))
    trained.widen.weight.grad = torch.ones_like(trained.widen.weight)
    trained.body[1].eval()
    before = {
        name: (p, p.clone(), p.dtype) for name, p in trained.state_dict(keep_vars=True).items()
    }
    modes = [module.training for module in trained.modules()]
    state = torch.random.get_rng_state()

    with pytest.warns(ExportWarning, match="does not reconstruct your pictures"):
        export(tmp_path / "m", trained, colours, pixel_range=(-1, 1), strict=False)

    assert torch.equal(torch.random.get_rng_state(), state)
    assert [module.training for module in trained.modules()] == modes
    assert trained.widen.weight.grad is not None
    for name, parameter in trained.state_dict(keep_vars=True).items():
        same, value, dtype = before[name]
        assert parameter is same
        assert parameter.dtype == dtype
        assert torch.equal(parameter, value)
    assert all(parameter.requires_grad for parameter in trained.parameters())

    copy = trained.float().eval()
    agrees(
        opened(tmp_path / "m"),
        lambda x: copy.encode(x * 2 - 1),
        lambda z: (copy.decode(z) + 1) / 2,
        nchw(colours),
    )


@pytest.mark.parametrize(
    "wrap",
    [
        nn.DataParallel,
        torch.compile,
        lambda model: torch.compile(nn.DataParallel(model)),
        lambda model: model.to(torch.bfloat16),
        lambda model: model.double(),
        lambda model: model.half(),
        torch.nn.utils.parametrizations.weight_norm,
    ],
    ids=["DataParallel", "compile", "both", "bfloat16", "float64", "float16", "weight_norm"],
)
def test_wrapped_models(wrap, x, tmp_path, opened, agrees):
    class Linear(nn.Linear):
        def encode(self, x):
            return self(x.flatten(1))

        def decode(self, z):
            return F.linear(z, self.weight.T)

    model = Linear(784, 784, bias=False).requires_grad_(False)
    model.weight[:] = torch.eye(784)
    export(tmp_path / "m", wrap(model), x)
    assert opened(tmp_path / "m").model.encoder.graph.outputs["z"].shape == ("batch", 784)
    np.testing.assert_allclose(opened(tmp_path / "m").reconstruct(x), x, atol=1e-6)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_the_old_weight_norm(x, tmp_path, opened, agrees):
    model = nn.utils.weight_norm(nn.Linear(784, 784))
    model(torch.zeros(1, 784))  # which leaves a weight that has a history
    with pytest.warns(ExportWarning):
        export(tmp_path / "m", lambda x: model(x), lambda z: z, x, strict=False)
    agrees(
        opened(tmp_path / "m"), lambda x: model(x.flatten(1)), lambda z: z.view(-1, 1, 28, 28), x
    )


def scale(module, x, by):
    return module.encode(x) * by


class Holder:
    """An object of somebody's own, which is no module."""

    def __init__(self, model):
        self.model = model

    def run(self, x):
        return self.model.encode(x)


MODELS = {}  # a global that functions reach into


def out_of_a_global(x):
    return MODELS["here"].encode(x)


def test_functions_of_every_kind_are_copied(linear, x):
    class Drops(nn.Module):
        """Zeros in training, so that a copy which is not in evaluation mode gives itself away."""

        def encode(self, x):
            return F.dropout(linear.encode(x), 1.0, self.training)

    model = Drops().train()
    MODELS["here"] = model
    functions = {
        "a method": model.encode,
        "a lambda": lambda x: model.encode(x),
        "a default": lambda x, model=model: model.encode(x),
        "a keyword": lambda x, *, model=model: model.encode(x),
        "a partial": functools.partial(scale, model, by=1),
        "of a function": lambda x: out_of_a_global(x),
        "of an object": Holder(model).run,
        "under no_grad": torch.no_grad()(lambda x: model.encode(x)),
    }
    expected = linear.encode(torch.from_numpy(x)).detach().numpy()
    for name, function in functions.items():
        (z,) = Side("encoder", function, Copier()).run(x)
        np.testing.assert_array_equal(z, expected, err_msg=name)
    assert model.training


def test_both_halves_of_a_model_share_one_copy(linear):
    copier = Copier()
    first, second = copier(linear.encode), copier(lambda z: linear.decode(z))
    assert first.__self__ is second.__closure__[0].cell_contents
    assert first.__self__ is not linear
    assert copier.modules == [first.__self__]


# Options of the metadata and the gates


def test_the_prior(linear, x, tmp_path, opened):
    unit = linear.encode(torch.from_numpy(x)).std()

    def encode(x, scale):
        mu = linear.encode(x)
        return scale * mu / unit, torch.full_like(mu, -4.0)

    def exported(name, scale, **options):
        export(tmp_path / name, lambda x: encode(x, scale), lambda z: linear.decode(z * 0), x,
               strict=False, **options)  # fmt: skip
        return opened(tmp_path / name).told["prior"]

    warnings.simplefilter("ignore", ExportWarning)
    assert exported("near", 1.0) == "N(0, I)"
    assert exported("far", 6.0) == "none"
    assert exported("said", 6.0, prior="normal") == "N(0, I)"
    assert exported("unsaid", 1.0, prior="none") == "none"


def test_overwrite(linear, digits, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "history.jsonl").write_text("of another model")
    export(tmp_path, linear, digits[:8], overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert not (tmp_path / "history.jsonl").exists()


def test_tensors_as_pictures_and_every_way_to_call_it(linear, x, tmp_path):
    pictures = torch.from_numpy(x).requires_grad_()
    export(tmp_path / "a", linear, pictures=pictures.bfloat16())
    export(tmp_path / "b", encoder=linear.encode, decoder=linear.decode, pictures=pictures)
    for name in "ab":
        assert vae_onnx.load(tmp_path / name).latent_dim == 50
