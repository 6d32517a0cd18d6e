"""`python -m export push`, to a small Hub on this machine (tests/fake_hub.py)."""

import json
import re
import shutil

import numpy as np
import pytest
import yaml
from torch import nn

import vae_onnx
import vae_onnx.torch
from export import __main__ as command_line
from export.hub.model_card import OURS
from vae_onnx.store import bundled

GRAPHS = {"encoder.onnx", "decoder.onnx", "encoder.int8.onnx", "decoder.int8.onnx"}
NAMES = {*GRAPHS, "card.json", "latents.npz", "history.jsonl", "README.md"}
ON_THE_HUB = {
    "mnist": ["ylecun/mnist"],
    "fashion-mnist": ["zalando-datasets/fashion_mnist"],
    "folder:emoji": [],
}


@pytest.fixture
def model(tmp_path):
    """A model folder of its own."""
    return shutil.copytree(bundled.FOLDER / "mnist-vae", tmp_path / "mnist-vae")


@pytest.fixture
def push(capsys):
    """Run the command in this process; returns exit code, stdout and stderr."""

    def push(*arguments):
        code = command_line.main(["push", *map(str, arguments)])
        output = capsys.readouterr()
        return code, output.out, output.err

    return push


@pytest.fixture
def failing(hub, push):
    """Run a command line that must fail and change nothing; returns what it says."""

    def failing(*arguments):
        before = {name: len(there.commits) for name, there in hub.repositories.items()}
        code, _, told = push(*arguments)
        assert (code, told[:7], told.count("\n")) == (1, "error: ", 1)
        assert (
            before.items()
            <= {name: len(there.commits) for name, there in hub.repositories.items()}.items()
        )
        return told

    return failing


def front_matter(readme):
    return yaml.safe_load(readme.split("---\n")[1])


# What is sent


def test_a_model_is_pushed_and_loaded_again(hub, push, model):
    hub.log_in()
    code, out, _ = push(model, "me/mnist-vae")
    assert code == 0
    assert out.splitlines()[-1] == 'vae_onnx.load("hf://me/mnist-vae")'
    repository = hub.repositories["me/mnist-vae"]
    assert repository.private is False
    assert set(repository.files("main")) == NAMES | {".gitattributes"}
    assert repository.messages == ["Upload mnist-vae"]  # one commit

    z = np.ones((2, 2), np.float32)
    pushed = vae_onnx.load("hf://me/mnist-vae")
    np.testing.assert_array_equal(pushed.decode(z), vae_onnx.load(model).decode(z))
    assert not (model / "README.md").exists()


def test_a_branch_a_message_and_nobody_else(hub, push, model):
    hub.log_in()
    options = ["--private", "--revision", "try/1", "--message", "Train for longer"]
    code, out, _ = push(model, "me/mine", *options)
    assert code == 0
    assert out.splitlines()[-1] == 'vae_onnx.load("hf://me/mine@try%2F1")'
    repository = hub.repositories["me/mine"]
    assert repository.private is True
    assert set(repository.files("main")) == {".gitattributes"}
    assert set(repository.files("try/1")) >= NAMES
    assert repository.messages == ["Train for longer"]
    assert vae_onnx.load("hf://me/mine@try%2F1").kind == "vae"


def test_what_an_earlier_model_had_is_removed_and_all_else_stays(hub, push, model):
    hub.log_in()
    hub.add("me/mine", {"decoder.int8.onnx": b"old", "figure.png": b"mine", "card.json": b"old"})
    assert push(model, "me/mine")[0] == 0
    files = hub.repositories["me/mine"].files("main")
    assert set(files) == NAMES | {"figure.png"}
    assert files["card.json"] == (model / "card.json").read_bytes()


# The card


@pytest.mark.parametrize("name", vae_onnx.models())
def test_the_dry_run_writes_the_card_and_sends_nothing(hub, push, tmp_path, name):
    model = shutil.copytree(bundled.FOLDER / name, tmp_path / name)
    code, out, _ = push(model, f"me/{name}", "--dry-run")
    assert code == 0
    assert hub.requests == []
    files = {path.name for path in (bundled.FOLDER / name).iterdir()}
    assert {line.split()[0] for line in out.splitlines()[:-1]} == files | {"README.md"}
    readme = (model / "README.md").read_text()

    told = front_matter(readme)
    kind = vae_onnx.load(model).kind
    dataset = vae_onnx.load(model).metadata["dataset"]
    assert told["license"] == ("apache-2.0" if dataset == "folder:emoji" else "mit")
    assert told["library_name"] == "vae-onnx"
    assert told.get("datasets", []) == ON_THE_HUB[dataset]
    assert {"onnx", "autoencoder"} <= set(told["tags"])
    assert ("vae" in told["tags"]) == (kind == "vae")
    assert (
        told["pipeline_tag"]
        == {
            "vae": "unconditional-image-generation",
            "ae": "image-feature-extraction",
        }[kind]
    )

    card = json.loads((model / "card.json").read_text())
    assert f"# {name}\n" in readme
    assert f"{card['metrics']['total']:.2f} |" in readme
    assert f"{card['parameters']:,} parameters" in readme
    assert card["command"] in readme
    assert "`z` float32 [batch, " in readme
    assert ("(strip.png)" in readme) == (model / "strip.png").exists() == ("emoji" in name)
    assert ("- ground: white\n" in readme) == ("emoji" in name)
    for variant, measured in card.get("variants", {}).items():
        row = next(row for row in readme.splitlines() if f'`precision="{variant}"`' in row)
        assert f" {measured['total_change']:+.3f} |" in row
        assert f" {measured['time_ratio']['decode']['1']:.2f} |" in row


@pytest.mark.parametrize("dynamic", [False, True])
def test_the_card_of_a_stranger_s_model(hub, push, tmp_path, dynamic):
    """It was trained elsewhere: there is no command, no test set, and perhaps no likelihood."""
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 12, 3), np.uint8)
    keeps = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
    model = vae_onnx.torch.export(
        tmp_path / "theirs", *keeps, pictures, dynamic_size=dynamic, licence="MIT", progress=False
    )
    assert push(model, "me/theirs", "--dry-run")[0] == 0
    readme = (model / "README.md").read_text()
    assert front_matter(readme)["license"] == "mit"
    assert "datasets" not in front_matter(readme)
    size = "any size that 2 divides" if dynamic else "8x12"
    codes = "12, any, any" if dynamic else "12, 4, 6"
    assert f"pictures (RGB, {size}) to codes ({codes}) and back, 0 parameters" in readme
    assert "- likelihood: none" in readme
    assert "vae_onnx.torch.export" in readme
    assert "strip.png" in readme
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names = {}
    exec(compile(code.replace("hf://me/theirs", str(model)), "README.md", "exec"), names)
    assert names["x_recon"].shape == (16, 64, 64, 3) if dynamic else (16, 8, 12, 3)

    hub.log_in()
    assert push(model, "me/theirs")[0] == 0
    assert "strip.png" in hub.repositories["me/theirs"].files("main")


def test_a_stranger_s_card_of_something_else(failing, tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (4, 8, 12), np.uint8)
    keeps = nn.PixelUnshuffle(2), nn.PixelShuffle(2)
    model = vae_onnx.torch.export(tmp_path / "theirs", *keeps, pictures, progress=False)
    card = json.loads((model / "card.json").read_text())
    del card["measured"]
    (model / "card.json").write_text(json.dumps(card))
    assert "nothing to make a model card from" in failing(model, "me/theirs", "--dry-run")


def test_the_usage_in_the_card_runs(hub, push, model):
    hub.log_in()
    assert push(model, "me/mnist-vae")[0] == 0
    readme = hub.repositories["me/mnist-vae"].files("main")["README.md"].decode()
    (code,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    names = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["z"].shape == (16, 2)
    assert names["x_recon"].shape == (16, 28, 28)


def test_a_card_of_our_own_is_written_again_and_one_of_the_user_is_not(hub, push, model):
    readme = model / "README.md"
    readme.write_text(f"{OURS}\nof an earlier model")
    assert push(model, "me/mine", "--dry-run")[0] == 0
    assert "of an earlier model" not in readme.read_text()

    mine = readme.read_text().replace(OURS, "") + "\nAsk me about it."
    readme.write_text(mine)
    hub.log_in()
    assert push(model, "me/mine")[0] == 0
    assert hub.repositories["me/mine"].files("main")["README.md"].decode() == mine


# What is refused


@pytest.mark.parametrize("name", ["mine", "hf://me/mine", "me/mine/x", "me/mi ne", "me/mine@main"])
def test_the_repository_must_be_one(failing, model, name):
    told = failing(model, name)
    assert "the repository must be OWNER/REPO, such as me/mnist-vae" in told


def test_names_that_the_hub_refuses(hub, failing, model):
    hub.log_in()
    assert "'me/mi--ne' names no repository" in failing(model, "me/mi--ne")


@pytest.mark.parametrize("name", ["encoder.onnx", "decoder.onnx", "card.json"])
def test_a_folder_without_one_of_the_files(failing, model, name):
    (model / name).unlink()
    assert f"{name} is missing" in failing(model, "me/mine", "--dry-run")


def test_a_folder_whose_files_are_not_those_of_the_card(hub, failing, model):
    hub.log_in()
    card = json.loads((model / "card.json").read_text())
    card["sha256"]["decoder.onnx"] = "0"
    (model / "card.json").write_text(json.dumps(card))
    told = failing(model, "me/mine")
    assert "decoder.onnx is not the file that card.json tells of: expected sha256 0, found" in told
    assert "export it again; nothing was sent" in told
    del card["sha256"]["decoder.onnx"]
    (model / "card.json").write_text(json.dumps(card))
    assert "lists no sha256 of decoder.onnx" in failing(model, "me/mine")
    assert hub.requests == []


def test_a_card_of_something_else(failing, model):
    card = json.loads((model / "card.json").read_text())
    kept = {name: card[name] for name in ("sha256", "variants")}
    (model / "card.json").write_text(json.dumps(kept))
    assert "is not as `python -m export onnx` or vae_onnx.torch writes it" in failing(
        model, "me/mine", "--dry-run"
    )


def test_nobody_is_logged_in(hub, failing, model):
    assert "`hf auth login`, or set HF_TOKEN, with a token that may write" in failing(model, "me/x")
    assert hub.requests == []


def test_a_token_that_may_not_write(hub, failing, model):
    hub.log_in("hf_of_somebody_else")
    assert "does not let this token write to me/mine (status 401)" in failing(model, "me/mine")


def test_a_public_repository_is_not_taken_for_a_private_one(hub, failing, model):
    hub.log_in()
    hub.add("me/mine", {})
    assert "me/mine is there and public: make it private" in failing(model, "me/mine", "--private")


def test_a_hub_that_fails_or_is_not_there(hub, failing, model):
    hub.log_in()
    hub.status = 500
    told = failing(model, "me/mine")
    assert "me/mine was not uploaded: " in told
    assert "500" in told
    hub.use("http://127.0.0.1:9")  # where nothing listens
    assert "Connection refused; check the connection" in failing(model, "me/mine")
