"""A text as a vector of its words, without a model: each word and each pair of neighbours is hashed to a place and a sign.

It knows nothing of meaning: two texts are near as far as the verifier reads the same words in them. `vectors` has the
vector for texts that are merely to be alike; here texts are short and many, and have to say the same word by word anyway.
"""

from __future__ import annotations

from itertools import pairwise
from zlib import crc32

import numpy as np

from fairlead.cache.nearest import Vector, unit
from fairlead.cache.verifier.reading import Reading

SIZE = 256
PAIR = 0.5
"""What a pair counts beside a word: in another order the pairs are others."""
_SIGN = np.uint32(0x80000000)


def by_words(reading: Reading) -> Vector | None:
    """Of length one; None where there are no words."""
    words = reading.words
    hashed = [crc32(word.encode("utf-8", "surrogatepass")) for word in words]
    hashed += [crc32(f"{one} {other}".encode("utf-8", "surrogatepass")) for one, other in pairwise(words)]
    found = np.array(hashed, np.uint32)
    worth = np.where(found & _SIGN, 1.0, -1.0)
    worth[len(words) :] *= PAIR
    return unit(np.bincount(found & np.uint32(SIZE - 1), worth, SIZE))
