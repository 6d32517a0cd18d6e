"""One file, three readers: the command line, the demo and `folder:` see the same picture."""

import argparse
from types import SimpleNamespace

import numpy as np

from demo.library.models import Library
from demo.page import pictures
from demo.server.endpoints import Endpoints
from export.data import folder
from vae_onnx.__main__ import main
from vae_onnx.command import inputs


def test_all_three_see_the_same_pixels(picture_files, capsys):
    side = len(picture_files[0].grey)
    model = SimpleNamespace(image_shape=(1, side, side), metadata={}, size_multiple=1)
    assert len(picture_files) > 80
    for case in picture_files:
        options = argparse.Namespace(images=[case.path], drawing=False, invert=None, fit=None)
        command = inputs.read_images(options, model)[0, 0]
        demo, notes = pictures.picture_to_x(
            pictures.read(case.path.read_bytes()), model, digits=False
        )
        own = folder._read(case.path.read_bytes()).grey / np.float32(255)
        np.testing.assert_array_equal(command, demo[0, 0], case.path.name)
        np.testing.assert_array_equal(command, own, case.path.name)
        told = capsys.readouterr().err
        assert all(f"{case.path}: {note}" in told for note in notes)
        assert (told != "") == bool(notes) == bool(case.note)


def test_the_command_and_the_demo_find_the_same_drawing(picture_files, capsys):
    endpoints = Endpoints(Library())
    for case in picture_files:
        assert main(["encode", "mnist-vae", str(case.path), "--drawing"]) == 0
        printed = [float(number) for number in capsys.readouterr().out.split()]
        z = endpoints.encode(str(case.path), "mnist-vae")["z"]
        np.testing.assert_allclose(printed, z, atol=2e-6, err_msg=case.path.name)
