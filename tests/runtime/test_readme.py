"""What the README shows is what happens."""

import contextlib
import io
import json
import re
from pathlib import Path

import pytest

import vae_onnx

README = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")


def test_the_python_block_prints_what_stands_below_it():
    code, printed = re.search(
        r"```python\n(.*?)```\n+```text\n(.*?)```", README, re.DOTALL
    ).groups()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "README.md", "exec"), {})
    assert output.getvalue() == printed


@pytest.mark.parametrize("name", vae_onnx.models())
def test_the_table_shows_the_metrics_of_the_card(name):
    metrics = json.loads((vae_onnx.load(name).folder / "card.json").read_text())["metrics"]
    (row,) = re.findall(rf"^\| `{name}`[^|]*\|(.*)\|$", README, re.MULTILINE)
    figures = [float(figure) for figure in re.findall(r"\d+\.\d+", row.partition("|")[0])]
    if "mse" in metrics:  # of a Gaussian, whose nats are of a density
        assert figures == [round(metrics["mse"], 4), round(metrics["bits_per_dim"], 2)]
        return
    parts = ("total", "recon", "kld") if "kld" in metrics else ("total",)
    assert figures == [round(metrics[part], 2) for part in parts]
