import shutil

import numpy as np
import pytest
from matplotlib.image import imread

from export.config import Config
from export.data.datasets import Split
from export.errors import ConfigError
from export.networks import building
from export.networks.autoencoder import codes
from export.report import figures
from export.training import record, run


@pytest.fixture(scope="module")
def drawn(tiny_run, data_dir, tmp_path_factory):
    out = tmp_path_factory.mktemp("drawn") / "figures"
    figures.write(tiny_run("vae"), tiny_run("ae"), out, data_dir)
    return out


@pytest.mark.parametrize(
    "name",
    [
        "AE_latent_space_2d",
        "AE_training_curves",
        "VAE_latent_space_2d",
        "VAE_training_curves",
        "VAE_prior_samples",
        "VAE_latent_grid",
        "VAE_interpolation",
        "reconstructions",
        "reconstructions_of_training",
    ],
)
def test_every_figure_is_a_picture_with_something_in_it(drawn, name):
    picture = imread(drawn / f"{name}.png")[..., :3]
    height, width = picture.shape[:2]
    assert 400 < height < 2000
    assert 800 < width < 2000
    ink = (picture < 0.95).any(axis=2)
    assert 0.005 < ink.mean() < 0.95
    # tight: the paper around the drawing is narrow
    rows, columns = (np.flatnonzero(ink.any(axis=axis)) for axis in (1, 0))
    assert max(rows[0], height - rows[-1], columns[0], width - columns[-1]) < 60


def test_nothing_else_is_left(drawn):
    assert len(list(drawn.iterdir())) == 9


def test_the_latent_space_shows_every_test_image_and_every_class(tiny_run, data_dir, test_split):
    model, _ = figures.load_model(tiny_run("vae"))
    (axes,) = figures.latent_space(model, test_split).axes
    assert len(axes.collections[0].get_offsets()) == 10_000
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [*test_split.class_names]


def test_of_more_dimensions_the_plane_is_that_of_the_principal_directions(test_split):
    model = building.build(Config(hidden_dim=8, latent_dim=5))
    few = Split(test_split.pixels[:200], test_split.labels[:200], test_split.class_names)
    (axes,) = figures.latent_space(model, few).axes
    shown = np.sort(np.asarray(axes.collections[0].get_offsets()).var(axis=0))
    spread = np.linalg.eigvalsh(np.cov(codes(model, few.x).numpy().T, bias=True))
    np.testing.assert_allclose(shown, spread[-2:], rtol=1e-3)
    assert axes.get_xlabel() == "first principal direction"


def test_the_four_panels_of_the_vae(tiny_run):
    history = record.read_history(tiny_run("vae"))
    panels = figures.training_curves(Config(), history).axes
    assert len(panels) == 4
    assert all(panel.get_ylabel() == "nats per image" for panel in panels)
    for panel, name in zip(panels, ("loss", "recon", "kld"), strict=False):
        training, validation = (line.get_ydata() for line in panel.get_lines()[:2])
        assert list(training) == [entry["train"][name] for entry in history]
        assert list(validation) == [entry["validation"][name] for entry in history]


def test_one_epoch_can_be_drawn(tiny_run):
    history = record.read_history(tiny_run("vae"))[:1]
    assert len(figures.training_curves(Config(), history).axes) == 4


def test_figures_of_a_plane_are_left_out_where_there_is_none(
    tmp_path, images, tiny_run, data_dir, capsys
):
    config = Config(hidden_dim=8, latent_dim=3, epochs=1)
    run.train(config, *images, tmp_path / "vae")
    figures.write(tmp_path / "vae", tiny_run("ae"), tmp_path / "figures", data_dir)
    written = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"AE_latent_space_2d.png", "VAE_latent_space_2d.png"} <= written
    assert "VAE_latent_grid.png" not in written
    assert "VAE_latent_grid.png left out: it shows two latent dim" in capsys.readouterr().out


def test_runs_in_the_wrong_order_or_of_two_data_sets(tmp_path, images, tiny_run, data_dir):
    with pytest.raises(ConfigError, match="takes the run of a vae, then that of an ae"):
        figures.write(tiny_run("ae"), tiny_run("vae"), tmp_path, data_dir)
    run.train(Config("mnist", hidden_dim=8, epochs=1), *images, tmp_path / "mnist")
    with pytest.raises(ConfigError, match="must be of one data set"):
        figures.write(tmp_path / "mnist", tiny_run("ae"), tmp_path / "figures", data_dir)
    assert not (tmp_path / "figures").exists()


def test_a_run_without_history(tmp_path, tiny_run, data_dir):
    shutil.copytree(tiny_run("vae"), tmp_path / "vae")
    (tmp_path / "vae" / record.HISTORY).unlink()
    with pytest.raises(FileNotFoundError, match=r"history.jsonl is missing; `python -m export"):
        figures.write(tmp_path / "vae", tiny_run("ae"), tmp_path / "figures", data_dir)
