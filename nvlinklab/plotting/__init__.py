"""Charts: functions of tables and Datasets that know nothing about hardware."""

from nvlinklab.plotting.charts import bars, levels, lines, roofline, tornado, waterfall

__all__ = ["bars", "levels", "lines", "roofline", "tornado", "waterfall"]
