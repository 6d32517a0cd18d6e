import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import vae_onnx
from export import __main__ as command_line
from export.config import Config
from export.recipes import MLP_RECIPES
from export.training import record

ROOT = Path(__file__).parents[2]
COMMANDS = [
    "train",
    "evaluate",
    "figures",
    "compare",
    "onnx",
    "quantize",
    "drawing",
    "golden",
    "c-source",
    "triton",
    "all",
    "report",
    "speedrun",
    "ablation",
    "push",
]


@pytest.fixture
def run(capsys):
    """Run a command in this process; returns exit code, stdout and stderr."""

    def run(*arguments):
        try:
            code = command_line.main([str(argument) for argument in arguments])
        except SystemExit as stop:
            code = stop.code
        output = capsys.readouterr()
        return code, output.out, output.err

    return run


def test_no_arguments_show_the_help(run):
    code, out, _ = run()
    assert code == 0
    assert all(command in out for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run, command):
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"usage: python -m export {command}" in out
    assert "MISSING" not in out


def test_train_explains_every_field_of_the_config(run):
    _, out, _ = run("train", "--help")
    for field in Config.__dataclass_fields__:
        assert f"--{field.replace('_', '-')} " in out
    assert "(default: 0.008)" in out


def test_the_help_does_not_wait_for_torch():
    code = "import sys, export.__main__ as m; m.main(['train', '--help'])"
    code = f"try:\n {code}\nexcept SystemExit: pass\nprint(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    modules = result.stdout.splitlines()[-1].split()
    assert "tyro" in modules
    assert not {"torch", "onnx", "matplotlib"} & set(modules)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epochs", "0"], "error: epochs must be an integer of at least 1, got 0\n"),
        (["--lr", "nan"], "error: lr must be a finite number above 0, got nan\n"),
    ],
)
def test_an_option_that_cannot_be_run(run, tmp_path, options, message):
    assert run("train", "--out", tmp_path / "run", *options) == (1, "", message)
    assert not (tmp_path / "run").exists()


def test_an_unknown_option_is_refused_by_the_parser(run, tmp_path):
    code, _, errors = run("train", "--out", tmp_path / "run", "--epoch", "3")
    assert code == 2
    assert "--epochs" in errors


def test_errors_of_the_user_are_one_line_and_exit_code_1(run, tmp_path):
    (tmp_path / "file").write_text("")
    for arguments, words in (
        (["evaluate", tmp_path / "none"], "best.pt is missing; `python -m export train"),
        (["compare"], "at least one run folder"),
        (["report", "--runs", tmp_path / "none", "--out", tmp_path / "r.md"], "is missing"),
        (["figures", tmp_path, tmp_path, "--out", tmp_path / "f"], "best.pt is missing"),
        (["train", "--out", tmp_path], "is not empty; go on with the run in it with --resume"),
        (["train", "--out", tmp_path / "file" / "run"], "Not a directory"),
        (["all", "--out", tmp_path / "file" / "run"], "Not a directory"),
    ):
        code, _, errors = run(*arguments)
        assert (code, errors[:7], errors.count("\n")) == (1, "error: ", 1)
        assert words in errors


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], Config()),
        (["--recipe", "best"], Config()),
        (["--recipe", "report"], Config(**MLP_RECIPES["report"])),
        (["--recipe=speed"], Config(**MLP_RECIPES["speed"])),
        (["--recipe", "report", "--recipe", "speed"], Config(**MLP_RECIPES["speed"])),
        (["--lr", "0.5", "--recipe", "report"], Config(**{**MLP_RECIPES["report"], "lr": 0.5})),
        (["--recipe", "report", "--lr=0.5"], Config(**{**MLP_RECIPES["report"], "lr": 0.5})),
    ],
)
def test_a_recipe_stands_for_its_options_and_any_other_option_overrules_it(
    run, monkeypatch, tmp_path, arguments, expected
):
    trained = []
    monkeypatch.setattr("export.training.run.run", lambda config, *_args: trained.append(config))
    assert run("train", *arguments, "--out", tmp_path / "run") == (0, "", "")
    assert trained == [expected]


def test_an_unknown_recipe_is_refused_by_the_parser(run, tmp_path):
    code, _, errors = run("train", "--recipe", "fast", "--out", tmp_path / "run")
    assert code == 2
    assert "invalid choice 'fast'" in " ".join(errors.split())


def test_what_cannot_be_written_is_said_before_the_work(run, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("no marks")
    small = ["--hidden-dim", "4", "--epochs", "1", "--batch-size", "5000"]
    for arguments, words in (
        (["speedrun", "--page", page], "between <!-- speedrun --> and"),
        (["speedrun", "--seeds"], "at least one seed, such as --seeds 0, got none"),
        (["ablation", *small, "--out", tmp_path / "a", "--page", page], "between <!-- ablation"),
        (["ablation", "--train-on", "all", "--out", tmp_path / "a"], "leave out --train-on all"),
        (["ablation", "--objective", "iwae", "--out", tmp_path / "a"], "kl_warmup and free_bits"),
    ):
        code, out, errors = run(*arguments)
        assert (code, out) == (1, "")
        assert words in errors
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]


def test_a_bug_keeps_its_traceback(run, monkeypatch, tmp_path):
    def bug(*_args):
        raise ValueError("a bug")

    monkeypatch.setattr("export.report.evaluate.evaluate", bug)
    with pytest.raises(ValueError, match="a bug"):
        run("evaluate", tmp_path)


def test_train_and_evaluate(run, tmp_path):
    out = tmp_path / "run"
    options = ["--hidden-dim", "4", "--batch-size", "5000", "--epochs", "1", "--kind", "ae"]
    code, log, errors = run("train", "--out", out, *options)
    assert (code, errors) == (0, "")
    assert "epoch  1/1  train " in log
    assert record.read_config(out) == Config(hidden_dim=4, batch_size=5000, epochs=1, kind="ae")
    code, block, _ = run("evaluate", out)
    assert code == 0
    assert f"{json.loads((out / 'metrics.json').read_text())['total']:.4f}" in block


@pytest.mark.usefixtures("few_test_images")
def test_all_makes_everything_and_can_be_resumed(run, tmp_path, data_dir):
    """Trained on the whole data set; the model is small and its training short."""
    out, models = tmp_path / "out", tmp_path / "models"
    options = ["--dataset", "mnist", "--hidden-dim", "4", "--batch-size", "5000", "--epochs", "1"]
    arguments = ["all", *options, "--out", out, "--models", models, "--data-dir", data_dir]
    assert run("train", *options, "--out", out / "vae", "--data-dir", data_dir)[0] == 0

    code, _, errors = run(*arguments)
    assert code == 1
    assert f"{out / 'vae'} is not empty" in errors
    assert not (out / "ae").exists()

    code, log, errors = run(*arguments, "--resume")
    assert (code, errors) == (0, "")
    assert f"{out / 'vae'} is finished" in log
    assert {path.name for path in out.iterdir()} == {"vae", "ae", "figures", "comparison.md"}
    assert len(list((out / "figures").iterdir())) == 9
    for kind in ("vae", "ae"):
        model = vae_onnx.load(models / f"mnist-{kind}")
        assert model.kind == record.read(out / kind).config.kind == kind
        assert model.sample(2, np.random.default_rng(0)).shape == (2, 28, 28)


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "export"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ)
    assert result.returncode == 0
    assert "python -m export" in result.stdout
