"""The outputs of an HR network that training keeps on disk."""

import functools

import numpy as np
from hardening.formats.format import Format
from hardening.formats.networks import SIZE, save_small_model
from hardening.formats.pictures import draw


def _settings(folder):
    from cshml_tf.settings.training import LrSettings

    folders = {"data_dir": str(folder / "faces"), "pretrained_model": str(folder / "hr")}
    return LrSettings(**folders, resolution=(6,), cache_teacher=str(folder / "cache"))


@functools.cache
def _network():
    from hardening.formats.networks import _small_backbone

    from cshml_tf.layers import CosFace
    from cshml_tf.network import LossSettings, TwoBranchNetwork
    from cshml_tf.recogniser import build_recogniser

    teacher, student = (build_recogniser(_small_backbone(), "fixed") for _ in range(2))
    return TwoBranchNetwork(teacher, student, CosFace(2), LossSettings())


def _teacher(folder):
    for number, person in enumerate(("Ann", "Ann", "Bob")):
        path = folder / "faces" / person / f"{person}_{number:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(number).resize(SIZE[::-1]).save(path)
    save_small_model(folder / "hr")
    _read_teacher(folder, None)


def _read_teacher(folder, changed):
    """Do what a run does before its first step, and take what its batches take."""
    from cshml_tf.data.sources import open_source
    from cshml_tf.data.unreadable import Unreadable
    from cshml_tf.training.teacher_cache import open_teacher

    source = open_source(folder / "faces")
    images = np.arange(len(source))
    teacher = open_teacher(_settings(folder), _network(), source, Unreadable(source, SIZE, 0), SIZE)
    teacher.check(images, source.read(images, SIZE))
    for mirrored in (False, True):
        values = teacher.take(images, np.full(3, mirrored))
        assert values["teacher_embedding"].shape == (3, 4) and values["teacher_pooled"].shape == (3, 2, 2, 4)


FORMATS = [Format("teacher_cache", _teacher, _read_teacher, ("cache/*/*",), _network)]
