import pytest
import torch
from torch.utils.data import DataLoader, Subset

from export.config import Config
from export.experiments import speedrun
from export.experiments.speedrun import Result
from export.networks.building import build
from export.recipes import MLP_RECIPES
from export.training.objective import Objective


def test_a_speedrun_times_both_and_scores_ours(monkeypatch, capsys, data_dir):
    small = {"epochs": 2, "hidden_dim": 4, "batch_size": 5000, "train_on": "all"}
    monkeypatch.setitem(MLP_RECIPES, "speed", {**MLP_RECIPES["speed"], **small})
    real = speedrun.report_loader(data_dir)
    assert len(real.dataset) == 50_000
    some = DataLoader(Subset(real.dataset, range(256)), batch_size=128)
    monkeypatch.setattr(speedrun, "report_loader", lambda data_dir: some)
    results = speedrun.speedrun([3, 4], data_dir)
    assert [result.seed for result in results] == [3, 4]
    assert results[0].total != results[1].total
    for result in results:
        assert 261.1 < result.total < 600
    printed = capsys.readouterr().out
    assert f" {results[0].total:.2f} |" in printed
    assert "0 of 2 reach the report's 261.10 nats on the test set" in printed


def test_the_table_counts_who_reached_the_report():
    results = [Result(0, 20.0, 261.10, 6.0), Result(1, 30.0, 261.11, 6.0), Result(2, 10.0, 99, 6.0)]
    page = speedrun.table(results)
    assert "2 of 3 reach" in page
    assert "in 1/15.0 of its time" in page
    assert "300 s" in page


def test_the_reports_loop_is_a_real_training(monkeypatch, data_dir):
    models = []
    monkeypatch.setattr(speedrun, "build", lambda config: models.append(build(config)) or models[0])
    loader = speedrun.report_loader(data_dir)
    some = Subset(loader.dataset, range(1280))
    speedrun.report_epoch(DataLoader(some, batch_size=128))
    config = Config(**MLP_RECIPES["report"])
    x = torch.stack([image.flatten() for image, _ in some])
    before, after = (
        Objective(model, config)(x, x, torch.zeros(1, len(x), 2))[0].item()
        for model in (build(config), models[0])
    )
    assert after < before - 100


@pytest.mark.parametrize("moves", [0, 1])
def test_the_floor_counts_products(monkeypatch, moves):
    monkeypatch.setattr(speedrun, "SIDE", 64)
    monkeypatch.setattr(speedrun, "seconds", lambda call: 1.0)
    products = 9 if moves else 5
    floor = speedrun.matmul_seconds(1000, Config(moves=moves))
    assert floor == pytest.approx(products * 1000 * 784 * 400 / 64**3)
