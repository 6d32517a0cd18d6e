"""Emoji become a folder to train on, and what is tested with is on one side with all its shades."""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from export.data import emoji
from export.data.emoji import concept, main, part, sort

PACKAGE = "EMOJI_PACKAGE"  # names emoji-datasource-google of npm, packed or not, for the real test

ASTRONAUTS = ("1f9d1-200d-1f680", "1f469-200d-1f680", "1f468-1f3fb-200d-1f680")
KISSES = ("1f48f", "1f48f-1f3fd", "1f9d1-1f3fb-200d-2764-fe0f-200d-1f48b-200d-1f9d1-1f3ff")


@pytest.fixture
def package(tmp_path):
    """A package of three emoji, one of them in two shades, and a bare patch of skin."""

    def entry(code, category, **variations):
        shades = {name: {"image": f"{one}.png"} for name, one in variations.items()}
        return {"image": f"{code}.png", "category": category, "skin_variations": shades}

    index = [
        entry("1f600", "Smileys & Emotion"),
        entry("1f44b", "People & Body", light="1f44b-1f3fb"),
        entry("1f338", "Animals & Nature"),
        entry("1f3fb", "Component"),
    ]
    folder = tmp_path / "package"
    (folder / emoji.PICTURES).mkdir(parents=True)
    (folder / emoji.INDEX).write_text(json.dumps(index))
    for code in ("1f600", "1f44b", "1f44b-1f3fb", "1f338", "1f3fb"):
        (folder / emoji.PICTURES / f"{code}.png").write_bytes(code.encode())
    return folder


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.png"))
    }


def packed(package, path):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(package, "package")
    return path


def test_a_package_is_sorted_by_part_and_category(package, tmp_path):
    counts = sort(package, tmp_path / "out")
    wave = part("1f44b")
    assert files(tmp_path / "out") == {
        f"{part('1f600')}/smileys-and-emotion/1f600.png": b"1f600",
        f"{wave}/people-and-body/1f44b.png": b"1f44b",
        f"{wave}/people-and-body/1f44b-1f3fb.png": b"1f44b-1f3fb",
        "test/animals-and-nature/1f338.png": b"1f338",
    }
    assert (sum(counts.values()), counts["test"]) == (4, 1)


def test_a_packed_package_and_its_own_result_give_the_same(package, tmp_path, capsys):
    sort(package, tmp_path / "a")
    assert (
        main(["--source", str(packed(package, tmp_path / "p.tgz")), "--out", f"{tmp_path}/b"]) == 0
    )
    sort(tmp_path / "a", tmp_path / "c")
    assert files(tmp_path / "a") == files(tmp_path / "b") == files(tmp_path / "c")
    assert capsys.readouterr().out.endswith(" 1 test pictures\n")


@pytest.mark.parametrize("codes", [ASTRONAUTS, KISSES, ("1f46c", "1f46d-1f3fb"), ("1f3fb",)])
def test_skin_and_gender_make_no_other_concept(codes):
    assert len(set(map(concept, codes))) == 1
    assert len(set(map(part, codes))) == 1


def test_one_concept_in_ten_validates():
    parts = [part(f"{code:x}") for code in range(0x1F600, 0x1FA00)]
    kept = [one for one in parts if one != "test"]
    assert 0.07 < kept.count("validation") / len(kept) < 0.13


def test_what_is_there_stays(package, tmp_path, capsys):
    out = tmp_path / "out"
    out.mkdir()
    assert main(["--source", str(package), "--out", str(out)]) == 1
    assert f"error: {out} is there already; remove it" in capsys.readouterr().err


def test_a_source_that_is_missing_or_none_is_refused_and_nothing_written(tmp_path, capsys):
    torn = tmp_path / "torn.tgz"
    torn.write_bytes(b"\x1f\x8b\x08 and no more")
    empty = tmp_path / "empty.tgz"
    with tarfile.open(empty, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("package/README.md"), io.BytesIO())
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "1f600.png").write_bytes(b"")
    for source, said in (
        (tmp_path / "nowhere", "is missing; `make emoji` fetches it"),
        (torn, "cannot be unpacked"),
        (empty, "must be the package emoji-datasource-google of npm"),
        (tmp_path / "loose", "or a folder of CATEGORY/CODE.png"),
    ):
        assert main(["--source", str(source), "--out", str(tmp_path / "out")]) == 1
        assert said in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.glob(".out-*"))


def test_a_package_cut_off_half_way_leaves_nothing(package, tmp_path, capsys):
    whole = packed(package, tmp_path / "p.tgz").read_bytes()
    (tmp_path / "p.tgz").write_bytes(whole[: len(whole) // 2])
    assert main(["--source", str(tmp_path / "p.tgz"), "--out", str(tmp_path / "out")]) == 1
    assert "remove it and fetch it again" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def emoji_of_developers():
    folder = Path(os.environ.get("VAE_ONNX_DATA") or "data") / "emoji"
    return folder if (folder / "train").is_dir() and (folder / "test").is_dir() else None


@pytest.mark.skipif(
    emoji_of_developers() is None, reason="no emoji in $VAE_ONNX_DATA; `make emoji`"
)
def test_the_emoji_there_are_divided_as_they_are(tmp_path):
    folder = emoji_of_developers()
    assert sort(folder, tmp_path / "out") == {"train": 2986, "validation": 371, "test": 424}
    assert files(tmp_path / "out" / "test") == files(folder / "test")
    if os.environ.get(PACKAGE):
        sort(Path(os.environ[PACKAGE]), tmp_path / "package")
        assert files(tmp_path / "package") == files(tmp_path / "out")
