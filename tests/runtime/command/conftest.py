"""What the tests of the `vae-onnx` command share."""

import numpy as np
import pytest
from PIL import Image

from vae_onnx.__main__ import main


@pytest.fixture
def digits(tmp_path, images):
    """Real digits in files: three PNG of 28x28, all of them in one .npy."""
    for i in range(3):
        Image.fromarray(images["mnist"][i]).save(tmp_path / f"{i}.png")
    np.save(tmp_path / "digits.npy", images["mnist"])
    return tmp_path


@pytest.fixture
def failing(capsys):
    """Run a command line that must fail; return what it says."""

    def run(*arguments):
        assert main([str(argument) for argument in arguments]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("vae-onnx: error: ")
        assert captured.err.count("\n") == 1
        return captured.err

    return run
