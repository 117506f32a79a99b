"""Image data as tensors. A builder takes a cache folder and its own settings, and returns `ImageData`."""

from collections.abc import Callable

from mfsearch.datasets.base import ImageData
from mfsearch.datasets.digits import cluttered_digits
from mfsearch.datasets.pictures import pictures

DATASETS: dict[str, Callable[..., ImageData]] = {"digits": cluttered_digits, "pictures": pictures}
