"""MATLAB 4 files: what SciPy writes is read as SciPy reads it; damaged files are refused."""

import re
import struct

import numpy as np
import pytest
from scipy.io import loadmat, savemat
from scipy.sparse import csc_matrix

from cshml_tf.data.mat_file import read_variables
from cshml_tf.data.mat_lists import read_names_and_ids

VALUES = {
    "characters": np.array(["short.jpg", "longer_name.jpg", "Zo\u00eb.jpg"]),
    "one_name": "name.jpg",
    "doubles": np.arange(7.0)[:, None],
    "row": np.arange(7.0),
    "singles": np.arange(6, dtype=np.float32).reshape(2, 3),
    **{kind: np.arange(5).astype(kind) for kind in ("i4", "i2", "u2", "u1")},
}


def test_values_are_those_of_scipy(tmp_path):
    path = tmp_path / "list.mat"
    savemat(path, VALUES | {"sparse": csc_matrix(np.eye(3)), "complex": np.ones(2) * 1j}, format="4")
    ours, theirs = read_variables(path, list(VALUES)), loadmat(path)
    for name in VALUES:
        assert ours[name].dtype == theirs[name].dtype and np.array_equal(ours[name], theirs[name]), name
    for name in ("sparse", "complex"):
        with pytest.raises(ValueError, match=f"list.mat: expected numbers, text or cells, got a .*{name}$"):
            read_variables(path, [name])


def variable(order, kind, rows, columns, name, content, is_complex=0):
    return struct.pack(f"{order}5i", kind, rows, columns, is_complex, len(name)) + name + content


@pytest.mark.parametrize(("order", "machine"), [("<", 0), (">", 1000)])
def test_both_byte_orders(tmp_path, order, machine):
    names = np.array([list(b"1_a.png "), list(b"22_b.png")], order + "f8").tobytes(order="F")
    ids = np.array([1, 22], order + "i2").tobytes()
    content = variable(order, machine + 1, 2, 8, b"probe_set\0", names)
    content += variable(order, machine + 30, 2, 1, b"probe_ids\0", ids)
    (tmp_path / "list.mat").write_bytes(content)
    assert read_names_and_ids(tmp_path / "list.mat", "probe_set", "probe_ids") == (
        ["1_a.png", "22_b.png"],
        [1, 22],
    )


GOOD = variable("<", 0, 1, 2, b"a\0", bytes(16)) + variable("<", 50, 1, 2, b"b\0", bytes(2))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (GOOD[:-1], "1 bytes are missing"),
        (GOOD[:-10], "bytes of a header are missing"),
        (variable("<", 60, 1, 2, b"a\0", bytes(16)), "the type 60"),
        (variable("<", 3, 1, 2, b"a\0", bytes(16)), "the type 3"),
        (variable("<", 2000, 1, 2, b"a\0", bytes(16)), "the type"),
        (variable("<", 0, -1, -2, b"a\0", bytes(16)), "the shape (-1, -2)"),
        (variable("<", 0, 2**31 - 1, 2**31 - 1, b"a\0", bytes(16)), "bytes are missing"),
        (variable("<", 0, 1, 2, b"", bytes(16)), "a name of 0 bytes"),
        (variable("<", 1, 1, 2, b"a\0", struct.pack("<2d", 65, float("nan"))), "outside of Latin-1"),
        (GOOD + GOOD, "the variable a is repeated"),
    ],
)
def test_damage_is_refused(tmp_path, content, reason):
    path = tmp_path / "list.mat"
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=f"^{re.escape(str(path))}: expected a MATLAB file, .*{re.escape(reason)}"
    ):
        read_variables(path, ["a", "b"])
