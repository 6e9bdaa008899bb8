"""Keys from a file or the environment; a bad one is refused without being shown."""

import pytest

from cshml_tf.server.keys import VARIABLE, read_keys

KEY = "a-key-of-sixteen-or-more"


def test_read(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"{KEY}\n\n  {KEY}2  \n")
    keys = read_keys(path, {VARIABLE: "ignored-since-there-is-a-file"})
    assert keys and keys.fingerprint(f"Bearer {KEY}".encode()) != keys.fingerprint(f"bearer  {KEY}2".encode())
    assert keys.fingerprint(b"Bearer ignored-since-there-is-a-file") is None
    assert keys.fingerprint(KEY.encode()) is None and keys.fingerprint(b"") is None
    assert read_keys(None, {VARIABLE: KEY}).fingerprint(f"Bearer {KEY}".encode())
    assert not read_keys(None, {})


@pytest.mark.parametrize("content", ["short", "blank in the middle of it", "ключ-длиннее-шестнадцати", "x" * 201])
def test_bad_keys_are_not_shown(tmp_path, content):
    path = tmp_path / "keys"
    path.write_text(f"{KEY}\n{content}\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match="expected keys of 16 to 200 visible ASCII characters, but key 2"
    ) as error:
        read_keys(path)
    assert content not in str(error.value)


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "keys").write_text("\n")
    with pytest.raises(ValueError, match="expected a key on each line, got none"):
        read_keys(tmp_path / "keys")
