"""Runs with terms from later work, grouped photographs, crop jitter and a simulated camera: whole, and resumed."""

import dataclasses

import numpy as np
import pytest
from runs import history, same_weights, weights

from cshml_tf.data.sources import open_source
from cshml_tf.data.unreadable import Unreadable, UnreadableFace
from cshml_tf.model_folder import load_recogniser, read_card
from cshml_tf.settings.training import LrSettings
from cshml_tf.training.bank import make_bank
from cshml_tf.training.lr import train_lr

SIZE = (48, 40)


@pytest.mark.slow
def test_a_run_with_all_of_them_resumes_bit_for_bit(lr_options):
    further = {
        "resolution": (10, 11, 12),
        "degradation": "camera",
        "crop_jitter": 0.02,
        "photographs_together": 2,
        "mirror_target": True,
        "bank_size": 20,
        **{f"{name}_weight": 0.5 for name in ("bank", "low_contrast", "triplets", "map_cosine")},
        **{f"{name}_weight": 0.5 for name in ("sample_relations", "relational")},
    }
    options = lr_options | further | {"checkpoint_steps": 3, "epoch_size": 3}
    whole, _ = train_lr(LrSettings(**options | {"run_name": "whole"}), progress=False)
    settings = LrSettings(**options | {"run_name": "parts"})

    def stop(step):
        if step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_lr(settings, progress=False, on_step=stop)
    run, outcome = train_lr(dataclasses.replace(settings), progress=False)
    assert outcome.complete and same_weights(weights(whole.model_dir), weights(run.model_dir))
    rows = history(run)
    assert {"bank", "low_contrast", "triplets", "map_cosine", "sample_relations", "relational"} <= set(rows[-1])
    assert all(np.isfinite(float(row["triplets"])) for row in rows)
    card = read_card(run.model_dir)
    assert card["resolutions"] == [10, 11, 12] and card["degradation"] == "camera"


def test_the_bank_is_of_faces_spread_over_the_source(texture_folder, hr_model_dir):
    recogniser, source = load_recogniser(hr_model_dir), open_source(texture_folder)
    unreadable = Unreadable(source, SIZE, 0)
    bank = make_bank(recogniser, source, unreadable, SIZE, 7, flip=False)
    assert bank.embeddings.shape == (7, 16) and np.array(bank.labels).tolist() == [0, 0, 1, 2, 3, 4, 5]
    pixels = source.read(np.array([0, 29]), SIZE)
    assert np.allclose(np.asarray(bank.embeddings)[[0, 6]], recogniser(pixels), atol=1e-5)
    everyone = make_bank(recogniser, source, unreadable, SIZE, 1000, flip=True)
    assert everyone.embeddings.shape == (30, 16)


def test_the_bank_leaves_out_what_may_be_passed_over(texture_folder, hr_model_dir):
    source = open_source(texture_folder)

    class Damaged(Unreadable):
        def read_one(self, index):
            if index == 29:
                raise UnreadableFace("damaged")
            return super().read_one(index)

    bank = make_bank(load_recogniser(hr_model_dir), source, Damaged(source, SIZE, 0, limit=1), SIZE, 7, flip=False)
    assert np.array(bank.labels).tolist() == [0, 0, 1, 2, 3, 4]
