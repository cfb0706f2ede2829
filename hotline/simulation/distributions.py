"""How long things last: conversations, patience, wrap-up, the delay of a redial.

Rules of this file:
- A distribution samples with the generator it is given and keeps nothing. All of it in seconds, never negative.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Distribution(Protocol):
    def sample(self, stream: np.random.Generator, count: int) -> NDArray[np.float64]:
        """`count` independent lengths of time."""
        ...

    @property
    def mean(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Exponential:
    mean: float

    def sample(self, stream: np.random.Generator, count: int) -> NDArray[np.float64]:
        return stream.exponential(self.mean, count)


@dataclass(frozen=True, slots=True)
class Gamma:
    """By mean and standard deviation, both above 0."""

    mean: float
    sd: float

    def sample(self, stream: np.random.Generator, count: int) -> NDArray[np.float64]:
        shape = (self.mean / self.sd) ** 2
        return stream.gamma(shape, self.mean / shape, count)


@dataclass(frozen=True, slots=True)
class Lognormal:
    """By the mean and standard deviation of the times themselves (not of their logarithms), both above 0."""

    mean: float
    sd: float

    def sample(self, stream: np.random.Generator, count: int) -> NDArray[np.float64]:
        variance = math.log1p((self.sd / self.mean) ** 2)
        return stream.lognormal(math.log(self.mean) - variance / 2, math.sqrt(variance), count)


@dataclass(frozen=True, slots=True)
class Fixed:
    mean: float

    def sample(self, stream: np.random.Generator, count: int) -> NDArray[np.float64]:
        del stream
        import numpy as np

        return np.full(count, self.mean)


@dataclass(frozen=True, slots=True)
class Values:
    """One of a list of measured times, each as likely as the others."""

    values: Sequence[float]

    @property
    def mean(self) -> float:
        return math.fsum(self.values) / len(self.values)

    def sample(self, stream: np.random.Generator, count: int) -> NDArray[np.float64]:
        import numpy as np

        return stream.choice(np.asarray(self.values, dtype=np.float64), count)


@dataclass(frozen=True, slots=True)
class Never:
    """Unlimited patience."""

    mean: float = math.inf

    def sample(self, stream: np.random.Generator, count: int) -> NDArray[np.float64]:
        del stream
        import numpy as np

        return np.full(count, math.inf)
