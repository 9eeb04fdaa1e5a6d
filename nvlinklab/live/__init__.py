"""The model in the browser: any JAX function of scalars, written as expressions that a page computes without Python.

The jaxpr of a function is walked once (`jaxpr`), becomes a list of scalar operations (`program`), and is printed as an ES module
(`javascript`) or as calculate transforms of a chart with sliders (`vega`, `chart`). One formula, two runtimes; the tests compare them.
"""

from nvlinklab.live.chart import Live, chart, prepare
from nvlinklab.live.errors import UnsupportedPrimitive
from nvlinklab.live.javascript import javascript, module
from nvlinklab.live.jaxpr import compile, gradient  # noqa: A004
from nvlinklab.live.sliders import Slider

__all__ = ["Live", "Slider", "UnsupportedPrimitive", "chart", "compile", "gradient", "javascript", "module", "prepare"]
