"""Damage text line by line, and JSON entry by entry."""

import json
import random
import re

_NUMBERS = (
    *("nan", "inf", "-inf", "-1", "0", "-0", "1e308", "1e400", "1e-400", "9" * 30, "9" * 5000, "1_0", "０", "²"),
    *("2147483648", "9223372036854775808", "0x10", "1.5", "", "+1", "1e5"),
)
_LINE_ENDS = ("\r\n", "\r", "\n\n", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\0", "")
_SEPARATORS = ("\t", " ", ",", ";", "|", "\t\t", '"', "'", "#", "", "\xa0")
_ODD_TEXT = (
    "\0",
    "\ufeff",
    "é",
    "e\u0301",
    "\u202e",
    "../../",
    "/",
    "a" * 300,
    "\udcff",
    '"',
    "\n",
    "\r",
    "%s",
    "{}",
)
_LARGEST = 2**21
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_ENCODINGS = ("utf-16", "utf-16-le", "utf-8-sig", "utf-32", "cp1252")


def mutate_text(content: bytes, rng: random.Random) -> bytes:
    """Damage text: numbers, lines, line ends, separators, odd letters, encodings."""
    text = content.decode("utf-8", "surrogateescape")
    return rng.choice(_TEXT_MUTATORS)(text, rng)


def mutate_json(content: bytes, rng: random.Random) -> bytes:
    """Damage one entry of JSON; what is not JSON any more is damaged as text."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return mutate_text(content, rng)
    places = list(_places(tree))
    if not places:
        return mutate_text(content, rng)
    holder, key = rng.choice(places)
    if rng.random() < 0.25:
        del holder[key]
        return _dumped(tree)
    marker = f"marker-{rng.random()}"
    old = holder[key]
    holder[key] = marker
    return _dumped(tree).replace(json.dumps(marker).encode(), rng.choice(_replacements(old)))


def _replacements(old):
    """Return what may stand in place of a value, as bytes: much of it could not be written by a library."""
    same = json.dumps(old).encode()
    deep = 100_000
    return (
        *(b"null", b"true", b"0", b"-1", b"1.5", b'""', b"[]", b"{}", b'"a"', b"NaN", b"-Infinity", b"1e400"),
        *(b"1e308", b"9" * 400, b"9" * 5000, b'"\\ud800"', b'"a\\nb"', b'"\xff"', b'"' + b"a" * 100_000 + b'"'),
        *(b"[" + same + b"]", b"[" + same + b"," + same + b"]", b'{"a": ' + same + b"}", b'"' + same[:9] + b'"'),
        *(b"[" * deep + b"]" * deep, b'{"a":' * deep + b"0" + b"}" * deep, b"2147483648", b"-9223372036854775809"),
    )


def _places(tree):
    """Yield (container, key) for every entry at any depth."""
    if isinstance(tree, (dict, list)):
        for key in list(tree) if isinstance(tree, dict) else range(len(tree)):
            yield tree, key
            yield from _places(tree[key])


def _dumped(tree):
    return json.dumps(tree, ensure_ascii=True).encode()


def _encoded(text):
    return text.encode("utf-8", "surrogateescape" if not re.search("[\ud800-\udc7f]", text) else "surrogatepass")


def _change_number(text, rng):
    found = list(_NUMBER.finditer(text))
    if not found:
        return _encoded(text)
    match = rng.choice(found)
    return _encoded(text[: match.start()] + rng.choice(_NUMBERS) + text[match.end() :])


def _change_lines(text, rng):
    lines = text.splitlines(keepends=True)
    if not lines:
        return _encoded(text)
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    change = rng.choice(("remove", "double", "swap", "empty", "many"))
    if change == "remove":
        del lines[first]
    elif change == "double":
        lines.insert(second, lines[first])
    elif change == "swap":
        lines[first], lines[second] = lines[second], lines[first]
    elif change == "empty":
        lines[first] = "\n"
    else:
        # The size is limited here too: a file of one long line would take gigabytes.
        lines[first] *= min(2000, 1 + _LARGEST // len(lines[first]))
    return _encoded("".join(lines))


def _change_one(text, rng, pattern, replacements):
    found = list(re.finditer(pattern, text))
    if not found:
        return _encoded(text)
    match = rng.choice(found)
    return _encoded(text[: match.start()] + rng.choice(replacements) + text[match.end() :])


def _change_line_end(text, rng):
    return _change_one(text, rng, r"\r?\n", _LINE_ENDS)


def _change_separator(text, rng):
    return _change_one(text, rng, r"[\t ,:]+", _SEPARATORS)


def _insert_odd_text(text, rng):
    place = rng.randint(0, len(text))
    odd = rng.choice(_ODD_TEXT)
    changed = text[:place] + odd + text[place:]
    return changed.encode("utf-8", "surrogateescape") if odd == "\udcff" else _encoded(changed)


def _change_encoding(text, rng):
    return text.encode(rng.choice(_ENCODINGS), "replace")


_TEXT_MUTATORS = (
    *(_change_number, _change_number, _change_lines, _change_line_end, _change_separator, _insert_odd_text),
    _change_encoding,
)
