import dataclasses
import shlex

import pytest

from export.choices import DATASETS
from export.config import Config, Recipe
from export.errors import ConfigError


@pytest.mark.parametrize(
    ("config", "name"),
    [
        (Config(), "fashion-mnist-vae"),
        (Config(dataset="mnist", kind="ae"), "mnist-ae"),
        (Config(latent_dim=16), "fashion-mnist-vae-16d"),
    ],
)
def test_model_name(config, name):
    assert config.model_name == name


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dataset", "cifar"),
        ("kind", "gan"),
        ("schedule", "step"),
        ("hidden_dim", 0),
        ("latent_dim", -1),
        ("epochs", 1.5),
        ("epochs", True),
        ("batch_size", 0),
        ("lr", 0.0),
        ("lr", float("nan")),
        ("lr", float("inf")),
        ("seed", -1),
    ],
)
def test_what_cannot_be_trained_is_refused_by_name(field, value):
    with pytest.raises(ConfigError, match=rf"{field} must be .*, got {value!r}"):
        Config(**{field: value})


def test_flags_say_what_differs_from_the_defaults():
    assert Recipe().flags() == "--dataset fashion-mnist"
    assert Config(lr=1e-3, hidden_dim=64).flags() == (
        "--dataset fashion-mnist --hidden-dim 64 --lr 0.001 --kind vae"
    )


def test_flags_name_every_field_that_differs():
    changed = {
        "dataset": "folder:my pictures",
        "colour": True,
        "image_size": 32,
        "ground": "black",
        "fit": "pad",
        "likelihood": "bernoulli",
        "objective": "elbo",
        "schedule": "constant",
        "mirror": True,
        "recolour": 0.5,
        "train_on": "all",
        "precision": "bfloat16",
        "adam_beta1": 0.5,
        "adam_beta2": 0.5,
        "kind": "ae",
        "name": "my-model",
    }
    without = {"encoder_epochs", "bend"}
    of_conv = {"network": "mlp", "width": None, "depth": None, "latent_side": 0}
    numbers = {
        field.name: field.default + 1
        for field in dataclasses.fields(Config)
        if field.name not in {*changed, *of_conv, *without}
    }
    config = Config(**changed, **of_conv, **numbers)
    told = {word[2:].replace("-", "_") for word in shlex.split(config.flags()) if "--" in word}
    # iwae takes no beta, hence the objective; a constant schedule has no last epochs.
    assert told == {field.name for field in dataclasses.fields(Config)} - of_conv.keys() - {
        "objective",
        *without,
    }
    assert (
        Config(encoder_epochs=3, bend=0.5).flags()
        == "--dataset fashion-mnist --encoder-epochs 3 --bend 0.5 --kind vae"
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dataset": "mnist", "colour": True}, "colour is of folder:PATH; mnist is grey"),
        ({"dataset": "cifar10", "colour": True}, "cifar10 has its colours without it"),
        ({"dataset": "mnist", "ground": "black"}, "ground is of folder:PATH, not of mnist"),
        ({"dataset": "cifar10", "fit": "pad"}, "fit is of folder:PATH, not of cifar10"),
        ({"dataset": "cifar10", "image_size": 64}, "cifar10 has 32, got 64"),
        ({"recolour": 0.5}, "recolour is of colour pictures"),
        ({"dataset": "cifar10", "recolour": 2.0}, "recolour must be a share from 0 to 1, got 2"),
        ({"network": "conv", "dataset": "cifar10", "x_lr_factor": 0.1}, "x_lr_factor is of --net"),
        ({"shift": 28}, "shift must be less than the 28 pixels"),
        ({"name": "My Model"}, "name must be of small letters"),
    ],
)
def test_what_the_pictures_cannot_have_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        Config(**options)


def test_what_is_not_given_follows_from_the_pictures():
    folder = "folder:x"
    assert Config().image_shape == (1, 28, 28)
    assert Config(dataset=folder).image_shape == (1, 28, 28)
    assert Config(dataset=folder, network="conv").image_shape == (1, 64, 64)
    colour = Config(dataset=folder, colour=True)
    assert (colour.image_shape, colour.likelihood) == ((3, 28, 28), "gaussian")
    assert (colour.ground, Config(dataset=folder).ground) == ("white", None)
    assert Config(dataset="cifar10").image_shape == (3, 32, 32)
    assert Config(dataset="celeba", image_size=128).image_shape == (3, 128, 128)
    assert Config().likelihood == "bernoulli"


@pytest.mark.parametrize("dataset", [*DATASETS, "folder:x"])
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_what_is_accepted_is_accepted_again(dataset, network):
    """As `config.json` and checkpoints hold it, with all that was filled in."""
    config = Config(dataset=dataset, network=network)
    assert Config(**dataclasses.asdict(config)) == config
    assert dataclasses.replace(config, epochs=3).epochs == 3
