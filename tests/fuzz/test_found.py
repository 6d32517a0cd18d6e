"""What fuzzing found, and what else a file may try."""

import gzip
import io
import json
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import vae_onnx
from vae_onnx import read_picture
from vae_onnx.bulk import shards
from vae_onnx.bulk.neighbours.collection import Collection
from vae_onnx.bulk.sources.arrays import StreamedPart
from vae_onnx.bulk.sources.opening import Wanted, open_source
from vae_onnx.errors import FileError, FileMissingError, GraphError, InputError
from vae_onnx.pictures.drawing import picture_to_x
from vae_onnx.store import array_files

from . import targets

WANTED = Wanted(raw_bytes=16)
HUGE = (2**32 - 1,)
GRAPHS = Path(__file__).parents[1] / "runtime" / "graphs"


def seven(side: int) -> np.ndarray:
    """Dark on light, (side, side)."""
    grey = np.full((side, side), 255, np.uint8)
    grey[side // 6 : side // 4, side // 5 : side * 3 // 4] = 0
    grey[side // 6 : side * 5 // 6, side * 3 // 5 : side * 3 // 4] = 0
    return grey


def idx(*shape: int, content: bytes = b"") -> bytes:
    return b"\0\0\x08" + bytes([len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + content


def gzipped(content):
    """By gzip, the same at any time: the names of tests hold it, on which processes must agree."""
    return gzip.compress(content, mtime=0)


def npy(header: str, content: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text + content


def npz(member: bytes, **options: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", **options) as archive:
        archive.writestr("images.npy", member)
    return out.getvalue()


GOOD = npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 4, 4)}", bytes(16))


def arrow(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table)
    return out.getvalue()


def read(path) -> None:
    source = open_source(str(path), WANTED)
    for _ in source.read(0, len(source), 4):
        pass


@pytest.mark.parametrize(
    ("name", "content", "error", "told"),
    [
        ("a-idx3-ubyte", idx(2**32 - 1, 0, 0), InputError, "images without a pixel"),
        ("a-idx3-ubyte.gz", gzipped(idx(2**25, 0, 2)), InputError, "images without a pixel"),
        ("a-idx3-ubyte", idx(*HUGE * 9, 0), FileError, "the shape of an array"),
        ("a-idx3-ubyte", idx(*(1,) * 99, content=b"1"), FileError, "the shape of an array"),
        ("a.npz", npz(npy("{'descr': '|u1', 'shape': (02,)}")), FileError, "numpy's format"),
        ("a.npz", npz(npy("{'descr': '|u1', 'shape': (2,")), FileError, "numpy's format"),
        ("a.npz", npz(GOOD).replace(b"PK\1\2\x14\3\x14\0\0", b"PK\1\2\x14\3\xd0\0\0"), FileError,
         "not a complete .npz file"),
        ("a.npz", npz(GOOD).replace(b"\x14\3\x14\0\0\0", b"\x14\3\x14\0\1\0"), FileError,
         "damaged or cut off.*password"),
        ("a.arrow", arrow(pa.table({"image": [b"12"]})).replace(b"image", b"\xb5mage"), FileError,
         "not a complete Arrow file"),
    ],
)  # fmt: skip
def test_files_that_are_refused(name, content, error, told, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=told):
        read(tmp_path / name)


def test_a_small_png_that_says_it_is_huge():
    """Of rows that are not there Pillow makes black ones: seconds, and gigabytes."""
    image = Image.new("L", (24, 24), 7)
    image.save(out := io.BytesIO(), "PNG")
    assert read_picture(out.getvalue()).pixels.shape == (24, 24)
    content = bytearray(out.getvalue())
    content[20:24] = struct.pack(">I", 3_000_000)  # its height
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    with pytest.raises(FileError, match="fewer pixels than it says"):
        read_picture(bytes(content))


def test_a_tall_picture_is_made_smaller_before_a_digit_is_looked_for():
    """24 pixels by 3 million were 8 GB on their way."""
    assert picture_to_x(seven(5000), dark=True).x.shape == (1, 1, 28, 28)
    tall = np.full((3_000_000, 24), 255, np.uint8)
    tall[1_000_000:2_000_000, 6:18] = 0
    tracemalloc.start()
    try:
        picture_to_x(tall)
        assert tracemalloc.get_traced_memory()[1] < 2**29
    finally:
        tracemalloc.stop()


def test_a_large_drawing_is_the_digit_that_it_was():
    small, large = (picture_to_x(seven(side)).x for side in (1000, 5000))
    assert np.abs(small - large).mean() < 0.01


@pytest.mark.parametrize("damage", ["name", "type"])
def test_graphs_with_damaged_names_and_types_are_not_adopted(damage, tmp_path):
    content = bytearray((GRAPHS / "vae" / "encoder.onnx").read_bytes())
    if damage == "name":
        at = content.index(b"encoder")
        content[at] = 0xC5
    else:
        at = content.rindex(b"\x08\x01\x12", 0, content.rindex(b"log_var") + 20)
        content[at + 1] = 29
    (tmp_path / "encoder.onnx").write_bytes(content)
    decoder = GRAPHS / "vae" / "decoder.onnx"
    pictures = np.zeros((4, 2, 2), np.uint8)
    with pytest.raises(GraphError, match="no sound ONNX graph"):
        vae_onnx.adopt(tmp_path / "out", tmp_path / "encoder.onnx", decoder, pictures)


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_a_graph_that_gives_other_rows_than_it_was_given(rows, tmp_path):
    text = """<ir_version: 8, opset_import: ["" : 17]>
    decoder (float[N, 1, H, W] z) => (float[N, 1, H, W] x_recon) {
        x_recon = Concat <axis = 0> (z, z)
    }"""
    onnx.save(onnx.parser.parse_model(text), tmp_path / "decoder.onnx")
    with pytest.raises(GraphError, match=r"must give \d+ rows of x_recon.*got shape"):
        vae_onnx.Decoder(tmp_path / "decoder.onnx").decode(np.zeros((rows, 1, 2, 2)))


def test_what_they_were_made_of_is_taken(tmp_path):
    for name, content in (
        ("a.npz", npz(GOOD)),
        ("a-idx3-ubyte", idx(2, 2, 2, content=bytes(8))),
        ("a.arrow", arrow(pa.table({"image": [bytes(16)]}))),
    ):
        (tmp_path / name).write_bytes(content)
        read(tmp_path / name)


def test_offsets_outside_of_an_arrow_file(tmp_path):
    content = arrow(pa.table({"image": [bytes(7), bytes(9)]}))
    bounds = struct.pack("<3i", 0, 7, 16)
    assert content.count(bounds) == 1
    (tmp_path / "a.arrow").write_bytes(content.replace(bounds, struct.pack("<3i", 0, 7, 2**30)))
    with pytest.raises(FileError, match=r"not a complete Arrow file.*[Oo]ffset"):
        read(tmp_path / "a.arrow")


@pytest.mark.parametrize("packed", ["npz", "gz"])
def test_a_header_costs_no_memory(packed, tmp_path):
    shape = (2, 2**20, 2**20)
    if packed == "npz":
        path = tmp_path / "a.npz"
        path.write_bytes(npz(npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}")))
        part = StreamedPart.of_npz(path, None)
    else:
        path = tmp_path / "a-idx3-ubyte.gz"
        path.write_bytes(gzipped(idx(*shape, content=bytes(64))))
        part = StreamedPart.of_idx(path)
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match="cut off"):
            list(part.read(0, 2, 1))
        if packed == "gz":
            with pytest.raises(FileError, match="not a complete IDX file"):
                array_files.read_idx(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("about", [b"{", b"[" * 10**5, b"7"])
def test_parquet_that_tells_of_its_model_in_no_json(about, tmp_path):
    table = pa.table({"mu": [[0.5, 1.0]], "image": [bytes(16)]})
    pq.write_table(table.replace_schema_metadata({shards.KEY: about}), tmp_path / "a.parquet")
    with pytest.raises(FileError, match="JSON"):
        Collection(tmp_path / "a.parquet")
    with pytest.raises(FileError, match="JSON"):
        open_source(str(tmp_path / "a.parquet"), Wanted("image", raw_bytes=16))


def saved(folder, state: str):
    folder.mkdir()
    (folder / "data.arrow").write_bytes(arrow(pa.table({"image": [bytes(16)]})))
    (folder / "state.json").write_text(state)
    return folder


@pytest.mark.parametrize("state", ["{", "7", '{"_data_files": 7}', '{"_data_files": [{}]}'])
def test_a_list_of_files_that_is_none(state, tmp_path):
    with pytest.raises(FileError, match=r"state.json must tell of its files"):
        read(saved(tmp_path / "saved", state))


def test_state_json_of_another_program(tmp_path):
    read(saved(tmp_path / "saved", '{"epoch": 3}'))
    (tmp_path / "saved" / "below").mkdir()
    (tmp_path / "saved" / "below" / "state.json").write_text("of somebody else")
    read(tmp_path / "saved")


def test_a_list_names_files_beside_it_alone(tmp_path):
    (tmp_path / "secret.arrow").write_bytes(arrow(pa.table({"image": [bytes(16)]})))
    state = json.dumps({"_data_files": [{"filename": "../secret.arrow"}]})
    with pytest.raises(FileMissingError, match=r"saved/secret.arrow is missing"):
        read(saved(tmp_path / "saved", state))


def tarred(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def test_a_member_that_no_disk_could_hold_costs_no_other(tmp_path):
    content = bytearray(tarred(("a.png", b"1"), ("b.png", b"2")))
    head = slice(1024, 1536)  # of the second
    changed = bytearray(content[head])
    changed[124:136] = b"\x80" + (2**86).to_bytes(11, "big")
    changed[148:156] = b" " * 8
    changed[148:156] = b"%06o\0 " % sum(changed)
    content[head] = changed
    (tmp_path / "a.tar").write_bytes(content)
    source = open_source(str(tmp_path / "a.tar"), WANTED)
    items = [item for block in source.read(0, len(source), 4) for item in block.items]
    assert items[0] == b"1"
    assert "cut off or damaged" in items[-1].reason


def test_nothing_is_unpacked(tmp_path):
    """Members whose names lead out of the folder are read where they lie, and written nowhere."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "a.tar").write_bytes(tarred(("../out.png", b"1"), ("/tmp/vae-onnx-out.png", b"2")))
    source = open_source(str(folder / "a.tar"), WANTED)
    assert [len(block.items) for block in source.read(0, len(source), 4)] == [2]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("../out.npy", GOOD)
    (folder / "a.npz").write_bytes(out.getvalue())
    read(folder / "a.npz")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.npz", "a.tar", "here"]


def test_every_reader_has_its_share_of_a_million() -> None:
    names = [*targets.names(), *targets.names("protocol")]
    assert sum(map(targets.inputs, names)) >= 1_000_000
    assert min(map(targets.inputs, names)) >= 1000
