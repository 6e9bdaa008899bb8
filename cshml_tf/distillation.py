"""Loss terms from work after the paper, each a pure function that returns one value per example.

All of them learn from the frozen HR network's embeddings or feature maps. The definitions are our own; each names
the work whose idea it follows.
"""

# pyright: reportOptionalOperand=false, reportOptionalSubscript=false, reportOptionalMemberAccess=false
# pyright: reportOperatorIssue=false, reportAttributeAccessIssue=false
# keras.ops has no annotations: pyright infers the union of all backends' types, which includes None.

from keras import ops

from cshml_tf.losses import Tensor, check_maps, l2_normalise

# Added to what a softmax must not choose.
_NEVER = -1e9
# The residual above which Huber's loss is linear.
_HUBER = 1.0


def bank_contrast(
    hr_embedding: Tensor, lr_embedding: Tensor, bank: Tensor, excluded: Tensor, temperature: float = 0.1
) -> Tensor:
    """Compute the cross entropy of finding a face's own HR embedding among those of many other people.

    The idea is InfoNCE (van den Oord et al., "Representation learning with contrastive predictive coding", 2018),
    with the HR network's embeddings of the training faces as a fixed bank of negatives.

    Args:
        hr_embedding: (batch, E).
        lr_embedding: (batch, E), row i shows what row i of `hr_embedding` shows.
        bank: (faces, E), HR embeddings.
        excluded: (batch, faces), 1 where the face in the bank may show the same person, and is no negative.
        temperature: divides the cosines; the smaller, the more the hardest negatives count.

    Returns:
        (batch,) float32.
    """
    lr = l2_normalise(_to_float32(lr_embedding))
    positive = ops.sum(lr * l2_normalise(_to_float32(hr_embedding)), axis=-1, keepdims=True) / temperature
    negative = ops.matmul(lr, ops.transpose(l2_normalise(_to_float32(bank)))) / temperature
    negative = negative + _NEVER * ops.cast(excluded, "float32")
    logits = ops.concatenate([positive, negative], axis=-1)
    return ops.logsumexp(logits, axis=-1) - positive[:, 0]


def low_contrast(lr_embedding: Tensor, labels: Tensor, temperature: float = 0.1) -> tuple[Tensor, Tensor]:
    """Compute the cross entropy of finding a person's other LR faces among all LR faces of the batch.

    The idea is the supervised contrastive loss (Khosla et al., "Supervised contrastive learning", 2020). The
    paper's equation 3 never compares two LR faces.

    Args:
        lr_embedding: (batch, E).
        labels: (batch,) integers; faces with a negative label are left out.
        temperature: divides the cosines.

    Returns:
        (values, counted), both (batch,) float32: the mean over a face's positives, and 1 for faces that have any;
        the others' values are 0.
    """
    lr = l2_normalise(_to_float32(lr_embedding))
    same, other = _of_one_person(labels, labels)
    itself = ops.eye(lr.shape[0] or ops.shape(lr)[0], dtype="float32")
    same = same * (1 - itself)
    cosines = ops.matmul(lr, ops.transpose(lr)) / temperature
    kept = ops.logsumexp(cosines + _NEVER * (1 - same - other), axis=-1, keepdims=True)
    positives = ops.sum(same, axis=-1)
    values = ops.sum(same * (kept - cosines), axis=-1) / ops.maximum(positives, 1.0)
    return values, _where(positives)


def batch_hard_triplets(
    anchor: Tensor, others: Tensor, labels: Tensor, margin: float = 1.0, themselves: bool = False
) -> tuple[Tensor, Tensor]:
    """Compute, for each anchor, how much farther its farthest positive is than its nearest negative.

    The distance is 1 - cosine. Source of the idea: Hermans et al., "In defense of the triplet loss for person
    re-identification", 2017; between resolutions, Lai and Lam, 2021, and Knoche et al., "Octuplet loss", 2023.

    Args:
        anchor: (batch, E).
        others: (batch, E), row i shows the same person as row i of `anchor`.
        labels: (batch,) integers; faces with a negative label are left out.
        margin: how much nearer the positive must be, 0..2.
        themselves: whether `others` are the anchors themselves, so that row i is no positive of row i.

    Returns:
        (values, counted), both (batch,) float32; an anchor without positive or negative is not counted.
    """
    anchor, others = l2_normalise(_to_float32(anchor)), l2_normalise(_to_float32(others))
    same, other = _of_one_person(labels, labels)
    if themselves:
        same = same * (1 - ops.eye(anchor.shape[0] or ops.shape(anchor)[0], dtype="float32"))
    distances = 1 - ops.matmul(anchor, ops.transpose(others))
    farthest = ops.max(distances + _NEVER * (1 - same), axis=-1)
    nearest = ops.min(distances - _NEVER * (1 - other), axis=-1)
    counted = _where(ops.sum(same, axis=-1)) * _where(ops.sum(other, axis=-1))
    # What is not counted is huge: it is replaced before the hinge, so that its gradient is 0, not NaN.
    apart = ops.where(counted > 0, farthest - nearest, 0.0)
    return counted * ops.relu(margin + apart), counted


def map_cosine(hr_map: Tensor, lr_map: Tensor, same: Tensor) -> Tensor:
    """Compute 1 - the cosine of two feature maps as wholes, for pairs of one person only.

    Source of the idea: F-SKD, 2023.

    Args:
        hr_map: (batch, h, w, channels).
        lr_map: the same shape.
        same: (batch,), 1 if the pair shows one person, 0 if it shows two.

    Returns:
        (batch,) float32.

    Raises:
        ValueError: the maps are not 4-D or differ in shape.
    """
    check_maps(hr_map, lr_map)
    hr, lr = (l2_normalise(_flat(_to_float32(each))) for each in (hr_map, lr_map))
    return ops.cast(same, "float32") * (1 - ops.sum(hr * lr, axis=-1))


def sample_relations(hr_embedding: Tensor, lr_embedding: Tensor) -> Tensor:
    """Compute how much a face's cosines to the rest of the batch change when one or both sides are reduced.

    Row i of the cosines between HR faces is compared with row i of those between HR and LR, LR and HR, and LR and
    LR faces, each by 1 - their cosine. Source of the idea: F-SKD, 2023.

    Args:
        hr_embedding: (batch, E).
        lr_embedding: (batch, E).

    Returns:
        (batch,) float32, the mean of the three.
    """
    hr, lr = (l2_normalise(_to_float32(each)) for each in (hr_embedding, lr_embedding))
    wanted = l2_normalise(ops.matmul(hr, ops.transpose(hr)))
    pairs = ((hr, lr), (lr, hr), (lr, lr))
    found = ops.stack([l2_normalise(ops.matmul(one, ops.transpose(other))) for one, other in pairs])
    return 1 - ops.mean(ops.sum(wanted * found, axis=-1), axis=0)


def relational(hr_embedding: Tensor, lr_embedding: Tensor) -> Tensor:
    """Compare the distances and angles among LR faces with those among HR faces, by Huber's loss.

    Distances are divided by their mean over the batch, separately for HR and LR. An angle is the cosine, at face
    i, between the directions of two other faces. As in the source, angles count twice: Park et al., "Relational
    knowledge distillation", 2019.

    Args:
        hr_embedding: (batch, E).
        lr_embedding: (batch, E).

    Returns:
        (batch,) float32.
    """
    hr, lr = (l2_normalise(_to_float32(each)) for each in (hr_embedding, lr_embedding))
    (hr_distance, hr_angle), (lr_distance, lr_angle) = (_distances_and_angles(each) for each in (hr, lr))
    distance = ops.mean(_huber(hr_distance - lr_distance), axis=-1)
    angle = ops.mean(_huber(hr_angle - lr_angle), axis=(1, 2))
    return distance + 2 * angle


def _distances_and_angles(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Return the (n, n) distances of rows over their mean, and the (n, n) cosines of directions at each row."""
    directions = ops.expand_dims(rows, 0) - ops.expand_dims(rows, 1)
    squared = ops.sum(ops.square(directions), axis=-1)
    # A face has no direction to itself. Its length would be 0, whose root has no finite gradient.
    itself = ops.eye(rows.shape[0] or ops.shape(rows)[0], dtype="float32")
    lengths = ops.sqrt(ops.maximum(squared, 1e-12) + itself)
    distances = lengths * (1 - itself)
    units = directions / ops.expand_dims(lengths, -1)
    return distances / ops.mean(distances), ops.einsum("ije,ike->ijk", units, units)


def _huber(difference: Tensor) -> Tensor:
    size = ops.abs(difference)
    return ops.where(size < _HUBER, 0.5 * ops.square(size), _HUBER * (size - 0.5 * _HUBER))


def _of_one_person(labels: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return which pairs of rows show one person, and which show two: (n, n), 0 or 1; both 0 without labels."""
    labels, others = ops.expand_dims(labels, 1), ops.expand_dims(others, 0)
    known = ops.cast((labels >= 0) & (others >= 0), "float32")
    same = known * ops.cast(ops.equal(labels, others), "float32")
    return same, known - same


def _where(count: Tensor) -> Tensor:
    return ops.cast(count > 0, "float32")


def _flat(maps: Tensor) -> Tensor:
    return ops.reshape(maps, (-1, maps.shape[1] * maps.shape[2] * maps.shape[3]))


def _to_float32(tensor: Tensor) -> Tensor:
    return ops.cast(ops.convert_to_tensor(tensor), "float32")
