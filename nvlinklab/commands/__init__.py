"""The commands that evaluate the model, one file each. Importing them loads nothing but click."""

from nvlinklab.commands.bench import bench
from nvlinklab.commands.calibrate import calibrate
from nvlinklab.commands.catalog import init, models, systems
from nvlinklab.commands.compare import compare
from nvlinklab.commands.estimate import estimate
from nvlinklab.commands.frontier import frontier
from nvlinklab.commands.sensitivity import sensitivity
from nvlinklab.commands.solve import solve
from nvlinklab.commands.sweep import sweep
from nvlinklab.commands.uncertainty import uncertainty
from nvlinklab.commands.validate import validate

COMMANDS = (estimate, frontier, compare, sensitivity, sweep, solve, uncertainty, validate, calibrate, bench, systems, models, init)
