"""Two processes that write to one folder at once: both are right, or one is refused in one line."""

import os

import pytest
from hardening.commands import differing

# When the second begins, as shares of the first one's time.
SHARES = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9) if "KILLS" in os.environ else (0.0, 0.5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", ["align", "embed", "pack", "import", "import_into", "join", "widen", "train", "export"]
)
def test_one_folder_gets_one_whole_result(workplace, whole, tmp_path, command):
    expected, seconds = whole(command)
    for share in SHARES:
        place = tmp_path / str(share)
        place.mkdir()
        words = workplace.words(command, place)
        first = workplace.starter.start(words)
        ended = workplace.starter.wait(first, share * seconds) if share else None
        second = workplace.starter.run(words)
        ended = ended or workplace.starter.wait(first)
        assert ended is not None, "the first process hangs"
        for done in (ended, second):
            assert done.code in (0, 2), done.shown
            assert done.code == 0 or done.error_line
        assert 0 in (ended.code, second.code), "both were refused"
        assert not differing(expected, place), f"the second began after {share} of {seconds:.1f} s"
