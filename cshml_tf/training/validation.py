"""LFW figures while training goes on."""


def make_lfw_evaluation(settings, hr_recogniser=None, resolutions=(), degradation="antialias"):
    """Give a function of a recogniser that measures it on the LFW pairs of the settings, or None."""
    return None
