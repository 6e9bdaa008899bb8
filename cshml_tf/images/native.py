"""Keep the libraries below Pillow from printing: they write to file descriptor 2, past Python."""

import ctypes
import warnings
from pathlib import Path

import PIL

# Where Pillow's wheels keep their libraries, on Linux and on macOS.
_FOLDERS = (Path(PIL.__file__).parents[1] / "pillow.libs", Path(PIL.__file__).parent / ".dylibs")


def silence_libtiff() -> None:
    """Take libtiff's printing of errors away; Pillow raises them as exceptions anyway.

    This concerns the copy of libtiff that comes with Pillow. Where Pillow uses the system's, it still prints.
    """
    for path in (path for folder in _FOLDERS for path in folder.glob("libtiff*")):
        try:
            set_handler = ctypes.CDLL(str(path)).TIFFSetErrorHandler
        except (OSError, AttributeError) as error:
            warnings.warn(f"libtiff's messages cannot be switched off: {error}", stacklevel=2)
            continue
        set_handler.argtypes, set_handler.restype = [ctypes.c_void_p], ctypes.c_void_p
        set_handler(None)
