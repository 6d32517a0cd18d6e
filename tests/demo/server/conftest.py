"""Digits as files, for whatever client hands them in."""

import pytest
from PIL import Image

from demo.library.testset import DATA, SIDE


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Files of ten test digits, upscaled so that the way back to 28x28 matters."""
    folder, sheet = tmp_path_factory.mktemp("digits"), Image.open(DATA / "mnist.png")
    files = []
    for i in range(10):
        digit = sheet.crop((i * SIDE, 0, (i + 1) * SIDE, SIDE)).resize((280, 280))
        files.append(str(folder / f"{i}.png"))
        digit.save(files[-1])
    return files
