import dataclasses
import shlex

import pytest

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
        "image_size": 32,
        "objective": "elbo",
        "schedule": "constant",
        "train_on": "all",
        "precision": "bfloat16",
        "adam_beta1": 0.5,
        "adam_beta2": 0.5,
        "kind": "ae",
    }
    numbers = {
        field.name: field.default + 1
        for field in dataclasses.fields(Config)
        if field.name not in changed
    }
    config = Config(**changed, **numbers)
    unchanged = 1  # objective: iwae takes no beta
    assert 2 * unchanged + len(shlex.split(config.flags())) == 2 * len(dataclasses.fields(config))
