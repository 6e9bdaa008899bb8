"""InsightFace's verification sets: pickles of every kind in use, and pickles that must not be loaded."""

import os
import pickle
import struct

import cv2
import numpy as np
import pytest

from cshml_tf.data.insightface.pair_sets import read_pair_set
from cshml_tf.data.protocols import FaceImage
from cshml_tf.evaluation.lfw import evaluate


def face(number, size=112):
    pixels = np.random.default_rng(number).integers(0, 256, (size // 8, size // 8, 3)).astype(np.uint8)
    return cv2.resize(pixels, (size, size))


def encoded(pixels, suffix=".png"):
    return cv2.imencode(suffix, pixels[..., ::-1])[1].tobytes()


ITEMS = [encoded(face(number)) for number in range(1, 5)]


def write(folder, content, protocol=4):
    path = folder / "lfw.bin"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol))
    return path


def check(path):
    """Check four images, a pair of one person and a pair of two."""
    pairs, images = read_pair_set(path)
    names = [FaceImage("lfw", number) for number in range(1, 5)]
    assert pairs == [(names[0], names[1], True, 0), (names[2], names[3], False, 0)]
    assert [type(pair.same) for pair in pairs] == [bool, bool]
    assert list(images) == names and len(images) == 4
    for number, name in enumerate(names, start=1):
        assert np.array_equal(images[name], face(number))
    return images


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["bytes", "arrays", "columns", "tuples", "ints", "numpy bools", "bool array"])
def test_kinds_of_items(tmp_path, kind, protocol):
    arrays = [np.frombuffer(item, np.uint8).copy() for item in ITEMS]
    content = {
        "bytes": (ITEMS, [True, False]),
        "arrays": (arrays, [True, False]),
        "columns": ([array[:, None] for array in arrays], [True, False]),
        "tuples": [tuple(ITEMS), (True, False)],
        "ints": (ITEMS, [1, 0]),
        "numpy bools": (ITEMS, list(np.array([True, False]))),
        "bool array": (ITEMS, np.array([True, False])),
    }
    check(write(tmp_path, content[kind], protocol))


@pytest.mark.parametrize("protocol", [0, 2, 3])
def test_names_of_numpy_1(tmp_path, protocol):
    arrays = [np.frombuffer(item, np.uint8) for item in ITEMS]
    data = pickle.dumps((arrays, list(np.array([True, False]))), protocol=protocol)
    # Below protocol 4 names are whole lines, so they can be replaced.
    check(write(tmp_path, data.replace(b"cnumpy._core.", b"cnumpy.core.")))


def test_bytes_and_arrays_of_python_2(tmp_path):
    # As Python 2 wrote them with protocol 2: its strings (T), a tuple of two lists, an array by _reconstruct.
    def string(data):
        return b"T" + struct.pack("<i", len(data)) + data

    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85" + string(b"b") + b"tR"
        b"(K\x01" + b"J" + struct.pack("<i", len(ITEMS[3])) + b"\x85"
        b"cnumpy\ndtype\n(" + string(b"u1") + b"K\x00K\x01tR(K\x03" + string(b"|") + b"NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89" + string(ITEMS[3]) + b"tb"
    )
    data = b"\x80\x02](" + b"".join(map(string, ITEMS[:3])) + array + b"e](\x88\x89e\x86."
    check(write(tmp_path, data))


@pytest.mark.parametrize(("pairs", "sizes"), [(9, [9]), (10, [1] * 10), (23, [3] * 3 + [2] * 7), (40, [4] * 10)])
def test_folds_are_contiguous(tmp_path, pairs, sizes):
    read, _ = read_pair_set(write(tmp_path, ([ITEMS[0]] * 2 * pairs, [True] * pairs)))
    folds = [pair.fold for pair in read]
    assert folds == [fold for fold, size in enumerate(sizes) for _ in range(size)]


def test_images_are_decoded_on_access(tmp_path):
    damaged = b"\xff\xd8 no more of it"
    _, images = read_pair_set(write(tmp_path, ([ITEMS[0], damaged], [True])), (112, 96))
    first, second = images
    assert second in images
    assert FaceImage("lfw", 0) not in images and FaceImage("lfw", 3) not in images
    assert FaceImage("agedb_30", 1) not in images and "lfw" not in images
    with pytest.raises(KeyError):
        images[FaceImage("lfw", 3)]
    assert np.array_equal(images[first], face(1)[:, 8:104])
    with pytest.raises(
        ValueError,
        match="lfw.bin: image 2: expected an encoded image, got 16 bytes: the JPEG file is cut short",
    ):
        images[second]


class _Mean:
    """A network whose embedding is the mean colour of the image's top left corner."""

    def predict_on_batch(self, pixels):
        return np.asarray(pixels)[:, :4, :4].mean(axis=(1, 2)) - 127.5


def test_a_set_is_evaluated(tmp_path):
    colours = [(255, 0, 0), (255, 20, 0), (255, 0, 0), (0, 0, 255)] * 10
    items = [encoded(np.full((16, 16, 3), colour, np.uint8)) for colour in colours]
    pairs, images = read_pair_set(write(tmp_path, (items, [True, False] * 10)))
    report = evaluate(pairs, images, _Mean()).report
    assert report["HR"]["accuracy"] == 1.0
    assert report["protocol"]["folds"] == 10 and report["protocol"]["pairs"] == 20


class _Runs:
    """An object whose pickle calls a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
def test_code_never_runs(tmp_path, protocol):
    run = tmp_path / "run"
    path = write(tmp_path, ([_Runs(os.system, f"touch {run}")] * 2, [True]), protocol)
    with pytest.raises(ValueError, match=r"lfw.bin: expected a pickle of images .* names (posix|nt)\.system"):
        read_pair_set(path)
    assert not run.exists()
    with open(path, "rb") as file:
        pickle.load(file)
    assert run.exists()


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (b"cbuiltins\neval\n(V1\ntR.", r"names builtins\.eval"),
        (b"c__builtin__\neval\n(V1\ntR.", r"names __builtin__\.eval"),
        (b"cnumpy\nload\n.", r"names numpy\.load"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", r"names numpy\.ndarray\.tofile"),
        (b"(ios\nsystem\n.", r"names os\.system"),
        (b"cbuiltins\nobject\n.", r"names builtins\.object"),
        (b"cnumpy\ndtype\n(VO8\nI00\nI01\ntR.", r"numpy\.dtype\('O8'\)"),
        (b"cnumpy\ndtype\n(Vf4\ntR.", r"numpy\.dtype\('f4'\)"),
        (b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "got the encoding 'rot13'"),
        # Admitted functions cannot be altered, nor created in another way.
        (b"c_codecs\nencode\nN}V__defaults__\n(V1\nts\x86b.", "it alters a function"),
        (b"c_codecs\nencode\n}V_function\nNsb.", "it alters a function"),
        (b"cnumpy\nndarray\n)\x81.", "expected a pickle, got a damaged or truncated one"),
        (b"Pid\n.", "expected a pickle, got a damaged or truncated one"),
        (b"\x82\x01.", "expected a pickle, got a damaged or truncated one"),
    ],
)
def test_other_names_are_refused(tmp_path, code, message):
    with pytest.raises(ValueError, match=f"lfw.bin: .*{message}"):
        read_pair_set(write(tmp_path, code))


REMEMBERED = b"c_codecs\nencode\nq\0\x8c\xffX" + b"x" * 254 + b"q\1\x8c\6latin1q\2"
# Numbers that fall into one place of a dict: n of them take n^2 steps.
COLLIDING = b"".join(b"\x8a\x0a" + (number * (2**61 - 1)).to_bytes(10, "little") for number in range(1, 20_000))


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (b"]r\xff\xff\xff\x7f.", "a value is remembered under a number above 2097152"),
        (b"]p2000000000\n.", "a value is remembered under a number above 2097152"),
        (b"\x8e" + struct.pack("<Q", 2**33) + b"].", "8589934600 bytes expected at byte 3, 10 are there"),
        (b"\x96" + struct.pack("<Q", 2**31) + b"].", "2147483656 bytes expected at byte 3, 10 are there"),
        (b"B" + struct.pack("<I", 2**31) + b"].", "2147483652 bytes expected at byte 3, 6 are there"),
        (b"\x95" + struct.pack("<Q", 2**40) + b"].", "pickle data was truncated"),
        (b"V" + b"x" * 100, "its last line does not end"),
        (REMEMBERED + b"(" + b"h\0h\1h\2\x86R" * 500 + b"l.", "got one that multiplies its content"),
        (b"]" * 2_100_000 + b".", "in at most 2097152 steps, got a longer one"),
        (b"\x8f(" + COLLIDING + b"\x90.", "got a large dict or set"),
    ],
)
def test_no_step_takes_memory_or_time_without_bound(tmp_path, steps, message):
    with pytest.raises(ValueError, match=f"lfw.bin: expected a pickle.*{message}"):
        read_pair_set(write(tmp_path, b"\x80\5" + steps))


def test_numbers_of_a_million_digits(tmp_path):
    with pytest.raises(ValueError, match="lfw.bin: pair 1: expected True or False, got a int"):
        read_pair_set(write(tmp_path, (ITEMS, [10**10_000, 0])))
    many = np.ones(1_000_000, bool)
    with pytest.raises(ValueError, match="expected two images for each pair, got 4 images for 1000000 pairs"):
        read_pair_set(write(tmp_path, (ITEMS, many)))


def test_an_error_takes_one_line(tmp_path):
    with pytest.raises(ValueError, match="expected a pickle.* persistent id instruction") as error:
        read_pair_set(write(tmp_path, b"Pid\n."))
    assert "\n" not in str(error.value)


def test_damaged_arrays(tmp_path):
    array = pickle.dumps(([np.frombuffer(ITEMS[0], np.uint8)] * 2, [True]), protocol=4)
    size = struct.pack("<H", len(ITEMS[0]))
    assert array.count(b"M" + size) == 1
    other = array.replace(b"M" + size, b"M" + struct.pack("<H", len(ITEMS[0]) + 1))
    with pytest.raises(ValueError, match="damaged or truncated one: an array of shape"):
        read_pair_set(write(tmp_path, other))


@pytest.mark.parametrize("kept", [0, 1, 5, 200, -20, -1])
def test_truncated_pickles(tmp_path, kept):
    whole = pickle.dumps((ITEMS, [True, False]), protocol=4)
    with pytest.raises(ValueError, match="lfw.bin: expected a pickle, got a damaged or truncated one: "):
        read_pair_set(write(tmp_path, whole[:kept]))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ((ITEMS, [True]), "expected two images for each pair, got 4 images for 1 pairs"),
        ((ITEMS[:3], [True, False]), "expected two images for each pair, got 3 images for 2 pairs"),
        (([], []), "expected two images for each pair, got 0 images for 0 pairs"),
        (ITEMS, r"expected \(images, whether each pair is the same\), got a list"),
        ({b"bins": ITEMS}, r"expected \(images, whether each pair is the same\), got a dict"),
        ((ITEMS, None), "expected a list of whether each pair is the same, got a NoneType"),
        ((b"bytes", [True]), "expected a list of images, got a bytes"),
        ((ITEMS, [True, 2]), "pair 2: expected True or False, got 2"),
        ((ITEMS, [True, b"no"]), "pair 2: expected True or False, got a bytes"),
        (
            (ITEMS, np.array([0, 1], np.uint8)),
            "expected a list of whether each .*, got an array of uint8",
        ),
        (([ITEMS[0], 7], [True]), "image 2: expected an encoded image, got a int"),
        (([ITEMS[0], np.array([True])], [True]), "image 2: expected an encoded image, got an array of bool"),
        (([b"", ITEMS[0]], [True]), "image 1: expected a JPEG, PNG, BMP or WebP file, got 0 other bytes"),
        (([ITEMS[0], face(1)], [True]), "image 2: expected a JPEG, PNG, BMP or WebP file, got 37632 other bytes"),
    ],
)
def test_other_contents(tmp_path, content, message):
    with pytest.raises(ValueError, match=f"lfw.bin: {message}"):
        read_pair_set(write(tmp_path, content))


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_pair_set(tmp_path / "lfw.bin")
