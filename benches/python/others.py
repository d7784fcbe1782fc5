"""The models of the race (`benches/models`) in numpy, JAX and radCAD: how fast others are, in million run·steps a second.

    python3 -m venv arrays && arrays/bin/pip install numpy jax
    arrays/bin/python benches/python/others.py numpy jax
    python3 -m venv radcad && radcad/bin/pip install radcad==0.14.0 typing_extensions
    radcad/bin/python benches/python/others.py radcad

Each is used as those who know it well would: numpy over arrays of runs as long as suit the cache, JAX compiled, with a scan over the steps,
radCAD by one function per block, with its costly habits (a copy of the state in each step) on, as they are by default, and
off. radCAD wants an older numpy than JAX does, so each has an environment. All run in one process and one thread. Medians of five turns after one that is not counted.
"""

import math
import os
import random
import statistics
import sys
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
for library in ("OMP", "OPENBLAS", "MKL"):
    os.environ.setdefault(library + "_NUM_THREADS", "1")

STEPS = 60
RUNS = 10_240
SETTINGS = [(fee, sigma) for fee in (0.01, 0.02, 0.05, 0.10) for sigma in (0.1, 0.3)]
OPENING = dict(
    sellers=200.0, buyers=1_000.0, escrow=0.0, treasury=50_000.0, price=1.0, supply=1e6, staked=1e5, reputation=0.6
)
SHARE = [0.05, 0.08, 0.12, 0.15, 0.10, 0.03, 0.02, 0.20, 0.10, 0.05, 0.10]
AT_START = [0.20, 0.10, 0.05, 0.0, 0.0, 0.50, 1 / 3, 0.02, 0.0, 0.15, 0.0]
CLIFF = [0, 3, 6, 12, 12, 0, 1, 0, 9, 2, 18]
LENGTH = [6, 12, 18, 36, 48, 3, 6, 60, 24, 10, 30]
TRANCHES = range(11)


def market(at, fee, sigma, mood, news, shock, exp, log, least, most):
    """A step of W2 from the state `at`; what numbers are is left to the four functions."""
    sellers, buyers, escrow, treasury, price, supply, staked, reputation = at
    demand = buyers * 0.8 * exp(0.25 * mood - 0.03125)
    capacity = sellers * 1.5 * (0.5 * reputation + 0.5)
    deals = least(demand, capacity)
    used = deals / most(capacity, 1e-9)
    settled = escrow * 0.7
    fees = settled * fee
    price = price * exp(sigma * news + (0.002 - 0.5 * sigma * sigma))
    grown = supply + supply * 0.01 * (1 - supply / 5e6)
    left = grown - least(grown, fees * 0.3 / price)
    stakes = staked + (supply - staked) * 0.02 * used - staked * 0.03 * (1 + shock)
    joined = sellers + sellers * 0.04 * used + log(1 + sellers)
    return (
        most(0.0, joined - sellers * 0.03 * (1 + shock)),
        most(
            0.0,
            buyers
            + buyers * 0.06 * reputation * (1 - buyers / 50_000)
            - buyers * 0.04 * (1 + 2 * shock * (1 - used)),
        ),
        escrow + deals * 20 - settled - escrow * 0.05 * (1 - reputation),
        treasury + fees - treasury * 0.03 - shock * treasury * 0.1,
        price,
        left,
        least(left, most(0.0, stakes)),
        most(0.0, least(1.0, reputation + 0.1 * (used * (1 - shock) - 0.5 * reputation))),
    )


def ladder_point(number):
    return 1e9 + 1e3 * number, 0.75 + 0.00003125 * number


def ladder(locked, supply, speed, step, least, most):
    """What each tranche of W1 lets go of in a step, in a list."""
    end, flows = step + 1, []
    for t in TRANCHES:
        granted = supply * (SHARE[t] * (1 - AT_START[t]))
        due = granted * least(1.0, most(0.0, (end - CLIFF[t]) * speed / LENGTH[t])) if end >= CLIFF[t] else 0.0
        flows.append(least(locked[t], most(0.0, due - (granted - locked[t]))))
    return flows


def measure(name, run_steps, turn):
    turn()
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        turn()
        seconds.append(time.perf_counter() - start)
    rate = run_steps / statistics.median(seconds) / 1e6
    print(f"{name:<52} {rate:9.3f}", flush=True)
    return rate


def run_numpy():
    import numpy as np

    kind = (np.exp, np.log, np.minimum, np.maximum)

    def chunk(runs, fee, sigma, luck):
        state = [np.full(runs, x) for x in OPENING.values()]
        for _ in range(STEPS):
            mood, news = luck.standard_normal(runs), luck.standard_normal(runs)
            shock = (luck.random(runs) < 0.02).astype(float)
            state = market(state, fee, sigma, mood, news, shock, *kind)
        return state

    def all_settings(size):
        luck = np.random.Generator(np.random.SFC64(1))
        for fee, sigma in SETTINGS:
            for first in range(0, RUNS, size):
                chunk(min(size, RUNS - first), fee, sigma, luck)

    work = len(SETTINGS) * RUNS * STEPS
    rates = [measure(f"W2, numpy, {n} runs at a time", work, lambda n=n: all_settings(n)) for n in (512, 1024, 2048, 5120, 10240)]
    print(f"{'W2, numpy, best':<52} {max(rates):9.3f}")

    points = 16_384

    def all_points(size):
        for first in range(0, points, size):
            supply, speed = ladder_point(np.arange(first, first + size))
            locked = [supply * (SHARE[t] * (1 - AT_START[t])) for t in TRANCHES]
            circulating = sum(supply * (SHARE[t] * AT_START[t]) for t in TRANCHES)
            for step in range(STEPS):
                flows = ladder(locked, supply, speed, step, np.minimum, np.maximum)
                locked = [x - f for x, f in zip(locked, flows)]
                circulating = circulating + sum(flows)

    rates = [measure(f"W1, numpy, {n} points at a time", points * STEPS, lambda n=n: all_points(n)) for n in (512, 1024, 2048, 4096)]
    print(f"{'W1, numpy, best':<52} {max(rates):9.3f}")


def run_jax():
    import jax
    import jax.numpy as jnp
    from jax import lax

    jax.config.update("jax_enable_x64", True)
    kind = (jnp.exp, jnp.log, jnp.minimum, jnp.maximum)
    fees, sigmas = (jnp.array(column)[:, None] for column in zip(*SETTINGS))

    def draws(key, runs):
        first, second, third = jax.random.split(key, 3)
        shock = jnp.where(jax.random.uniform(third, (runs,)) < 0.02, 1.0, 0.0)
        return jax.random.normal(first, (runs,)), jax.random.normal(second, (runs,)), shock

    def simulate(key, fee, sigma, shape):
        def step(state, key):
            return market(state, fee, sigma, *draws(key, shape[-1]), *kind), None

        opening = tuple(jnp.full(shape, x) for x in OPENING.values())
        return lax.scan(step, opening, jax.random.split(key, STEPS))[0]

    own = jax.jit(lambda key, fee, sigma: simulate(key, fee, sigma, (RUNS,)))
    shared = jax.jit(lambda key: simulate(key, fees, sigmas, (len(SETTINGS), RUNS)))
    work = len(SETTINGS) * RUNS * STEPS
    for kind_of_key in ("threefry2x32", "unsafe_rbg"):
        keys = [jax.random.key(i, impl=kind_of_key) for i in range(len(SETTINGS))]

        def each_own():
            for key, (fee, sigma) in zip(keys, SETTINGS):
                jax.block_until_ready(own(key, fee, sigma))

        measure(f"W2, JAX, {kind_of_key}", work, each_own)
        measure(f"W2, JAX, {kind_of_key}, shared draws", work, lambda: jax.block_until_ready(shared(keys[0])))

    points = 16_384

    @jax.jit
    def all_points():
        supply, speed = ladder_point(jnp.arange(points, dtype=float))
        granted = [supply * (SHARE[t] * (1 - AT_START[t])) for t in TRANCHES]

        def step(state, step):
            locked, circulating = state
            flows = []
            for t in TRANCHES:
                part = jnp.clip((step + 1 - CLIFF[t]) * speed / LENGTH[t], 0.0, 1.0)
                due = jnp.where(step + 1 < CLIFF[t], 0.0, granted[t] * part)
                flows.append(jnp.minimum(locked[t], jnp.maximum(0.0, due - (granted[t] - locked[t]))))
            return ([x - f for x, f in zip(locked, flows)], circulating + sum(flows)), None

        circulating = sum(supply * (SHARE[t] * AT_START[t]) for t in TRANCHES)
        return lax.scan(step, (granted, circulating), jnp.arange(STEPS, dtype=float))[0]

    measure("W1, JAX", points * STEPS, lambda: jax.block_until_ready(all_points()))


def run_radcad():
    from radcad import Experiment, Model, Simulation
    from radcad.engine import Backend, Engine

    names = list(OPENING)
    kind = (math.exp, math.log, min, max)

    def market_policy(params, substep, history, state):
        at = [state[name] for name in names]
        shock = 1.0 if random.random() < 0.02 else 0.0
        after = market(at, params["fee"], params["sigma"], random.gauss(0, 1), random.gauss(0, 1), shock, *kind)
        return dict(zip(names, after))

    def taken(name):
        return lambda params, substep, history, state, signals: (name, signals[name])

    market_blocks = [{"policies": {"market": market_policy}, "variables": {name: taken(name) for name in names}}]

    def ladder_policy(params, substep, history, state):
        locked = [state[f"locked{t}"] for t in TRANCHES]
        flows = ladder(locked, params["supply"], params["speed"], state["timestep"], min, max)
        after = {f"locked{t}": locked[t] - flows[t] for t in TRANCHES}
        return {**after, "circulating": state["circulating"] + sum(flows)}

    supply, speed = ladder_point(0)
    ladder_opening = {f"locked{t}": supply * (SHARE[t] * (1 - AT_START[t])) for t in TRANCHES}
    ladder_opening["circulating"] = sum(supply * (SHARE[t] * AT_START[t]) for t in TRANCHES)
    ladder_blocks = [
        {"policies": {"release": ladder_policy}, "variables": {name: taken(name) for name in ladder_opening}}
    ]

    def turn(opening, blocks, params, runs, **flags):
        model = Model(initial_state=opening, state_update_blocks=blocks, params=params)
        experiment = Experiment([Simulation(model=model, timesteps=STEPS, runs=runs)])
        experiment.engine = Engine(backend=Backend.SINGLE_PROCESS, **flags)
        assert len(experiment.run()) >= runs * STEPS

    market_params = dict(fee=[fee for fee, _ in SETTINGS], sigma=[sigma for _, sigma in SETTINGS])
    ladder_params = dict(supply=[supply], speed=[speed])
    best = dict(deepcopy=False, drop_substeps=True)
    for how, flags, runs in (("as it is", {}, 20), ("best flags", best, 100)):
        work = len(SETTINGS) * runs * STEPS
        measure(f"W2, radCAD, {how}", work, lambda: turn(OPENING, market_blocks, market_params, runs, **flags))
    for how, flags, runs in (("as it is", {}, 100), ("best flags", best, 400)):
        measure(f"W1, radCAD, {how}", runs * STEPS, lambda: turn(ladder_opening, ladder_blocks, ladder_params, runs, **flags))


if __name__ == "__main__":
    asked = sys.argv[1:] or ["numpy", "jax", "radcad"]
    print("million run·steps a second")
    for name, run in (("numpy", run_numpy), ("jax", run_jax), ("radcad", run_radcad)):
        if name in asked:
            run()
