"""The models that the demo shows: the bundled ones, and those of a user's folder.

A group is what the page shows at once: the VAE and the AE of one data set of grey pictures whose
latent space is a plane, and a VAE of more dimensions where there is one. Every other model is shown
by itself. Nothing is loaded before it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from demo.library import beside
from demo.library.lane import Lane
from demo.library.single import Single
from vae_onnx.store.bundled import FOLDER
from vae_onnx.store.datasets import TITLES


class Group(NamedTuple):
    """What the page shows at once: models of one data set."""

    title: str
    vae: Lane  # two dimensions
    ae: Lane  # two dimensions
    wide: Lane | None  # a VAE of more dimensions

    @property
    def lanes(self) -> list[Lane]:
        """All models of the group."""
        return [lane for lane in (self.vae, self.ae, self.wide) if lane is not None]

    @property
    def dataset(self) -> str:
        """What the models were trained on."""
        return self.vae.dataset

    @property
    def best(self) -> Lane:
        """The model whose codes tell images apart best."""
        return self.wide or self.vae


class Library:
    """All models of a running demo.

    Args:
        models: A user's folder of models, shown before the bundled ones.
        device: What to run them on, as `vae_onnx.load` takes it.

    Attributes:
        lanes: The models of groups, and others of their data sets, by the name that the page has
            for each.
        groups: Which of them can be shown at once, by title.
        singles: The models that are shown by themselves, by title.
        titles: Of groups and singles, in the order in which they can be chosen; the page opens with
            the first.

    Raises:
        FileNotFoundError: A file of a model is missing, or the folder holds no model.
        ValueError: The card of a model is damaged.
    """

    def __init__(self, models: Path | None = None, device: str = "auto") -> None:
        bundled = _Shelf.of(FOLDER, device)
        own = _Shelf.of(models, device) if models is not None else _Shelf({}, {}, [])
        mine: list[Lane | Single] = [*own.lanes.values(), *own.singles.values()]
        for one in mine:
            taken = one.name in bundled.lanes or one.name in bundled.singles
            one.name = f"{models.name}/{one.name}" if models and taken else one.name
        self.lanes = {lane.name: lane for lane in (*own.lanes.values(), *bundled.lanes.values())}
        self.groups: dict[str, Group] = {}
        for group in (*own.groups, *bundled.groups):
            title = group.title
            if title in self.groups:  # the user's own of that name came first
                whose = "bundled" if group in bundled.groups else group.vae.name
                title = f"{title}, {whose}"
            self.groups[title] = group._replace(title=title)
        self.singles = {single.name: single for single in own.singles.values()}
        titles = list(self.groups)
        self.titles = [*titles[: len(own.groups)], *self.singles, *titles[len(own.groups) :]]
        for single in bundled.singles.values():
            title = beside.title(single.card, single.name)
            single.title = f"{title}, bundled" if title in self.titles else title
            self.singles[single.title] = single
            self.titles.append(single.title)

    @property
    def first(self) -> Group:
        """The group that is shown first."""
        return next(iter(self.groups.values()))

    @property
    def models(self) -> dict[str, Lane | Single]:
        """Every model, by name."""
        return {**self.lanes, **{single.name: single for single in self.singles.values()}}


class _Shelf(NamedTuple):
    """The models of one folder, by the name of theirs."""

    lanes: dict[str, Lane]
    singles: dict[str, Single]
    groups: list[Group]

    @classmethod
    def of(cls, folder: Path, device: str) -> _Shelf:
        """Look through a folder of models, or one that is a model.

        Raises:
            FileNotFoundError: There is no such folder, no model in it, or a file of one is missing.
            ValueError: The card of a model is damaged.
        """
        if not folder.is_dir():
            raise FileNotFoundError(f"{folder} is no folder")
        folders = [path.parent for path in sorted(folder.glob("*/encoder.onnx"))]
        if (folder / "encoder.onnx").is_file():
            folders.append(folder.resolve())
        if not folders:
            raise FileNotFoundError(
                f"{folder} must hold folders of models, found none; `python -m export all` writes "
                "such to OUT/models, and vae_onnx.torch.export and vae_onnx.adopt write one each"
            )
        lanes, singles = {}, {}
        for path in folders:
            if card := _card_of_single(path):
                singles[path.name] = Single(path.name, path, card, device)
            else:
                lanes[path.name] = Lane(path.name, path, device)
        groups = _groups(lanes.values())
        paired = {group.vae.data for group in groups}
        for name in [name for name, lane in lanes.items() if lane.data not in paired]:
            lane = lanes.pop(name)
            singles[name] = Single(name, lane.folder, lane.card, device)
        return cls(lanes, singles, groups)


def _card_of_single(folder: Path) -> dict[str, Any] | None:
    """The card of a model that can be in no group, whatever lies beside it; None of others.

    Such are those that `vae_onnx.torch.export` or `vae_onnx.adopt` made, those of colours, and
    those whose code is a map.
    """
    try:
        card = json.loads((folder / "card.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(card, dict):
        return None
    shape, config = card.get("image_shape"), card.get("config")
    alone = False
    if isinstance(config, dict) and isinstance(shape, list):
        alone = shape[:1] != [1] or bool(config.get("latent_side"))
    return card if "made_by" in card or alone else None


def _groups(lanes: Iterable[Lane]) -> list[Group]:
    groups = []
    lanes = list(lanes)
    bundled = list(TITLES)
    for data in sorted({lane.data for lane in lanes}, key=lambda data: _order(bundled, data)):
        mine = [lane for lane in lanes if lane.data == data]
        planes = {lane.kind: lane for lane in reversed(mine) if lane.latent_dim == 2}
        wide = [lane for lane in mine if lane.kind == "vae" and lane.latent_dim > 2]
        if {"vae", "ae"} <= planes.keys():
            largest = max(wide, key=lambda lane: lane.latent_dim, default=None)
            groups.append(Group(planes["vae"].title, planes["vae"], planes["ae"], largest))
    return groups


def _order(bundled: list[str], data: tuple[str, str]) -> tuple[int, tuple[str, str]]:
    """The bundled data sets first, the others by name."""
    return bundled.index(data[0]) if data[0] in bundled else len(bundled), data
