"""What vae.js advises for values of another type or range: followed, it loses none of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
UNIT = np.linspace(0, 1, 784)


@pytest.fixture(scope="module")
def told(
    example: Path, module: Path, models: Path, run: Callable[..., Any]
) -> dict[str, dict[str, Any]]:
    result = run("node", HERE / "remedies.js", module, models)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_images_keep_their_values(told: dict[str, dict[str, Any]]) -> None:
    for what, entry in told["x"].items():
        masked = what.startswith("mask")
        expected = np.rint(UNIT) if masked else UNIT
        np.testing.assert_allclose(entry["mended"], expected, atol=0.5 / 255 + 1e-6, err_msg=what)
        kind = "InputError: x must be in [0, 1]" if "float32" in what else "InputTypeError: x must"
        assert entry["told"].startswith(kind)


def test_codes_keep_their_values(told: dict[str, dict[str, Any]]) -> None:
    whole = {"int8": [0, -1], "uint8": [0, 2], "bigint": [0, -1]}
    for what, entry in told["z"].items():
        assert entry["mended"] == whole.get(what, [0.25, -1]), what


def test_ink_keeps_its_values(told: dict[str, dict[str, Any]]) -> None:
    for what, entry in told["ink"].items():
        expected = 255 * (np.rint(UNIT) if what.startswith("mask") else UNIT)
        twice = 0.5 + 0.5 * 255 / 4095  # rounded to 12 bits at least, then to 8
        np.testing.assert_allclose(entry["mended"], expected, rtol=0, atol=twice, err_msg=what)
