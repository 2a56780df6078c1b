"""How measurements that took turns are compared."""

import statistics
from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def median_ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of what each of `over` is of its neighbour in `under`.

    Not the ratio of the medians: on a busy machine those are of different moments.
    """
    return statistics.median(one / other for one, other in zip(over, under, strict=True))
