"""How HR and LR images are paired: the rules that every stream of batches follows."""

PAIRINGS = ("same_image", "same_person", "random")


def rolled_pairs(pairing: str, negative_share: float, batch_size: int) -> int:
    """Check how pairs are made, and return the number of pairs whose LR images are rolled by one row.

    Args:
        pairing: "same_image": an image with its own LR copy; "same_person": with the LR copy of another image
            of the same person, if there is one; "random": with the LR copy of any image.
        negative_share: share of a batch, 0..1, whose LR images are rolled, which makes pairs of two people. By
            chance a rolled pair may still show one person; its labels then say so.
        batch_size: pairs per batch.

    Returns:
        0, or at least 2.

    Raises:
        ValueError: unknown pairing, a share outside 0..1, or a batch too small for pairs of two people.
    """
    if pairing not in PAIRINGS:
        raise ValueError(f"pairing: expected one of {', '.join(PAIRINGS)}, got {pairing!r}")
    if not 0.0 <= negative_share <= 1.0:
        raise ValueError(f"negative_share: expected 0 to 1, got {negative_share}")
    if negative_share and batch_size < 2:
        raise ValueError(f"negative_share: {negative_share} needs a batch of at least 2, got {batch_size}")
    return max(2, round(negative_share * batch_size)) if negative_share else 0


def check_mixup(mixup: float, pairing: str, negative_share: float, batch_size: int) -> None:
    """Check the share of mixed pairs, whose two sides must show the same mixture of people.

    Args:
        mixup: share of pairs, 0..1, whose images are mixed with those of the previous pair in the batch.
        pairing: one of `PAIRINGS`.
        negative_share: as for `rolled_pairs`.
        batch_size: pairs per batch.

    Raises:
        ValueError: a share outside 0..1, a share combined with pairs of two people, or a batch of one pair.
    """
    if not 0.0 <= mixup <= 1.0:
        raise ValueError(f"mixup: expected 0 to 1, got {mixup}")
    if mixup and (negative_share or pairing == "random"):
        raise ValueError(
            f"mixup: cannot be combined with pairs of two people, got pairing {pairing!r} and negative_share "
            f"{negative_share}"
        )
    if mixup and batch_size < 2:
        raise ValueError(f"mixup: {mixup} needs a batch of at least 2, got {batch_size}")
