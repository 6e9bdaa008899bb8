"""Arguments of `cshml-gallery` that are refused in one line."""

import pytest

from cshml_tf.cli import gallery


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "the following arguments are required: ACTION"),
        (("enroll",), "argument ACTION: invalid choice: 'enroll'"),
        (("create", "--gallery", "g"), "the following arguments are required: --hr_model"),
        (
            ("create", "--gallery", "g", "--hr_model", "h", "--ll_weight", "8:1"),
            "--ll_weight: expected RESOLUTION=WEIGHT",
        ),
        (
            ("create", "--gallery", "g", "--hr_model", "h", "--ll_weight", "8=-1"),
            "--ll_weight: expected RESOLUTION",
        ),
        (
            ("create", "--gallery", "g", "--hr_model", "h", "--ll_weight", "8=1", "8=2"),
            "one weight per resolution",
        ),
        (("remove", " ", "--gallery", "g"), "NAME: expected a name, got"),
        (("calibrate", "s", "--gallery", "g", "--fpir", "1"), "--fpir: expected a rate between 0 and 1, got 1"),
        (("enrol", "s", "--gallery", "g", "--lr_model", "l"), "--lr_model: needs --hr_model as well"),
    ],
)
def test_bad_arguments(capsys, words, message):
    with pytest.raises(SystemExit) as stop:
        gallery.main(list(words))
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1
