"""People and features drawn from known Gaussians."""

import numpy as np

from cshml_tf.metrics.joint_bayesian import Covariances


def random_covariance(random, width, scale=1.0):
    factor = random.normal(size=(width, width)) * scale
    return factor @ factor.T / width + 0.1 * scale**2 * np.eye(width)


def planted(random, width, one_mean=False, one_noise=False):
    """Return random covariances of a model of `width` dimensions."""
    noises = [random_covariance(random, width, 0.7) for _ in range(1 if one_noise else 2)]
    people = random_covariance(random, width if one_mean else 2 * width)
    return Covariances(people, np.stack([noises[0], noises[-1]]))


def draw(random, model, people, most):
    """Draw 0 to `most` HR and LR features per person: (hr, hr_people, lr, lr_people)."""
    means = random.multivariate_normal(np.zeros(len(model.people)), model.people, people)
    rows, named = [], []
    for kind in (0, 1):
        numbers = np.repeat(np.arange(people), random.integers(0, most + 1, people))
        noise = random.multivariate_normal(np.zeros(model.width), model.noises[kind], len(numbers))
        rows.append(means[numbers][:, model.place(kind)] + noise)
        named.append(numbers)
    return rows[0], named[0], rows[1], named[1]
