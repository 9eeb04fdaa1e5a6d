"""Dies, packages, superchips, trays: the same rack counted four ways, and what a total says about which one was meant.

NVIDIA named the same rack NVL144 in 2025 (dies) and NVL72 in 2026 (packages), and sells its CPUs in pairs of packages. A rate or a
capacity divided by the wrong count is wrong by exactly that factor, so every total is also a test of the count.
"""

from nvlinklab._struct import Float, quantity, register_structs, struct


@struct
class Rack:
    """What a rack holds, counted from the trays down.

    Attributes:
        trays: compute trays (or blades)
        packages_per_tray: GPU packages on one of them
        dies_per_package: compute dies in one package
        packages_per_cpu: packages that share a CPU; together they are a superchip
    """

    trays: Float = quantity("tray")
    packages_per_tray: Float = quantity("package")
    dies_per_package: Float = quantity("die")
    packages_per_cpu: Float = quantity("package", 2.0)


register_structs()


def packages(rack: Rack) -> Float:
    """Return the GPU packages of a rack: what a driver lists and what NVL72 counts."""
    return rack.trays * rack.packages_per_tray


def dies(rack: Rack) -> Float:
    """Return the compute dies of a rack: what NVL144 and NVL576 counted in 2025."""
    return packages(rack) * rack.dies_per_package


def superchips(rack: Rack) -> Float:
    """Return the superchips of a rack, each one CPU with its packages."""
    return packages(rack) / rack.packages_per_cpu


def implied_count(total: Float, each: Float) -> Float:
    """Return how many units a total stands for: a count found without counting.

    Args:
        total: of the rack, any quantity
        each: of one unit, same quantity
    """
    return total / each


def growth_per_unit(total_growth: Float, count_growth: Float) -> Float:
    """Return by how much one unit grew where the total grew by one factor and the count by another.

    An error in the growth of the count comes back inverted: twice too many units make each of them half as fast.
    """
    return total_growth / count_growth
