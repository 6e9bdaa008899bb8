"""The options of the command that serves a gallery over HTTP."""

import dataclasses
import ipaddress
from pathlib import Path
from typing import ClassVar

from cshml_tf.settings.checks import Check, between
from cshml_tf.settings.gallery import (
    BoundNetworksOptions,
    FacesInPicturesOptions,
    GalleryOptions,
    IdentifySettings,
    PortraitOptions,
    RejectionOptions,
)
from cshml_tf.settings.option import Settings, option, varied
from cshml_tf.settings.places import file, output_file

_ADDRESS = Check("an IP address, or localhost", lambda host: host == "localhost" or _is_address(host))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@dataclasses.dataclass(frozen=True, kw_only=True)
class AccessOptions(Settings):
    """Where the server listens, who may ask, and how much."""

    TITLE: ClassVar[str] = "access"

    host: str = option("127.0.0.1", "address to listen on; any but the loopback needs a key", check=_ADDRESS)
    port: int = option(8000, "port to listen on; 0 for a free one", check=between(0, 65535))
    key_file: Path | None = option(
        None,
        "file of the API's keys, one per line (default: the environment variable CSHML_SERVER_KEY, if it is set)",
        metavar="FILE",
        place=file(),
    )
    audit_log: Path | None = option(
        None,
        "file to which one JSON line per request is added: time, key's fingerprint, address, what was asked",
        metavar="FILE",
        place=output_file(is_apart=True),
    )
    most_waiting: int = option(
        64, "requests in work or waiting; further ones are told to come back later", check=between(1, 10_000)
    )
    most_megabytes: float = option(
        16.0, "size of a request, in units of 1,000,000 bytes", metavar="MB", check=between(0.001, 1000)
    )
    most_megapixels: float = option(50.0, "size of a picture, in millions of pixels", check=between(0.001, 500))
    most_clip_seconds: float = option(30.0, "length of a clip, in seconds", check=between(0.1, 3600))
    most_clip_frames: int = option(1000, "frames of a clip", check=between(1, 100_000))

    @property
    def is_local(self) -> bool:
        """Whether the server is reached from this machine only."""
        return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServeSettings(GalleryOptions, BoundNetworksOptions, FacesInPicturesOptions, RejectionOptions, AccessOptions):
    """The options of `cshml-serve`."""

    longest_side: int = varied(IdentifySettings, "longest_side")
    batch_size: int = varied(
        FacesInPicturesOptions,
        "batch_size",
        default=16,
        help="pictures of waiting requests that are worked on together, and faces per forward pass",
        check=between(1, 1024),
    )
    portrait_width: float | None = varied(
        PortraitOptions,
        "min_width",
        help="smallest width of a face to enrol, in pixels of the portrait (default: that from which the HR "
        "network embeds probes)",
    )
    fpir: float | None = varied(IdentifySettings, "fpir")
    top: int = varied(
        IdentifySettings, "top", help="candidates for each face, unless a request says how many", group="decisions"
    )
