"""What a person waits for: fresh processes, best seen in the column `min`."""

import pytest

from nvlinklab.bench import start


@pytest.mark.parametrize("name", start.COMMANDS)
def test_start(benchmark, name):
    benchmark.pedantic(start.quiet, args=(start.COMMANDS[name],), rounds=3, warmup_rounds=1)
