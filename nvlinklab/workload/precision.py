"""Bytes per element by number format, with the overhead of block scales."""

from nvlinklab.errors import SpecError, did_you_mean

BYTES: dict[str, float] = {
    "bf16": 2.0,
    "fp16": 2.0,
    "fp8": 1.0,
    "mxfp4": 0.5 + 1.0 / 32.0,  # one E8M0 scale per 32 elements (OCP MX v1.0, section 5.1)
    "nvfp4": 0.5 + 1.0 / 16.0,  # one E4M3 scale per 16 elements
}


def bytes_per_element(dtype: str) -> float:
    """Return the bytes of one element, block scales included.

    Raises:
        SpecError: an unknown format.

    >>> bytes_per_element("nvfp4")
    0.5625
    """
    if dtype not in BYTES:
        raise SpecError(f"number format {dtype!r} is not known{did_you_mean(dtype, BYTES)} There are: {', '.join(BYTES)}")
    return BYTES[dtype]
