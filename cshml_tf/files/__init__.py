"""Files: written whole or not at all, by one process at a time; read strictly; named so that anyone can tell."""

from cshml_tf.files.arrays import parse_archive, parse_array, read_array
from cshml_tf.files.folders import claimed_empty, is_in_use
from cshml_tf.files.growing import GrowingArray, partial_of
from cshml_tf.files.locking import claimed, lock_folder
from cshml_tf.files.names import (
    PARTIAL_PREFIX,
    ListWarning,
    is_hidden,
    left_over,
    normalised,
    printable,
    visible_entries,
)
from cshml_tf.files.reading import (
    MAX_TEXT_BYTES,
    check_content,
    digest_of_file,
    is_regular,
    open_regular,
    read_bytes,
    read_json,
    read_lines,
    read_text,
)
from cshml_tf.files.writing import (
    open_to_continue,
    remove_left_overs,
    remove_left_overs_below,
    replacing,
    write_json,
    write_text,
)

__all__ = [
    "MAX_TEXT_BYTES",
    "PARTIAL_PREFIX",
    "GrowingArray",
    "ListWarning",
    "check_content",
    "claimed",
    "claimed_empty",
    "digest_of_file",
    "is_hidden",
    "is_in_use",
    "is_regular",
    "left_over",
    "lock_folder",
    "normalised",
    "open_regular",
    "open_to_continue",
    "parse_archive",
    "parse_array",
    "partial_of",
    "printable",
    "read_array",
    "read_bytes",
    "read_json",
    "read_lines",
    "read_text",
    "remove_left_overs",
    "remove_left_overs_below",
    "replacing",
    "visible_entries",
    "write_json",
    "write_text",
]
