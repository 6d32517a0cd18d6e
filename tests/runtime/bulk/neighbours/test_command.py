"""`vae-onnx nearest`: what is typed, what is printed, what is refused."""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vae_onnx
from vae_onnx.__main__ import main
from vae_onnx.bulk.neighbours import nearest


@pytest.fixture
def digits(write, about, images, tmp_path, monkeypatch):
    """A folder with 100 digits in `pictures`, their codes in `codes`; it is the current one."""
    (tmp_path / "pictures").mkdir()
    names = [f"{row}.png" for row in range(100)]
    for name, picture in zip(names, images["mnist"], strict=True):
        Image.fromarray(picture).save(tmp_path / "pictures" / name)
    codes = vae_onnx.load("mnist-vae").encode(images["mnist"])
    write(tmp_path / "codes", codes, names, rows=40, about=about("mnist-vae"))
    monkeypatch.chdir(tmp_path)
    return codes


@pytest.fixture
def failing(capsys):
    """Run a command line that must fail; return what it says."""

    def run(*arguments):
        assert main(["nearest", *arguments]) == 1
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err.splitlines()[-1]

    return run


def rows_of(text):
    return list(csv.DictReader(text.splitlines(), delimiter="\t"))


def test_pictures_find_themselves_and_others(digits, capsys):
    assert main(["nearest", "codes", "pictures/3.png", "pictures/77.png", "-k", "4"]) == 0
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    assert captured.err == ""
    assert list(rows[0]) == ["query", "rank", "id", "distance"]
    assert [row["query"] for row in rows] == ["pictures/3.png"] * 4 + ["pictures/77.png"] * 4
    assert [row["rank"] for row in rows] == [*"1234"] * 2
    found = nearest("codes", digits[[3, 77]], 4)
    assert [row["id"] for row in rows] == found.ids.ravel().tolist()
    assert rows[0] == {"query": "pictures/3.png", "rank": "1", "id": "3.png", "distance": "0"}
    expected = [f"{distance:.6g}" for distance in found.distances.ravel()]
    assert [row["distance"] for row in rows] == expected


def test_an_array_of_pictures(digits, images, capsys):
    np.save("some.npy", images["mnist"][[5, 50]])
    assert main(["nearest", "codes", "some.npy", "-k", "1"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [(row["query"], row["id"]) for row in rows] == [("0", "5.png"), ("1", "50.png")]


def test_a_row_of_the_collection(digits, capsys):
    assert main(["nearest", "codes", "--id", "3.png", "--id", "9.png", "-k", "2"]) == 0
    captured = capsys.readouterr()
    rows = rows_of(captured.out)
    found = nearest("codes", digits[[3, 9]], 3)
    assert [row["id"] for row in rows] == found.ids[:, 1:].ravel().tolist()
    assert {row["query"] for row in rows} == {"3.png", "9.png"}
    assert captured.err == ""


def test_a_metric(digits, capsys):
    assert main(["nearest", "codes", "--id", "3.png", "-k", "5", "--metric", "cosine"]) == 0
    rows = rows_of(capsys.readouterr().out)
    found = nearest("codes", digits[3], 6, "cosine")
    assert [row["id"] for row in rows] == found.ids[0, 1:].tolist()


def test_drawings_are_brought_to_size(digits, images, capsys):
    """Dark ink on light paper, large."""
    picture = Image.fromarray(255 - images["mnist"][0]).resize((280, 280))
    picture.save("large.png")
    assert main(["nearest", "codes", "large.png", "--drawing", "-k", "3"]) == 0
    drawn = rows_of(capsys.readouterr().out)
    assert main(["nearest", "codes", "large.png", "--fit", "crop", "-k", "3"]) == 0
    captured = capsys.readouterr()
    assert rows_of(captured.out)[0]["id"] == "0.png"
    assert "dark on light" in captured.err
    assert len(drawn) == 3


def test_tables_in_files(digits, capsys):
    command = ["nearest", "codes", "--id", "3.png", "-k", "2", "-o"]
    assert main([*command, "out.csv"]) == 0
    assert main([*command, "out.parquet"]) == 0
    assert capsys.readouterr().out == ""
    found = nearest("codes", digits[3], 3)
    frame = pd.read_parquet("out.parquet")
    assert frame["id"].tolist() == found.ids[0, 1:].tolist()
    assert frame["distance"].tolist() == found.distances[0, 1:].tolist()
    assert frame["rank"].tolist() == [1, 2]
    written = pd.read_csv("out.csv")
    assert written["id"].tolist() == frame["id"].tolist()
    np.testing.assert_allclose(written["distance"], frame["distance"], rtol=1e-5)


def test_ids_keep_their_type_in_parquet(write, vectors, tmp_path):
    folder, out = write(tmp_path / "codes", vectors), tmp_path / "out.parquet"
    assert main(["nearest", str(folder), "--id", "3", "-o", str(out)]) == 0
    assert str(pq.read_schema(out).field("id").type) == "int64"


def test_an_index_finds_the_same_and_says_what_it_does(digits, capsys):
    command = ["nearest", "codes", "--id", "3.png", "-k", "5"]
    assert main(command) == 0
    exact = capsys.readouterr().out
    assert main([*command, "--index", "--threads", "1"]) == 0
    captured = capsys.readouterr()
    assert captured.out == exact
    assert "10 lists" in captured.err
    assert main([*command, "--index"]) == 0
    assert capsys.readouterr() == (exact, "")


def test_stdout_holds_the_table_alone(digits):
    """Whatever a library may print from below Python."""
    command = [sys.executable, "-m", "vae_onnx", "nearest", "codes", "--id", "3.png", "--index"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("query\trank\tid\tdistance\n3.png\t1\t")
    assert done.stdout.count("\n") == 11
    assert all(line.startswith("index: ") for line in done.stderr.splitlines())


def test_k_above_the_size(digits, capsys):
    assert main(["nearest", "codes", "--id", "3.png", "-k", "100"]) == 0
    captured = capsys.readouterr()
    assert len(rows_of(captured.out)) == 99
    assert captured.err == (
        "vae-onnx: note: -k 100 is more than the collection has: it gives all 99\n"
    )
    assert main(["nearest", "codes", "pictures/3.png", "-k", "101"]) == 0
    assert "gives all 100" in capsys.readouterr().err


def test_missing_rows_are_told(digits, capsys):
    Path("codes/part-00001.parquet").unlink()
    assert main(["nearest", "codes", "--id", "3.png", "-k", "1"]) == 0
    assert "note: no file tells of rows 40 to 79" in capsys.readouterr().err


def test_another_model_is_refused(digits, failing, capsys):
    told = failing("codes", "pictures/3.png", "--model", "mnist-ae")
    assert "codes was embedded with another model than" in told
    assert "expected sha256 " in told
    assert ", got " in told
    assert "--model PATH" in told


def test_the_model_may_have_moved(digits, write, about, failing, capsys):
    shutil.copytree(vae_onnx.load("mnist-vae").folder, "moved")
    told = about("mnist-vae")
    write(Path("old"), digits, about={**told, "model": "models/old"})
    message = failing("old", "pictures/3.png")
    assert "old is of a model that is not here" in message
    assert "--model PATH" in message
    assert main(["nearest", "old", "pictures/3.png", "-k", "1", "--model", "moved"]) == 0
    assert rows_of(capsys.readouterr().out)[0]["id"] == "3"


def test_the_reference_is_where_the_model_was(digits, write, about, capsys):
    shutil.copytree(vae_onnx.load("mnist-vae").folder, "mine")
    told = about("mnist-vae", reference="mine")
    write(Path("own"), digits, about={**told, "model": "a name that is no place"})
    assert main(["nearest", "own", "pictures/3.png", "-k", "1"]) == 0
    assert rows_of(capsys.readouterr().out)[0]["id"] == "3"


def test_pictures_are_prepared_as_those_of_the_collection(digits, images, write, about, capsys):
    """Cut or scaled alike, unless another way is typed."""
    Image.fromarray(np.pad(images["mnist"][3], ((0, 0), (14, 14)))).save("wide.png")
    write(Path("cut"), digits, about=about("mnist-vae", embed={"fit": "crop", "invert": False}))
    assert main(["nearest", "cut", "wide.png", "-k", "1"]) == 0
    row = rows_of(capsys.readouterr().out)[0]
    assert (row["id"], row["distance"]) == ("3", "0")
    assert main(["nearest", "cut", "wide.png", "-k", "1", "--fit", "pad"]) == 0
    assert rows_of(capsys.readouterr().out)[0]["distance"] != "0"


def test_somebody_elses_collection(digits, vectors, failing, capsys):
    frame = pd.DataFrame({"embedding": list(digits), "name": [f"n{row}" for row in range(100)]})
    frame.to_parquet("theirs.parquet")
    assert "does not tell which model" in failing("theirs.parquet", "pictures/3.png")
    named = ["theirs.parquet", "--id-column", "name", "--column", "embedding", "-k", "1"]
    assert main(["nearest", *named, "pictures/3.png", "--model", "mnist-vae"]) == 0
    captured = capsys.readouterr()
    assert rows_of(captured.out)[0]["id"] == "n3"
    assert "lists no sha256 of encoder.onnx" in captured.err
    assert main(["nearest", *named, "--id", "n3"]) == 0
    assert rows_of(capsys.readouterr().out)[0]["query"] == "n3"
    told = failing(*named, "pictures/3.png", "--model", "mnist-vae-16d")
    assert "codes of these pictures have 16 numbers" in told


def test_what_cannot_be_typed(digits, failing):
    assert "--id, not both at once" in failing("codes", "pictures/3.png", "--id", "3.png")
    assert "-k must be at least 1, got 0" in failing("codes", "--id", "3.png", "-k", "0")
    assert "must be at least 1, got 0" in failing(
        "codes", "--id", "3.png", "--index", "--threads", "0"
    )
    assert "no row with the id 'x.png'" in failing("codes", "--id", "x.png")
    assert ".csv or .parquet or .png" in failing("codes", "--id", "3.png", "-o", "x.txt")
    assert "elsewhere is missing" in failing("elsewhere", "--id", "3.png")


def test_pictures_or_ids_are_required(digits, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["nearest", "codes"])
    assert "required: PICTURE" in capsys.readouterr().err


def test_options_may_stand_anywhere(digits, capsys):
    assert main(["nearest", "-k", "1", "codes", "--fit", "crop", "pictures/3.png"]) == 0
    assert rows_of(capsys.readouterr().out)[0]["id"] == "3.png"


def test_only_codes_are_compared_with_pictures(digits, write, about, failing, tmp_path):
    write(tmp_path / "spread", digits, column="log_var", about=about("mnist-vae"))
    assert "--id looks for rows by any column" in failing("spread", "pictures/3.png")
    assert main(["nearest", "spread", "--id", "3"]) == 0


def test_a_sheet_shows_the_query_and_its_nearest(digits, images, capsys):
    command = ["nearest", "codes", "--id", "3.png", "--id", "8.png", "-k", "4", "-o", "sheet.png"]
    assert main([*command, "--pictures", "pictures"]) == 0
    sheet = np.asarray(Image.open("sheet.png").convert("L"))
    found = nearest("codes", digits[[3, 8]], 5)
    shown = [images["mnist"][row].repeat(4, 0).repeat(4, 1) for row in found.positions[0]]
    top = 12 + (128 - 112) // 2
    lefts = [12 + 8, *(32 + place * 140 + 8 for place in range(1, 5))]
    for left, picture in zip(lefts, shown, strict=True):
        np.testing.assert_array_equal(sheet[top : top + 112, left : left + 112], picture)


def test_a_sheet_of_an_array(digits, images):
    np.save("some.npy", images["mnist"][5:6])
    command = ["nearest", "codes", "some.npy", "-k", "2", "-o", "sheet.png"]
    assert main([*command, "--pictures", "pictures"]) == 0
    sheet = np.asarray(Image.open("sheet.png").convert("L"))
    picture = images["mnist"][5].repeat(4, 0).repeat(4, 1)
    np.testing.assert_array_equal(sheet[20:132, 20:132], picture)
    np.testing.assert_array_equal(sheet[20:132, 180:292], picture)  # which it finds first


def test_a_sheet_needs_the_pictures(digits, failing):
    told = failing("codes", "--id", "3.png", "-o", "sheet.png")
    assert "3.png is missing; --pictures FOLDER says where" in told
    told = failing("codes", "pictures/3.png", "-o", "sheet.png", "--pictures", "codes")
    assert "codes/3.png is missing; --pictures FOLDER" in told.replace("\\", "/")
    assert not Path("sheet.png").exists()


def test_a_sheet_of_large_pictures(write, tmp_path, monkeypatch):
    """Of any proportions, in colour and grey."""
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (600, 200), (200, 30, 30)).save("wide.png")
    Image.new("L", (20, 300), 90).save("high.png")
    write(tmp_path / "codes", [[0.0], [1.0]], ["wide.png", "high.png"])
    assert main(["nearest", "codes", "--id", "wide.png", "-o", "sheet.png"]) == 0
    sheet = np.asarray(Image.open("sheet.png"))
    assert sheet[12 + 64, 12 + 64].tolist() == [200, 30, 30]
    assert sheet[12 + 10, 12 + 64].tolist() == [255, 255, 255]
    assert sheet[12 + 10, 32 + 140 + 64].tolist() == [90, 90, 90]


def test_too_many_pictures_for_a_sheet(write, tmp_path, failing):
    folder = write(tmp_path / "codes", np.zeros((10_001, 1), np.float32))
    told = failing(str(folder), "--id", "3", "-k", "10000", "-o", str(tmp_path / "sheet.png"))
    assert "a sheet may show 10,000 pictures, got 1 rows of 10001" in told


def test_without_pyarrow():
    code = """
import sys
sys.modules["pyarrow"] = None
from vae_onnx.__main__ import main
sys.exit(main(["nearest", "codes", "--id", "3.png"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'vae-onnx[bulk]'" in done.stderr
    assert "Traceback" not in done.stderr
