"""Every format that the software reads: how to make a small valid sample, and how a command reads it."""

from hardening.formats import caches, folders, galleries, lists, networks, pictures, records, runs

FORMATS = {
    each.name: each
    for each in (
        *pictures.FORMATS,
        *lists.FORMATS,
        *records.FORMATS,
        *folders.FORMATS,
        *galleries.FORMATS,
        *networks.FORMATS,
        *runs.FORMATS,
        *caches.FORMATS,
    )
}
