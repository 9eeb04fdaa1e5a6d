"""Charts: functions of tables and Datasets that know nothing about hardware."""

from nvlinklab.plotting.charts import bars, levels, lines, roofline, tornado, waterfall
from nvlinklab.plotting.ranges import ranges

__all__ = ["bars", "levels", "lines", "ranges", "roofline", "tornado", "waterfall"]
