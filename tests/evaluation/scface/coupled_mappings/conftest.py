"""Rows and people for tests of coupled mappings."""

import numpy as np
import pytest


def make_random_problem(seed, people=6, hr_width=8, lr_width=8, photographs=3):
    """Return HR rows, two of the first person, and LR rows, noisy linear images of them; each with its people."""
    random = np.random.default_rng(seed)
    hr = random.normal(size=(people, hr_width))
    hr_people = np.array([f"person {number}" for number in range(people)])
    blur = random.normal(size=(hr_width, lr_width)) / np.sqrt(hr_width)
    lr = np.repeat(hr, photographs, axis=0) @ blur
    lr += 0.2 * random.normal(size=lr.shape)
    twin = hr[:1] + 0.1 * random.normal(size=(1, hr_width))
    return np.vstack([hr, twin]), np.append(hr_people, hr_people[0]), lr, np.repeat(hr_people, photographs)


@pytest.fixture
def random_problem():
    """Return `make_random_problem`, whose first argument is a seed."""
    return make_random_problem
