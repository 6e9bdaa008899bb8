import numpy as np
import pytest


def make_random_problem(seed, people=6, hr_width=8, lr_width=8, photographs=3):
    """HR rows of some people, the first twice, and LR rows that are a noisy linear image of them."""
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
    """Return a function of a seed that makes the rows and people to fit a mapping to."""
    return make_random_problem
