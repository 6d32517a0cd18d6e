"""Saved weights, in every way that people wrap them."""

import re

import pytest
import torch
from torch import nn

from vae_onnx import errors
from vae_onnx.torch import load_weights


class Net(nn.Module):
    def __init__(self, size=3):
        super().__init__()
        self.encoder = nn.Linear(4, size)
        self.decoder = nn.Linear(size, 4)
        self.norm = nn.BatchNorm1d(size)


@pytest.fixture
def saved():
    torch.manual_seed(1)
    return Net().state_dict()


def prefixed(prefix, state):
    return {prefix + name: tensor for name, tensor in state.items()}


WRAPPED = {
    "as it is": lambda state: state,
    "state_dict": lambda state: {"state_dict": state, "epoch": 3},
    "model": lambda state: {"model": state, "optimizer": {"state": {0: {"step": torch.ones(1)}}}},
    "model_state_dict": lambda state: {"epoch": 1, "model_state_dict": state, "loss": 0.5},
    "DataParallel": lambda state: prefixed("module.", state),
    "torch.compile": lambda state: prefixed("_orig_mod.", state),
    "both": lambda state: {"model": prefixed("module._orig_mod.", state)},
    "Lightning": lambda state: {"state_dict": prefixed("model.", state), "hyper_parameters": {}},
    "another name": lambda state: {"state_dict": prefixed("autoencoder.net.", state)},
    "with a loss network": lambda state: {**prefixed("vae.", state), "loss.w": torch.ones(2)},
    "nested": lambda state: {"checkpoint": {"weights": {"state_dict": state}}},
    "float16": lambda state: {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in state.items()
    },
}


@pytest.mark.parametrize("as_file", [False, True])
@pytest.mark.parametrize("how", WRAPPED)
def test_wrapped_weights(how, as_file, saved, tmp_path):
    wrapped = WRAPPED[how](saved)
    if as_file:
        torch.save(wrapped, tmp_path / "best.pt")
        wrapped = tmp_path / "best.pt"
    net = Net()
    assert load_weights(net, wrapped) is net
    assert not net.training
    for name, tensor in net.state_dict().items():
        assert tensor.dtype == saved[name].dtype
        close = 1e-3 if how == "float16" else 0
        torch.testing.assert_close(tensor, saved[name], rtol=close, atol=close)


def test_a_part_of_a_larger_model(saved):
    part = load_weights(nn.Linear(3, 4), {"state_dict": prefixed("model.", saved)})
    torch.testing.assert_close(part.weight, saved["decoder.weight"])


class Evil:
    def __reduce__(self):
        return print, ("this ran",)


REFUSED = {
    "nothing in it": ({}, "no tensors in the weights"),
    "no tensors": ({"epoch": 3, "name": "x"}, "got one with epoch, name"),
    "a list": ([1, 2], "no tensors in the weights"),
    "another network": ({"fc.weight": torch.ones(2)}, "another network"),
    "a part is missing": (
        {"encoder.weight": torch.ones(3, 4)},
        "lack encoder.bias, decoder.weight",
    ),
    "another size": (Net(5).state_dict(), r"encoder.weight is \(5, 4\).*\(3, 4\) in Net"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_weights_that_do_not_fit(how, tmp_path):
    content, message = REFUSED[how]
    torch.save(content, tmp_path / "best.pt")
    net = Net()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    with pytest.raises(errors.WeightsError, match=message):
        load_weights(net, tmp_path / "best.pt")
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("content", [Net(), {"state": Evil()}])
def test_files_that_would_run_code(content, tmp_path, capsys):
    torch.save(content, tmp_path / "best.pt")
    with pytest.raises(errors.WeightsError, match=re.escape("torch.save(model.state_dict()")):
        load_weights(Net(), tmp_path / "best.pt")
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1", b"PK\3\4x"]
)
def test_files_that_are_something_else(content, tmp_path):
    (tmp_path / "best.pt").write_bytes(content)
    with pytest.raises(errors.WeightsError):
        load_weights(Net(), tmp_path / "best.pt")


def test_a_missing_file_and_a_missing_module(tmp_path, saved):
    with pytest.raises(errors.FileMissingError, match="is missing"):
        load_weights(Net(), tmp_path / "none.pt")
    with pytest.raises(errors.ModelTypeError, match="that was built, got Net"):
        load_weights(Net, saved)
    with pytest.raises(errors.ModelTypeError, match="got OrderedDict"):
        load_weights(saved, saved)
    with pytest.raises(errors.InputTypeError, match="weights must be a path"):
        load_weights(Net(), 7)
