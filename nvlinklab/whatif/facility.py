"""What if the site were different: power, money, failures; chapters 13, 14 and 15."""

from nvlinklab.economics import availability as av
from nvlinklab.economics import power, tco
from nvlinklab.economics.capex import YEAR
from nvlinklab.hardware.catalog import value
from nvlinklab.live import Live, Slider, prepare
from nvlinklab.whatif._registry import shown_in


@shown_in("13_power_and_thermal")
def bus_heat() -> Live:
    """What a DC bus loses against its voltage."""
    load, volts = value("gb200-nvl72.power"), 50.0
    start = {"load": load, "volts": volts, "ohm": 0.005 * load / power.bus_current(load, volts) ** 2}
    return prepare(
        lambda p: {"loss": power.bus_loss(p["load"], p["volts"], p["ohm"])},
        start,
        units={"load": "W", "volts": "V", "ohm": "V/A"},
        x=Slider("volts", 40.0, 1000.0, "V", "Voltage of the bus", log=True),
        sliders=[
            Slider("load", 20.0, 1200.0, "kW", "Load of the rack", log=True),
            Slider("ohm", 0.01, 1.0, "V/kA", "Voltage lost on the bus", log=True),
        ],
        outputs={"loss": "Heat of the bus"},
        y_title="Heat of the bus",
        unit="W",
        log_y=True,
        title="Why racks go from 50 to 800 volts: the heat of the bus",
        subtitle="square of the current times the resistance; starts where a GB200 rack loses half a percent at 50 V",
    )


@shown_in("14_cost_per_token")
def token_price() -> Live:
    """The cost of a million tokens by part against what the system serves."""

    def cost(p):
        owner = tco.Ownership(price=p["price"], life=p["life"], rate=p["interest"], power=p["watts"], pue=p["pue"], electricity=p["tariff"])
        each = tco.token_cost(tco.cost_rate(owner), tco.served_rate(p["rate"], p["busy"]))
        return {"capital": each.capital, "electricity": each.electricity}

    start = {
        "price": value("gb300-nvl72.price"),
        "life": value("hyperscaler.server_life"),
        "interest": 0.1 / YEAR,
        "watts": value("gb300-nvl72.power"),
        "pue": 1.1,
        "tariff": value("us-commercial.electricity"),
        "rate": value("sglang_gb300_long.gb300_rate") * value("gb300-nvl72.gpus"),
        "busy": 1.0,
    }
    return prepare(
        cost,
        start,
        units={"price": "USD", "life": "s", "interest": "1/s", "watts": "W", "pue": "1", "tariff": "USD/J", "rate": "tok/s", "busy": "1"},
        x=Slider("rate", 3e3, 3e5, "tok/s", "Output tokens per second of the rack", log=True),
        sliders=[
            Slider("price", 1.0, 12.0, "MUSD", "Price of the rack"),
            Slider("life", 2.0, 8.0, "yr", "Life"),
            Slider("interest", 0.001, 0.25, "1/yr", "Cost of capital a year"),
            Slider("watts", 50.0, 600.0, "kW", "Power of the rack"),
            Slider("tariff", 0.02, 0.4, "USD/kWh", "Price of electricity"),
            Slider("pue", 1.0, 2.0, "1", "PUE"),
            Slider("busy", 5.0, 100.0, "percent", "Utilisation"),
        ],
        outputs={"capital": "Capital", "electricity": "Electricity"},
        y_title="Cost of output",
        unit="USD/Mtok",
        stacked=True,
        title="What a million output tokens cost, by part",
        subtitle="starts at GB300 NVL72 with 128K prompts as measured; staff, buildings and networks left out",
    )


@shown_in("15_availability")
def size_and_loss() -> Live:
    """Capacity lost to failures against the size of the domain, for two ways to go on."""

    def lost(p):
        tray = av.availability(av.system_mtbf(p["tray"], p["mtbf"]), p["repair"])
        goes_on = tray * av.availability(av.system_mtbf(p["size"], p["mtbf"]), p["restart"])
        return {"stops": 1.0 - av.availability(p["mtbf"], p["repair"]) ** p["size"], "goes_on": 1.0 - goes_on}

    run = float(av.part_mtbf(value("llama3-run.gpus"), value("llama3-run.time"), value("llama3-run.interruptions")))
    return prepare(
        lost,
        {"size": 72.0, "mtbf": run, "repair": 86400.0, "restart": 1800.0, "tray": 4.0},
        units={"size": "GPU", "mtbf": "s", "repair": "s", "restart": "s", "tray": "GPU"},
        x=Slider("size", 4.0, 576.0, "GPU", "GPUs in the domain", log=True, whole=True),
        sliders=[
            Slider("mtbf", 5e3, 5e5, "h", "Time between failures of a GPU and its share", log=True),
            Slider("repair", 1.0, 700.0, "h", "Repair", log=True),
            Slider("restart", 0.5, 240.0, "min", "Restart without the failed tray", log=True),
            Slider("tray", choices=(2.0, 4.0, 8.0, 18.0), unit="GPU", label="GPUs of a tray"),
        ],
        outputs={"stops": "Stops until repaired", "goes_on": "Goes on without the tray"},
        y_title="Capacity lost",
        unit="percent",
        log_y=True,
        elasticity="goes_on",
        title="What failures cost a domain, by its size",
        subtitle=f"starts at the rate of failures of a run on {value('llama3-run.gpus'):,.0f} H100",
    )
