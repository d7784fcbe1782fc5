"""The Phase-1 market of `benches/models/phase1.flow` as Python programmers write it: a list of objects, one loop over it a month.

    python benches/python/phase1.py [flowc]        plain Python, radCAD if it is installed (pip install radcad), and flowc if its path is given

Luck is NumPy's, so that the results are like flowc's and not equal to them.
"""

import subprocess
import sys
import time

import numpy as np

PRODUCTS, STEPS = 200, 60
ODDS = [0.9, 0.03, 0.02, 0.05]


class Product:
    def __init__(self, rng):
        self.quality = rng.uniform()
        self.price = min(1000.0, 60.0 * np.exp(0.8 * rng.normal()))
        self.supply = int(rng.uniform(500, 5100))
        self.popularity = 1.0
        self.sold = 0
        self.earned = 0.0


def month(products, money, rng):
    """One month: what every product sells, how it ends, and who is paid what."""
    attraction = sum(p.popularity * p.quality for p in products)
    demand = 30 * len(products)
    for p in products:
        share = p.popularity * p.quality / attraction
        buy = min(rng.binomial(demand, share), p.supply)
        p.supply -= buy
        redeemed, canceled, revoked, expired = rng.multinomial(buy, ODDS)
        faults = rng.binomial(redeemed, 0.25 * 120 / (120 + p.price) * (1 - p.quality))
        complaints = rng.binomial(faults, 0.7) + rng.binomial(redeemed - faults, 0.02)
        retracted = rng.binomial(complaints, 0.2)
        escalated = rng.binomial(complaints - retracted, 0.3125)
        resolved = complaints - retracted - escalated
        completed = redeemed - complaints + retracted
        given_up = canceled + expired
        p.supply += canceled
        pot = p.price * 1.1
        fee = completed * p.price * 0.005
        decided = escalated * (pot + p.price * 0.1)
        money["redeemed"] += redeemed
        money["protocol"] += fee
        money["buyers"] += (
            revoked * pot + given_up * p.price * 0.95 + resolved * pot * 0.5 + decided * 0.6
            - buy * p.price - escalated * p.price * 0.1
        )
        p.earned += (
            completed * pot - fee + given_up * (pot - p.price * 0.95) + resolved * pot * 0.5 + decided * 0.4
            - buy * p.price * 0.1
        )
        if buy:
            better = 1 + 0.02 * (redeemed - complaints) / (1 + p.sold)
            worse = (1 - 0.3 * complaints / buy) * (1 - 0.15 * faults / buy)
            p.popularity = max(0.01, p.popularity * better * worse)
        p.sold += buy


def plain(runs):
    for run in range(runs):
        rng = np.random.default_rng(run)
        products = [Product(rng) for _ in range(PRODUCTS)]
        money = {"redeemed": 0, "protocol": 0.0, "buyers": 1e12}
        for _ in range(STEPS):
            month(products, money, rng)
    return money


def radcad(runs):
    from copy import deepcopy

    from radcad import Engine, Experiment, Model, Simulation
    from radcad.engine import Backend

    rng = np.random.default_rng(1)

    def trade(params, substep, history, state):
        products, money = deepcopy(state["products"]), dict(state["money"])
        month(products, money, rng)
        return {"products": products, "money": money}

    model = Model(
        initial_state={
            "products": [Product(rng) for _ in range(PRODUCTS)],
            "money": {"redeemed": 0, "protocol": 0.0, "buyers": 1e12},
        },
        params={"none": [0]},
        state_update_blocks=[
            {
                "policies": {"trade": trade},
                "variables": {
                    "products": lambda *a: ("products", a[-1]["products"]),
                    "money": lambda *a: ("money", a[-1]["money"]),
                },
            }
        ],
    )
    experiment = Experiment(Simulation(model=model, timesteps=STEPS, runs=runs))
    experiment.engine = Engine(backend=Backend.SINGLE_PROCESS, deepcopy=False)
    return experiment.run()[-1]["money"]


def timed(what, runs, call):
    start = time.perf_counter()
    call(runs)
    speed = runs * PRODUCTS * STEPS / (time.perf_counter() - start)
    print(f"{what:<28} {speed / 1e3:>10.1f} thousand members and steps a second")
    return speed


def flowc(binary, runs):
    model = "benches/models/phase1.flow"
    subprocess.run(
        [binary, "run", model, "--runs", str(runs), "--threads", "1", "-q"], check=True, stdout=subprocess.DEVNULL
    )


if __name__ == "__main__":
    speeds = {"plain Python": timed("plain Python", 3, plain)}
    try:
        speeds["radCAD"] = timed("radCAD, a list of agents", 2, radcad)
    except ImportError:
        print("radCAD is not installed")
    if len(sys.argv) > 1:
        own = timed("flowc, one thread", 400, lambda runs: flowc(sys.argv[1], runs))
        for what, speed in speeds.items():
            print(f"flowc is {own / speed:.0f} times as fast as {what}")
