"""How HR and LR images become pairs: the rules that every stream of batches keeps."""

PAIRINGS = ("same_image", "same_person", "random")


def moved_pairs(pairing, negative_share, batch_size):
    """Check a way of pairing, and count the pairs whose LR image is passed on by one place.

    Args:
        pairing: "same_image": an image with its own LR copy; "same_person": with the LR copy of another image
            of the same person, where there is one; "random": with the LR copy of any image.
        negative_share: share of a batch, 0..1, whose LR images are passed on, so that pairs of two people arise
            (a pair may still be of one person, by chance; labels tell).
        batch_size: pairs a batch.

    Returns:
        int: 0, or at least 2.

    Raises:
        ValueError: an unknown pairing, a share outside 0..1, or a batch too small for one.
    """
    if pairing not in PAIRINGS:
        raise ValueError(f"pairing: expected one of {', '.join(PAIRINGS)}, got {pairing!r}")
    if not 0.0 <= negative_share <= 1.0:
        raise ValueError(f"negative_share: expected 0 to 1, got {negative_share}")
    if negative_share and batch_size < 2:
        raise ValueError(f"negative_share: {negative_share} needs a batch of at least 2, got {batch_size}")
    return max(2, round(negative_share * batch_size)) if negative_share else 0


def check_mixup(mixup, pairing, negative_share, batch_size):
    """Check the share of pairs that are mixed: both sides of a pair must stay of one mixture of people.

    Args:
        mixup: share of pairs, 0..1, whose images are mixed with those of the pair before them in the batch.
        pairing: one of `PAIRINGS`.
        negative_share: as for `moved_pairs`.
        batch_size: pairs a batch.

    Raises:
        ValueError: a share outside 0..1, pairs of two people beside it, or a batch without a pair before.
    """
    if not 0.0 <= mixup <= 1.0:
        raise ValueError(f"mixup: expected 0 to 1, got {mixup}")
    if mixup and (negative_share or pairing == "random"):
        raise ValueError(
            f"mixup: expected pairs of one person beside it, got pairing {pairing!r} and negative_share "
            f"{negative_share}"
        )
    if mixup and batch_size < 2:
        raise ValueError(f"mixup: {mixup} needs a batch of at least 2, got {batch_size}")
