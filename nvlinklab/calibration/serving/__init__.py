"""The serving model that is fitted to measured deployments: TPOT, TTFT and throughput of an engine under a closed loop of requests.

| module | holds |
|---|---|
| `shapes` | what a step of each measured model reads, multiplies and sends, by number format |
| `deployments` | rows of a table as numbers, with reasons where a row cannot be read |
| `parameters` | the physical numbers that are fitted, with bounds and priors |
| `step` | one decode step, one prefill pass |
| `load` | how many requests run, what their prefills cost the others, how long a prompt waits |
| `similarity` | which deployments are wrong together: the covariance of what the physics leaves over |
| `fitting` | the fit, its posterior, and where both are kept |
| `predict` | values, intervals, status and neighbours |
| `crossval` | errors on rows a fit never saw |
"""

from nvlinklab._lazy import submodules

__getattr__ = submodules(__name__)
