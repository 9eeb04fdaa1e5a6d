"""Chapter 15: availability, repair and degraded operation."""

from nvlinklab.claims.registry import assume, check, given, reading, spec, stated
from nvlinklab.economics.availability import (
    availability,
    expected_failures,
    failure_rate,
    mean_blast,
    part_mtbf,
    system_mtbf,
)
from nvlinklab.economics.spares import in_repair
from nvlinklab.economics.thermal import fatigue_life

RUN = {name: spec(f"llama3-run.{name}") for name in ("gpus", "time", "interruptions")}
DIES, PACKAGES = spec("rubin-ultra-nvl576.dies"), spec("rubin-ultra-nvl576.gpus")
REPAIR = {
    "transport": assume(7, "d", "packing, freight and customs, both ways", 4, 14),
    "rework": assume(10, "d", "diagnosis, repair or replacement and test at the factory; nobody publishes it", 1, 42),
    "reinstall": assume(3, "d", "taking the rack out, putting it back, qualifying it", 1, 5),
}


def factory_repair(transport, rework, reinstall):
    """Time from taking a rack out of service until it serves again [s]."""
    return transport + rework + reinstall


@check("rel-backplane-rma-2-4-weeks", holds_if=("rework", "the time the factory needs"), dies=DIES, **REPAIR)
def factory_return(dies, transport, rework, reinstall):
    return {"mttr": factory_repair(transport, rework, reinstall), "dies_down": dies}


@reading(
    "rel-backplane-rma-2-4-weeks",
    "with a spare rack on site: the outage is the swap",
    swap=assume(1, "d", "a rack that stands by is connected, filled and qualified", 0.3, 3),
)
def factory_return_with_spare(swap):
    return {"mttr": swap}


@check(
    "rel-cte-gradient-20-30c",
    holds_if=("swings", "the number of full swings"),
    load=spec("rubin-ultra-nvl576.power"), gradient=stated("gradient"),
    swings=assume(1, "1/d", "a rack under steady load swings when it starts, stops or idles; nobody publishes it", 0.05, 100),
    test_swing=assume(100, "K", "a usual test of plated holes and joints"),
    test_cycles=assume(1000, "1", "cycles to failure in that test", 500, 3000),
    exponent=assume(2, "1", "solder; higher for copper and for brittle materials", 1.9, 2.5),
)  # fmt: skip
def microcracks(load, gradient, swings, test_swing, test_cycles, exponent):
    return {"heat": load, "years": fatigue_life(gradient, swings, test_swing, test_cycles, exponent)}


@check(
    "rel-mttr-hours-vs-weeks",
    holds_if=("rework", "the time the factory needs"), context={"ratio": "x"},
    respond=assume(2, "h", "until someone stands at the rack", 0.5, 8), swap=assume(1, "h", "changing a cable cartridge or a tray", 0.5, 4),
    qualify=assume(4, "h", "testing the fabric before it serves again", 1, 12), **REPAIR,
)  # fmt: skip
def hours_against_weeks(respond, swap, qualify, transport, rework, reinstall):
    cable, board = respond + swap + qualify, factory_repair(transport, rework, reinstall)
    return {"cable_mttr": cable, "backplane_mttr": board, "ratio": board / cable}


@check(
    "rel-availability-5-10pct-lower",
    holds_if=("mtbf", "the time between failures of a backplane"),
    mtbf=assume(7500, "h", "middle of the range the article reports; not published", 1000, 100_000),
    repair=stated("mttr", "rel-backplane-rma-2-4-weeks"), cable_mtbf=assume(15_000, "h", "half as many packages in the rack"),
    cable_repair=assume(7, "h", "as above, hours", 2, 24),
)  # fmt: skip
def availability_loss(mtbf, repair, cable_mtbf, cable_repair):
    return {"loss": availability(cable_mtbf, cable_repair) - availability(mtbf, repair)}


@reading("rel-availability-5-10pct-lower", "with a pool of spare racks, swapped in a day", swap=given(1, "d", "the swap"))
def availability_loss_spares(mtbf, swap):
    return {"loss": 1.0 - availability(mtbf, swap)}


@reading(
    "rel-availability-5-10pct-lower",
    "the rack serves on without the slot that failed until it is exchanged",
    slots=spec("gb200-nvl72.compute_trays"),
)
def availability_loss_degraded(mtbf, repair, slots):
    return {"loss": (1.0 - availability(mtbf, repair)) / slots}


@check(
    "rel-one-of-18-trays-degraded",
    context={"gpus_left": "GPU", "capacity_left": "percent", "bandwidth_left": "percent", "time_degraded": "percent"},
    count=spec("gb200-nvl72.compute_trays"), lost=stated("trays_lost"), per_tray=spec("gb200-nvl72.gpus_per_tray"),
    repair=assume(1, "d", "a tray is changed on the next working day", 0.2, 7), unit=given(1, "1", "all of the time"), **RUN,
)  # fmt: skip
def one_tray(count, lost, per_tray, repair, unit, gpus, time, interruptions):
    tray = system_mtbf(per_tray, part_mtbf(gpus, time, interruptions))
    return {
        "trays": count,
        "gpus_left": (count - lost) * per_tray,
        "capacity_left": (count - lost) / count,
        "bandwidth_left": unit,  # every switch chip still reaches every GPU that is left
        "time_degraded": unit - availability(tray, repair) ** count,  # every interruption counted as a tray to repair: an upper bound
    }


@check(
    "rel-single-fault-72-vs-576",
    holds_if=("shared", "the share of faults that take the whole domain down"),
    context={"nvl72_with_network_faults_only": "GPU", "nvl576_with_network_faults_only": "die"},
    domain=spec("gb200-nvl72.gpus"), tray=spec("gb200-nvl72.gpus_per_tray"), dies=DIES,
    blade=assume(8, "die", "two packages on one of 72 blades", 8, 32),
    shared=assume(0.08, "1", "nobody publishes it; 0.08 is the share of network faults in a published run", 0, 1),
    network=spec("llama3-run.network"), interruptions=RUN["interruptions"], unit=given(1, "1", "all faults"),
)  # fmt: skip
def single_fault(domain, tray, dies, blade, shared, network, interruptions, unit):
    def blast(share, whole, part):
        return mean_blast((share, unit - share), (whole, part))

    known = network / interruptions
    return {
        "nvl72": blast(shared, domain, tray),
        "nvl576": blast(shared, dies, blade),
        "nvl72_with_network_faults_only": blast(known, domain, tray),
        "nvl576_with_network_faults_only": blast(known, dies, blade),
    }


@check("rel-576-dies-fail-far-more-than-72", ultra_dies=DIES, gb200_dies=spec("gb200-nvl72.dies"))
def more_dies(ultra_dies, gb200_dies):
    return {"ratio": ultra_dies / gb200_dies}


@reading("rel-576-dies-fail-far-more-than-72", "packages on both sides", ultra=PACKAGES, gb200=spec("gb200-nvl72.gpus"))
def more_packages(ultra, gb200):
    return {"ratio": ultra / gb200}


@reading("rel-576-dies-fail-far-more-than-72", "dies on one side and packages on the other", gb200=spec("gb200-nvl72.gpus"))
def more_mixed(ultra_dies, gb200):
    return {"ratio": ultra_dies / gb200}


@check(
    "rel-mtbf-5000-10000h",
    holds_if=("whole_rack", "the share of interruptions that take the whole rack down"),
    context={"any_interruption": "h", "network_faults": "h"},
    packages=PACKAGES, whole_rack=assume(0.05, "1", "nobody publishes it for a backplane", 0.002, 1.0), network=spec("llama3-run.network"),
    **RUN,
)  # fmt: skip
def rack_mtbf(packages, whole_rack, network, gpus, time, interruptions):
    any_fault = system_mtbf(packages, part_mtbf(gpus, time, interruptions))
    return {
        "mtbf": any_fault / whole_rack,
        "any_interruption": any_fault,
        "network_faults": system_mtbf(packages, part_mtbf(gpus, time, network)),
    }


@reading("rel-mtbf-5000-10000h", "the share of network faults in that training run")
def rack_mtbf_network(packages, network, gpus, time):
    return {"mtbf": system_mtbf(packages, part_mtbf(gpus, time, network))}


@reading(
    "rel-mtbf-5000-10000h",
    "any failure of a node, in a research cluster of A100",
    node_rate=spec("meta-rsc1.failure_rate"),
    per_node=spec("meta-rsc1.gpus_per_node"),
)
def rack_mtbf_nodes(packages, node_rate, per_node):
    return {"mtbf": per_node / packages / node_rate}


@check(
    "rel-thousands-of-connectors",
    holds_if=("per_package", "the number of connectors per package, everything counted"),
    context={"backplane_ports": "connector", "pairs": "pair", "ports_per_package": "connector"},
    packages=PACKAGES, per_package=assume(4, "connector", "backplane, module, power and coolant; not published", 1, 100),
    nodes=given(18, "node", "as the article counts"), ports=given(4, "connector", "per node, as the article counts"),
    canisters=given(4, "canister", "as the article counts"), pairs_per_port=given(72, "pair", "as the article counts"),
)  # fmt: skip
def connectors(packages, per_package, nodes, ports, canisters, pairs_per_port):
    own = nodes * ports * canisters
    return {
        "connectors": packages * per_package,
        "backplane_ports": own,
        "pairs": own * pairs_per_port,
        "ports_per_package": own / packages,
    }


@check(
    "rel-90-events-per-month",
    context={"in_a_month": "event", "spread": "event", "in_repair": "rack"},
    racks=stated("racks"), mtbf=stated("mtbf"), month=given(1, "mo", "one month"), repair=stated("mttr", "rel-backplane-rma-2-4-weeks"),
)  # fmt: skip
def events(racks, mtbf, month, repair):
    in_a_month = expected_failures(racks, mtbf, month)
    return {
        "events": failure_rate(racks, mtbf),
        "in_a_month": in_a_month,
        "spread": in_a_month**0.5,  # Poisson
        "in_repair": in_repair(racks, mtbf, repair),
    }


@reading(
    "rel-90-events-per-month",
    "only the share of interruptions that the network causes in published runs",
    network=spec("llama3-run.network"),
    interruptions=RUN["interruptions"],
)
def events_network(racks, mtbf, network, interruptions):
    return {"events": failure_rate(racks, mtbf) * network / interruptions}


@check("rel-144-gpus-down", context={"dies": "die"}, packages=PACKAGES, dies=DIES)
def gpus_down(packages, dies):
    return {"gpus": packages, "dies": dies}
