"""Collections of picture files: folders of any depth, and the tar files of WebDataset."""

import io
import os
import sys
import tarfile

import numpy as np
import pytest
from PIL import Image

import vae_onnx
from vae_onnx import bulk

from . import results


def png(pixels, form="PNG") -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, form)
    return file.getvalue()


def fill(folder, pictures: dict[str, np.ndarray]) -> None:
    for name, pixels in pictures.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(pixels))


def tar(path, members: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            told = tarfile.TarInfo(name)
            told.size = len(content)
            archive.addfile(told, io.BytesIO(content))


@pytest.fixture
def photos(tmp_path, digits):
    """Ten digits in a folder of folders."""
    names = [f"{at % 3}/{'deep/er/' * (at % 2)}{at:02}.png" for at in range(10)]
    fill(tmp_path / "photos", dict(zip(names, digits, strict=False)))
    return tmp_path / "photos"


def test_a_folder_of_any_depth(photos, digits, embedded):
    found = embedded(photos, rows=4)
    names = found["id"].to_pylist()
    assert names == sorted(names)
    assert sorted(names) == sorted(
        path.relative_to(photos).as_posix() for path in photos.rglob("*.png")
    )
    places = [int(name[-6:-4]) for name in names]
    results.check(found, vae_onnx.load("mnist-vae"), digits[places], names)


def test_one_file_and_a_pattern(photos, digits, embedded):
    model = vae_onnx.load("mnist-ae")
    results.check(embedded(photos / "0" / "00.png", model.folder), model, digits[:1], ["00.png"])
    found = embedded(photos / "**" / "0?.png", model.folder)
    assert len(found) == 10
    found = embedded(photos / "*" / "0?.png", model.folder)
    assert found["id"].to_pylist() == ["0/00.png", "0/06.png", "1/04.png", "2/02.png", "2/08.png"]


def test_the_same_wherever_one_stands(photos, embedded, monkeypatch):
    absolute = embedded(photos)
    monkeypatch.chdir(photos.parent)
    assert embedded("photos").equals(absolute)
    monkeypatch.setenv("HOME", str(photos.parent))
    assert embedded("~/photos").equals(absolute)
    assert embedded(f"file://{photos}").equals(absolute)


def test_what_is_no_picture_is_left_out_and_counted(photos, digits, embedded, capsys):
    for name in ("notes.txt", "more.txt", "labels.csv", "Makefile", ".hidden.txt"):
        (photos / name).write_text("no picture")
    fill(photos, {".thumbnails/0.png": digits[0], ".0.png": digits[0], "_job/1.png": digits[0]})
    fill(photos, {"_DSC0001.png": digits[77]})  # as cameras call their pictures
    found = embedded(photos, progress=True)
    assert len(found) == 11
    assert "_DSC0001.png" in found["id"].to_pylist()
    assert "note: Left out: 2 .txt, 1 Makefile, 1 .csv.\n" in capsys.readouterr().err


def test_other_formats_and_sizes(tmp_path, embedded):
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (3, 40, 50, 3), np.uint8)
    (tmp_path / "x").mkdir()
    for pixels, (name, form) in zip(
        colours, [("a.BMP", "BMP"), ("b.gif", "GIF"), ("c.TIFF", "TIFF")], strict=True
    ):
        (tmp_path / "x" / name).write_bytes(png(pixels, form))
    model = vae_onnx.load("emoji-vae")
    found = embedded(tmp_path / "x", "emoji-vae", fit="crop")
    from vae_onnx.pictures.taking import Taker

    take = Taker(model, fit="crop")
    images = np.stack([take(tmp_path / "x" / name).pixels for name in ("a.BMP", "b.gif", "c.TIFF")])
    results.check(found, model, images, ["a.BMP", "b.gif", "c.TIFF"])
    with pytest.raises(vae_onnx.InputError, match=r"is 50x40 pixels.*--fit crop"):
        bulk.embed(tmp_path / "x", tmp_path / "out", "emoji-vae")


def test_ink_and_paper_are_told_as_encode_tells_them(tmp_path, digits, embedded):
    fill(tmp_path / "x", {"dark.png": 255 - digits[0], "light.png": digits[1]})
    model = vae_onnx.load("mnist-vae")
    ids = ["dark.png", "light.png"]
    out = tmp_path / "noted"
    report = bulk.embed(tmp_path / "x", out, "mnist-vae")
    results.check(results.table(out), model, digits[:2], ids)
    assert list(report.notes.values()) == [1]
    assert "was inverted; --no-invert" in next(iter(report.notes))
    as_it_is = np.stack([255 - digits[0], digits[1]])
    results.check(embedded(tmp_path / "x", invert=False), model, as_it_is, ids)
    results.check(embedded(tmp_path / "x", invert=True), model, 255 - as_it_is, ids)


def test_links(photos, digits, embedded, tmp_path):
    fill(tmp_path / "elsewhere", {"a.png": digits[50]})
    (photos / "linked.png").symlink_to(photos / "0" / "00.png")
    (photos / "elsewhere").symlink_to(tmp_path / "elsewhere")
    (photos / "again").symlink_to(photos)
    (photos / "0" / "to1").symlink_to(photos / "1")
    (photos / "1" / "to0").symlink_to(photos / "0")
    fill(photos, {"0b/x.png": digits[51]})  # whose name begins as that of a link's target does
    (photos / "0b" / "to0").symlink_to(photos / "0")
    names = set(embedded(photos, "mnist-ae")["id"].to_pylist())
    assert {"linked.png", "elsewhere/a.png", "0/to1/04.png", "1/to0/00.png", "0b/to0/00.png"} <= (
        names
    )
    assert not [name for name in names if name.count("to") > 2 or "again/again" in name]
    assert "again/0/00.png" not in names


def test_links_to_nowhere_and_to_themselves_are_errors_of_one(photos):
    (photos / "gone.png").symlink_to(photos / "none.png")
    (photos / "self.png").symlink_to(photos / "self.png")
    (photos / "self").symlink_to(photos / "self")
    out = photos.parent / "out"
    report = bulk.embed(photos, out, "mnist-ae", max_errors=2)
    assert (report.images, report.errors, len(results.table(out))) == (12, 2, 10)
    told = results.errors(out)
    assert "gone.png is missing" in told["gone.png"]
    assert "self.png cannot be read" in told["self.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names in Unicode")
def test_names_in_any_bytes(tmp_path, digits):
    names = ["é ü-ö.png", "数字.png", "new\nline.png", "a\tb.png", "'\".png"]
    odd = [os.fsdecode(name) for name in (b"caf\xe9.png", b"caf\xe8.png")]
    fill(tmp_path / "x", dict(zip([*names, *odd], digits, strict=False)))
    (tmp_path / "x" / os.fsdecode(b"bad\xff.png")).write_bytes(b"no picture")
    report = bulk.embed(tmp_path / "x", tmp_path / "out", "mnist-vae", max_errors=1)
    assert report.errors == 1
    found = results.table(tmp_path / "out")
    named = dict(zip(names, range(5), strict=True)) | {"caf\\udce9.png": 5, "caf\\udce8.png": 6}
    assert set(found["id"].to_pylist()) == set(named)
    order = [named[name] for name in found["id"].to_pylist()]
    results.check(found, vae_onnx.load("mnist-vae"), digits[order], found["id"].to_pylist())
    ((name, reason),) = results.errors(tmp_path / "out").items()
    assert name == "bad\\udcff.png"
    assert "is not a picture that can be taken" in reason
    again = bulk.embed(tmp_path / "x", tmp_path / "out", "mnist-vae", max_errors=1, resume=True)
    assert (again.done, again.errors) == (0, 1)


def test_pictures_that_cannot_be_taken_cost_no_other(photos, digits):
    whole = (photos / "0" / "00.png").read_bytes()
    broken = {
        "truncated.png": whole[:150],
        "empty.png": b"",
        "text.jpg": b"no picture",
        "page.png": b"<!DOCTYPE html><html>",
        "flipped.png": whole[:100] + bytes([whole[100] ^ 255]) + whole[101:],
        "wide.png": png(np.zeros((28, 30), np.uint8)),
    }
    for name, content in broken.items():
        (photos / name).write_bytes(content)
    out = photos.parent / "out"
    report = bulk.embed(photos, out, "mnist-vae", max_errors=len(broken), rows=3)
    assert report.errors == len(broken)
    told = results.errors(out)
    assert set(told) == set(broken)
    assert "is 30x28 pixels, the model takes 28x28" in told["wide.png"]
    assert "the file is empty" in told["empty.png"]
    assert "it is a page of the web" in told["page.png"]
    found = results.table(out)
    places = [int(name[-6:-4]) for name in found["id"].to_pylist()]
    assert len(places) == 10
    results.check(
        found, vae_onnx.load("mnist-vae"), digits[places], sorted(found["id"].to_pylist())
    )


def test_a_tar_file(tmp_path, digits, embedded):
    members = {}
    for at in range(20):
        members |= {
            f"train/{at:03}.cls": str(at % 10).encode(),
            f"train/{at:03}.png": png(digits[at]),
            f"train/{at:03}.json": b"{}",
        }
    tar(tmp_path / "x.tar", members)
    found = embedded(tmp_path / "x.tar", rows=7)
    keys = [f"train/{at:03}" for at in range(20)]
    results.check(found, vae_onnx.load("mnist-vae"), digits[:20], keys)


def test_several_tar_files_with_repeated_keys(tmp_path, digits):
    (tmp_path / "x").mkdir()
    for at in range(3):
        some = digits[10 * at : 10 * at + 10]
        members = {f"{key}.png": png(one) for key, one in enumerate(some)}
        tar(tmp_path / "x" / f"{at:06}.tar", members)
    report = bulk.embed(tmp_path / "x" / "*.tar", tmp_path / "out", "mnist-ae", rows=8)
    assert (report.images, report.duplicates) == (30, 20)
    keys = [str(at) for at in range(10)] * 3
    results.check(results.table(tmp_path / "out"), vae_onnx.load("mnist-ae"), digits[:30], keys)


def test_which_picture_of_a_sample_is_meant(tmp_path, digits, embedded):
    members = {}
    for at in range(3):
        members[f"{at}.left.png"] = png(digits[at])
        members[f"{at}.right.png"] = png(digits[50 + at])
    tar(tmp_path / "x.tar", members)
    with pytest.raises(vae_onnx.InputError, match=r"sample 0 of .* has several pictures.*--column"):
        bulk.embed(tmp_path / "x.tar", tmp_path / "out", "mnist-ae")
    model = vae_onnx.load("mnist-ae")
    ids = ["0", "1", "2"]
    found = embedded(tmp_path / "x.tar", "mnist-ae", column="right.png")
    results.check(found, model, digits[50:53], ids)
    found = embedded(tmp_path / "x.tar", "mnist-ae", column=".LEFT.png")
    results.check(found, model, digits[:3], ids)


def test_samples_that_cannot_be_taken(tmp_path, digits):
    members = {f"{at}.png": png(digits[at]) for at in range(5)}
    members |= {"5.txt": b"alone", "6.png": b"no picture", "._7.png": b"of a Mac", "8.x": b""}
    tar(tmp_path / "x.tar", members)
    report = bulk.embed(tmp_path / "x.tar", tmp_path / "out", "mnist-ae", max_errors=3)
    assert (report.images, report.errors) == (8, 3)
    told = results.errors(tmp_path / "out")
    assert list(told) == ["5", "6", "8"]
    assert told["5"] == told["8"] == "there is no picture with it"
    assert "this picture is not a picture that can be taken" in told["6"]


def ends(path) -> list[int]:
    """Where the members of a tar file begin, and where its end is told."""
    with tarfile.open(path) as archive:
        members = archive.getmembers()
        return [member.offset for member in members] + [archive.offset]


@pytest.mark.parametrize("where", ["in a picture", "in a header", "in the first header"])
def test_a_tar_file_that_is_cut_off(where, tmp_path, digits):
    path = tmp_path / "x.tar"
    tar(path, {f"{at}.png": png(digits[at]) for at in range(5)})
    third = ends(path)[3]
    at = {"in a picture": third + 600, "in a header": third + 100, "in the first header": 100}
    path.write_bytes(path.read_bytes()[: at[where]])
    if where == "in the first header":
        with pytest.raises(vae_onnx.VaeOnnxError):
            bulk.embed(path, tmp_path / "out", "mnist-ae")
        return
    report = bulk.embed(path, tmp_path / "out", "mnist-ae", max_errors=2)
    assert len(results.table(tmp_path / "out")) == 3
    told = results.errors(tmp_path / "out")
    assert report.errors == len(told) >= 1
    assert set(told.values()) == {"the tar file is cut off or damaged here"}
    assert str(path) in told


def test_a_tar_file_that_is_damaged_in_the_middle(tmp_path, digits):
    path = tmp_path / "x.tar"
    tar(path, {f"{at}.png": png(digits[at]) for at in range(5)})
    content = bytearray(path.read_bytes())
    content[ends(path)[2] + 10] ^= 1  # of the name in a header, whose sum is then wrong
    path.write_bytes(content)
    with pytest.raises(vae_onnx.InputError, match="1 images could not be taken, more than 0"):
        bulk.embed(path, tmp_path / "out", "mnist-ae", max_errors=0)
    assert results.errors(tmp_path / "out") == {
        str(path): "the tar file is cut off or damaged here"
    }


def test_a_packed_tar_file_says_what_to_do(tmp_path, digits):
    import gzip

    tar(tmp_path / "x.tar", {"0.png": png(digits[0])})
    (tmp_path / "x.tar.gz").write_bytes(gzip.compress((tmp_path / "x.tar").read_bytes()))
    with pytest.raises(vae_onnx.FileError, match="unpack it with gunzip"):
        bulk.embed(tmp_path / "x.tar.gz", tmp_path / "out", "mnist-ae")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems want names in Unicode")
def test_keys_in_any_bytes(tmp_path, digits, embedded):
    with tarfile.open(tmp_path / "x.tar", "w", encoding="utf-8") as archive:
        for at, name in enumerate(("ü.png", "caf\udce9.png")):
            told = tarfile.TarInfo(name)
            content = png(digits[at])
            told.size = len(content)
            archive.addfile(told, io.BytesIO(content))
    found = embedded(tmp_path / "x.tar", "mnist-ae")
    results.check(found, vae_onnx.load("mnist-ae"), digits[:2], ["ü", "caf\\udce9"])


def test_what_holds_no_images(tmp_path, digits):
    (tmp_path / "empty").mkdir()
    with pytest.raises(vae_onnx.InputError, match="holds no images: no file at all"):
        bulk.embed(tmp_path / "empty", tmp_path / "out", "mnist-ae")
    (tmp_path / "empty" / "a.txt").write_text("")
    with pytest.raises(vae_onnx.InputError, match=r"holds no images: 1 \.txt"):
        bulk.embed(tmp_path / "empty", tmp_path / "out", "mnist-ae")
    with pytest.raises(vae_onnx.FileMissingError, match=r"no file or folder .*none"):
        bulk.embed(tmp_path / "none", tmp_path / "out", "mnist-ae")
    with pytest.raises(vae_onnx.FileMissingError, match="no file or folder"):
        bulk.embed(tmp_path / "*.png", tmp_path / "out", "mnist-ae")
    fill(tmp_path / "mixed", {"0.png": digits[0]})
    np.save(tmp_path / "mixed" / "x.npy", digits)
    with pytest.raises(
        vae_onnx.InputError, match=r"1 of picture files, 1 of \.npy.*'.*mixed/\*\*/\*\.png'"
    ):
        bulk.embed(tmp_path / "mixed", tmp_path / "out", "mnist-ae")
    report = bulk.embed(f"{tmp_path}/mixed/**/*.png", tmp_path / "out", "mnist-ae")
    assert report.images == 1
