"""Charts: functions of tables and Datasets that know nothing about hardware."""

from nvlinklab.plotting.charts import bars, lines, roofline, tornado, waterfall

__all__ = ["bars", "lines", "roofline", "tornado", "waterfall"]
