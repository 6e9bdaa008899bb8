"""MATLAB files: what SciPy and MATLAB write is read as SciPy reads it; damaged files are refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

from cshml_tf.data.mat_file import MAX_BYTES, read_variables
from cshml_tf.data.mat_lists import read_name_pairs, read_names_and_ids


def column(values):
    cells = np.empty((len(values), 1), object)
    cells[:, 0] = values
    return cells


VALUES = {
    "cells": column(["1_cam1_1.jpg", "2.jpg", "x" * 300]),
    "row": column(["1.jpg", "2.jpg"]).T,
    "characters": np.array(["short.jpg", "longer_name.jpg"]),
    "one_name": "name.jpg",
    "beyond_ascii": column(["Zoë.jpg", "日本.png", "a😀.jpg"]),
    "characters_beyond_ascii": np.array(["Zoë", "日本"]),
    "nested": column([column(["a", "b"]), column(["c"])]),
    "numbers_in_cells": column([1, 2.5, np.int8(3)]),
    "empty_cells": column([]),
    "cells_of_nothing": column(["a", "", np.zeros((0, 0))]),
    "empty_text": "",
    "doubles": np.arange(7.0)[:, None],
    "vector": np.arange(7.0),
    "singles": np.arange(6, dtype=np.float32).reshape(2, 3),
    "bools": np.array([True, False]),
    "three_sides": np.arange(24).reshape(2, 3, 4),
    **{f"{kind}{size}": np.arange(5).astype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)},
}


def assert_same(ours, theirs):
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype
    if ours.dtype == object:
        for one, other in zip(ours.ravel(), theirs.ravel(), strict=True):
            assert_same(one, other)
    else:
        assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("oned_as", ["row", "column"])
def test_values_are_those_of_scipy(tmp_path, compressed, oned_as):
    savemat(tmp_path / "list.mat", VALUES, do_compression=compressed, oned_as=oned_as)
    theirs = loadmat(tmp_path / "list.mat")
    ours = read_variables(tmp_path / "list.mat", list(VALUES))
    assert list(ours) == list(VALUES)
    for name in VALUES:
        assert_same(ours[name], theirs[name])


def element(kind, content, order):
    """Write an element as MATLAB does: short ones of up to four bytes lie within the tag."""
    if len(content) <= 4 and kind != 14:
        return struct.pack(f"{order}I", len(content) << 16 | kind) + content.ljust(4, b"\0")
    return struct.pack(f"{order}II", kind, len(content)) + content + b"\0" * (-len(content) % 8)


def matrix(kind, shape, name, data, order, flags=0):
    content = element(6, struct.pack(f"{order}II", kind | flags, 0), order)
    content += element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
    return element(14, content + element(1, name, order) + data, order)


def mat_file(parts, order="<", compressed=False):
    mark = b"\x00\x01IM" if order == "<" else b"\x01\x00MI"
    if compressed:
        packed = map(zlib.compress, parts)
        parts = [struct.pack(f"{order}II", 15, len(part)) + part for part in packed]
    return b"MATLAB 5.0 MAT-file, Platform: GLNXA64".ljust(124) + mark + b"".join(parts)


def matlabs_list(order, names=("1_cam2_3.jpg", "Zoë.jpg", "a😀.jpg")):
    """Write a list in MATLAB's own form: UTF-16 names, and doubles stored in as few bytes as they need."""
    suffix = "le" if order == "<" else "be"
    cells = b"".join(
        matrix(4, (1, len(text) // 2), b"", element(4, text, order), order)
        for text in (name.encode(f"utf-16-{suffix}") for name in names)
    )
    numbers = struct.pack(f"{order}3H", 1, 7, 300)
    return [
        matrix(2, (1, 1), b"a_structure", b"whatever follows", order),
        matrix(1, (3, 1), b"probe_set", cells, order),
        matrix(6, (3, 1), b"probe_ids", element(4, numbers, order), order),
    ]


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_lists_in_matlabs_own_form(tmp_path, order, compressed):
    path = tmp_path / "list.mat"
    path.write_bytes(mat_file(matlabs_list(order), order, compressed))
    expected = ["1_cam2_3.jpg", "Zoë.jpg", "a😀.jpg"], [1, 7, 300]
    assert read_names_and_ids(path, "probe_set", "probe_ids") == expected


def refused(path, content, message):
    path.write_bytes(content)
    for read in (
        lambda: read_names_and_ids(path, "probe_set", "probe_ids"),
        lambda: read_name_pairs(path, "probe_set"),
    ):
        with pytest.raises(ValueError, match=rf"list\.mat: {message}"):
            read()


CELL = matrix(4, (1, 5), b"", element(16, b"a.jpg", "<"), "<")
DAMAGED = "expected a MATLAB file, got a damaged or different one "


def test_files_that_scipy_does_not_survive(tmp_path):
    """A shape of one byte instead of eight crashes SciPy's reader; we never came to the end of a sparse matrix."""
    assert CELL.count(struct.pack("<II", 5, 8)) == 1
    damaged = CELL.replace(struct.pack("<II", 5, 8), struct.pack("<II", 5, 1))
    refused(tmp_path / "list.mat", mat_file([matrix(1, (1, 1), b"probe_set", damaged, "<")]), DAMAGED)
    buffer = io.BytesIO()
    savemat(buffer, {"probe_set": csc_matrix(np.eye(3)), "probe_ids": np.arange(3.0)})
    message = "expected numbers, text or cells, got a sparse matrix in probe_set"
    refused(tmp_path / "list.mat", buffer.getvalue(), message)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([matrix(1, (2**20, 2**10), b"probe_set", b"", "<")], r"\(cells within more than 8 cells, or more than"),
        ([matrix(1, (1000, 1000), b"probe_set", b"", "<")], r"\(0 bytes for cells of shape \(1000, 1000\)"),
        ([matrix(1, (-1, 1), b"probe_set", b"", "<")], r"\(the shape \(-1, 1\)"),
        ([matrix(4, (1, 2**30), b"probe_set", element(16, b"", "<"), "<")], r"\(0 characters for text of shape"),
        ([matrix(4, (1, 4), b"probe_set", element(16, b"a\xffbc", "<"), "<")], r"\('utf-8' codec can't decode"),
        ([matrix(6, (2**30, 2), b"probe_set", element(9, bytes(16), "<"), "<")], r"\(16 bytes of type 9 for num"),
        ([matrix(6, (1, 1), b"probe_set", element(99, bytes(8), "<"), "<")], r"\(8 bytes of type 99"),
        ([matrix(1, (1, 1), b"probe_set", CELL[:-8], "<")], r"\(8 bytes are missing"),
        (
            [matrix(6, (0, 0), b"probe_set", element(9, b"", "<"), "<")] * 2,
            r"\(the variable probe_set is repeated",
        ),
        ([element(9, bytes(8), "<")], r"\(a variable of type 9"),
    ],
)
def test_lengths_that_contradict_the_file(tmp_path, parts, message):
    refused(tmp_path / "list.mat", mat_file(parts), DAMAGED + message)


def test_other_contents_are_named(tmp_path):
    message = "expected numbers, text or cells, got {} in probe_set"
    for kind, flags, got in ((2, 0, "a structure"), (16, 0, "a function"), (6, 0x0800, "complex numbers")):
        content = mat_file([matrix(kind, (1, 1), b"probe_set", b"", "<", flags)])
        refused(tmp_path / "list.mat", content, message.format(got))
    # An array of MATLAB's strings is an object, which has no shape.
    flags, name = element(6, struct.pack("<II", 17, 0), "<"), element(1, b"probe_set", "<")
    content = mat_file([element(14, flags + name, "<")])
    refused(tmp_path / "list.mat", content, message.format("an object"))


def test_deep_cells_are_refused(tmp_path):
    cell = b""
    for _ in range(3000):
        cell = matrix(1, (1, 1), b"", cell, "<")
    content = mat_file([matrix(1, (1, 1), b"probe_set", cell, "<")])
    refused(tmp_path / "list.mat", content, DAMAGED + r"\(cells within more than 8 cells")


def test_a_compressed_variable_may_not_expand_without_limit(tmp_path):
    path = tmp_path / "list.mat"
    zeros = zlib.compressobj(9)
    packed = zeros.compress(matrix(6, (1, 1), b"probe_set", b"", "<"))
    packed += b"".join(zeros.compress(bytes(2**20)) for _ in range(MAX_BYTES // 2**20)) + zeros.flush()
    refused(path, mat_file([struct.pack("<II", 15, len(packed)) + packed]), DAMAGED + r"\(a variable expands to")
    whole = mat_file(matlabs_list("<"), compressed=True)
    refused(path, whole[:-90], DAMAGED)


def test_other_versions_are_named(tmp_path):
    message = "expected a MATLAB file of version 7.2 or earlier, got 7.3: save it with -v7"
    for start in (b"MATLAB 7.3 MAT-file", b"\x89HDF\r\n\x1a\n"):
        refused(tmp_path / "list.mat", start + bytes(600), message)
