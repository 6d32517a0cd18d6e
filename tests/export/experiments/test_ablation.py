from dataclasses import replace

import pytest

from export.config import Config
from export.errors import ConfigError
from export.experiments import ablation
from export.training import record


def test_every_variation_can_be_trained_and_differs():
    config = Config()
    varied = [replace(config, **changes) for changes in ablation.VARIATIONS.values()]
    assert varied[0] == config
    assert len({variation.flags() for variation in varied}) == len(varied)


def test_variations_are_trained_once_and_compared(tmp_path, monkeypatch, capsys):
    chosen = {"the recipe": {}, "smaller": {"hidden_dim": 4, "lr": 1e-3}}
    monkeypatch.setattr(ablation, "VARIATIONS", chosen)
    page = tmp_path / "page.md"
    page.write_text("<!-- ablation --><!-- /ablation -->")
    config = Config(hidden_dim=8, epochs=1, batch_size=5000)
    table = ablation.ablate(config, tmp_path / "runs", page, "cpu", None)
    best, other = (
        record.best_epoch(record.read_history(tmp_path / "runs" / name))["validation"]["loss"]
        for name in ("recipe", "hidden-dim-4-lr-0.001")
    )
    assert f"| {best:.2f} |" in " ".join(table.split())
    assert f"{other - best:+.2f} |" in table
    assert "`--hidden-dim 4 --lr 0.001`" in table
    assert table in page.read_text()
    capsys.readouterr()
    assert ablation.ablate(config, tmp_path / "runs", None, "cpu", None) == table
    assert capsys.readouterr().out.count("is finished") == 2


def test_it_is_of_the_network_of_the_report(tmp_path):
    with pytest.raises(ConfigError, match="of the recipe of --network mlp"):
        ablation.ablate(Config(network="conv"), tmp_path, None, "cpu", None)
    assert not any(tmp_path.iterdir())
