"""What `nvlinklab bench` measures. Times on a shared machine are noisy: the best of several runs counts, and ratios carry over."""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
