"""A client of the server: `Client("http://127.0.0.1:8000").identify("camera.png")`."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests
from requests.auth import AuthBase

# An image file, or its content.
PictureFile = str | Path | bytes


class ServerError(Exception):
    """The server did not do what it was asked for; the message is its sentence.

    Attributes:
        status: of HTTP, such as 422 for a picture that cannot be read or 503 for a busy server.
        retry_after: seconds after which a busy server wants to be asked again; None otherwise.
    """

    def __init__(self, status: int, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.status, self.retry_after = status, retry_after


class _Bearer(AuthBase):
    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


class Client:
    """The API of a server, a method per request; each returns the decoded JSON, whose form /docs describes.

    Several threads need a client each.

    Args:
        address: of the server, such as "http://127.0.0.1:8000".
        key: of the API, if the server has one.
        timeout: seconds to wait for an answer.
    """

    def __init__(self, address: str, key: str | None = None, timeout: float = 60.0) -> None:
        self._address, self._timeout = address.rstrip("/"), timeout
        self._session = requests.Session()
        if key:
            # As `auth`, so that an entry of .netrc for this host does not replace it.
            self._session.auth = _Bearer(key)

    def identify(self, picture: PictureFile, top: int | None = None) -> dict[str, Any]:
        """Return the faces of a picture and whom they show, with `top` candidates each.

        Raises:
            ServerError: as every method, if the server refuses.
            requests.RequestException: as every method, if there is no answer.
        """
        parameters = None if top is None else {"top": top}
        return self._json("POST", "/v1/identify", files=[_part("picture", picture)], params=parameters)

    def compare(self, first: PictureFile, second: PictureFile) -> dict[str, Any]:
        """Return how alike the most prominent faces of two pictures are: "score", a cosine."""
        return self._json("POST", "/v1/compare", files=[_part("first", first), _part("second", second)])

    def embed(self, picture: PictureFile) -> dict[str, Any]:
        """Return the faces of a picture with their embeddings."""
        return self._json("POST", "/v1/embed", files=[_part("picture", picture)])

    def watch(self, clip: PictureFile) -> dict[str, Any]:
        """Return the tracks of a short video, "tracks", each with the person whom it shows."""
        return self._json("POST", "/v1/watch", files=[_part("clip", clip)])

    def gallery(self) -> dict[str, Any]:
        """Return the gallery's size, networks and rates in force."""
        return self._json("GET", "/v1/gallery")

    def people(self) -> list[dict[str, Any]]:
        """Return everybody enrolled, each with "name", "faces" and "portrait"."""
        found: list[dict[str, Any]] = []
        while True:
            after = found[-1]["name"] if found else ""
            some = self._json("GET", "/v1/people", params={"after": after})["people"]
            if not some:
                return found
            found += some

    def person(self, name: str) -> dict[str, Any]:
        """Return the faces of a person with their figures."""
        return self._json("GET", _of_person(name))

    def enrol(self, name: str, *pictures: PictureFile) -> dict[str, Any]:
        """Enrol a new person; return what became of each portrait."""
        files = [_part("picture", picture) for picture in pictures]
        return self._json("POST", "/v1/people", data={"name": name}, files=files)

    def add_faces(self, name: str, *pictures: PictureFile) -> dict[str, Any]:
        """Enrol further portraits of a person; return what became of each."""
        files = [_part("picture", picture) for picture in pictures]
        return self._json("POST", f"{_of_person(name)}/faces", files=files)

    def remove(self, name: str) -> dict[str, Any]:
        """Remove a person: name, crops and embeddings."""
        return self._json("DELETE", _of_person(name))

    def portrait(self, name: str, face: int) -> bytes:
        """Return the PNG of an enrolled face."""
        return self._request("GET", f"{_of_person(name)}/faces/{face}").content

    def _json(self, method: str, path: str, **details: Any) -> Any:
        return self._request(method, path, **details).json()

    def _request(self, method: str, path: str, **details: Any) -> requests.Response:
        answer = self._session.request(method, self._address + path, timeout=self._timeout, **details)
        if answer.ok:
            return answer
        try:
            sentence = str(answer.json()["error"])
        except (ValueError, KeyError, TypeError):  # A proxy's answer, not the server's.
            sentence = f"{answer.status_code} {answer.reason}"
        after = answer.headers.get("Retry-After", "")
        raise ServerError(answer.status_code, sentence, float(after) if after.isdigit() else None)


def _of_person(name: str) -> str:
    return f"/v1/people/{quote(name, safe='')}"


def _part(field: str, picture: PictureFile) -> tuple[str, tuple[str, bytes]]:
    if isinstance(picture, bytes):
        return field, ("upload", picture)
    return field, (Path(picture).name, Path(picture).read_bytes())
