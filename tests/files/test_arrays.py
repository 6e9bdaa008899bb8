"""Reading arrays: one plain array of a stated type, whose header agrees with the file's size."""

import io
import pickle
import re

import numpy as np
import pytest

from cshml_tf.files import parse_array, read_array


def encoded(array, **options):
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


VALUES = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("values", [VALUES, VALUES[:0]])
def test_an_array_is_read_or_mapped(tmp_path, mapped, values):
    np.save(tmp_path / "a.npy", values)
    read = read_array(tmp_path / "a.npy", np.float32, 2, mapped)
    assert read.dtype == np.float32 and read.shape == values.shape and np.array_equal(read, values)


def archive():
    file = io.BytesIO()
    np.savez(file, a=VALUES)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encoded(VALUES)[:-1], "expected 176 bytes for shape (3, 4) of float32, got 175"),
        (encoded(VALUES) + b"x", "expected 176 bytes for shape (3, 4) of float32, got 177"),
        (encoded(VALUES).replace(b"(3, 4)", b"(3, 9)"), "expected 236 bytes"),
        (encoded(VALUES).replace(b"(3, 4), ", b"(-1,-4)"), "damaged header"),
        (encoded(VALUES).replace(b"(3, 4)", b"(3, x)"), "damaged header"),
        (encoded(VALUES.astype(">f4")), "of float32, got shape (3, 4) of >f4"),
        (encoded(VALUES.astype(np.float64)), "of float32, got shape (3, 4) of float64"),
        (encoded(VALUES[0]), "expected an array of 2 dimension(s) of float32, got shape (4,)"),
        (encoded(np.asfortranarray(VALUES)), "in Fortran order"),
        (encoded(np.array([[None]])), "got shape (1, 1) of object"),
        (pickle.dumps(VALUES), "got another kind of file"),
        (archive(), "got another kind of file"),
        (b"", "got another kind of file"),
    ],
)
def test_anything_else_is_refused(tmp_path, content, reason):
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    for mapped in (False, True):
        with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: .*{re.escape(reason)}"):
            read_array(path, np.float32, 2, mapped)


@pytest.mark.parametrize(
    "values",
    [VALUES, np.asfortranarray(VALUES), np.arange(3, dtype=">i8"), np.float64(2), np.array([True, False])],
)
def test_an_array_is_parsed(values):
    parsed = parse_array(encoded(values), "a.npy")
    assert parsed.dtype == values.dtype and np.array_equal(parsed, values)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encoded(VALUES)[:-1], "expected 176 bytes for shape .3, 4. of float32, got 175"),
        (encoded(np.array(["a", "bc"])), "expected an array of numbers, got <U2"),
        (encoded(np.array([{}]), allow_pickle=True), "expected an array of numbers, got object"),
        (encoded(VALUES)[:80], "expected a .npy file, got another kind of file or a damaged header"),
        (b"", "expected a .npy file, got another kind of file"),
    ],
)
def test_other_bytes_are_not_parsed(content, reason):
    with pytest.raises(ValueError, match=f"x.npz: a.npy: {reason}"):
        parse_array(content, "x.npz: a.npy")


def test_a_shape_larger_than_the_content_takes_no_memory():
    content = encoded(VALUES)
    large = content.replace(b"(3, 4), }      ", b"(3, 4000000), }")
    assert len(large) == len(content) and large != content
    with pytest.raises(ValueError, match="a.npy: expected 48000128 bytes"):
        parse_array(large, "a.npy")
