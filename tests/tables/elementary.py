"""Makes elementary.csv: arguments, and what exp, ln, pow and the normal quantile are there. Needs mpmath.

A row: function, the bits of x and of y (0 where there is none), the bits of the double that is nearest to the result, and what the
result is above it, in units of its last place. Arguments are spread over the whole range, crowded where a method changes or
cancels, and those at which the kernels were worst among some millions (HARD).
"""

import math
import random
import struct

from mpmath import erfc, exp, log, mp, mpf, pi, sqrt

mp.prec = 160
dice = random.Random(2026)

HARD = {
    "exp": [0x4077acfef8350e5c, 0xc064a9e6bfee6cb4, 0xc05fc959104cc6e0, 0x406467956bafac34, 0xbff069bafc79357a],
    "ln": [0x3ff66ec770bcea60, 0x3fe69bbe530d11c4, 0x3ff678990ccb0c67, 0x3fe4121e0e7e0c84, 0x3ff672da2808b8c3],
    "pow": [
        (0x404c335f758d820a, 0xc05a7d52173ba08a),
        (0x4052d78ae8d05430, 0x400cf7be5fb411b0),
        (0x3fe793adcbae8d42, 0x4097f2673b79fa19),
        (0x3fefffffbab332a8, 0x41dbb98a6ac41f57),
        (0x70ae31f5a6826046, 0x3fea094ccc9491d9),
    ],
    "normal_quantile": [0x3f9d071dd4d135a0, 0x3fa1e7d84316c1d8, 0x3fee2bd403c7da94, 0x3fee3c4c4af0d853, 0x3fa31e47fa9863b3],
}


def bits(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def double(n):
    return struct.unpack("<d", struct.pack("<Q", n))[0]


def near(x, digits=30):
    """Above or below x by any order of magnitude down to 2 ** -digits."""
    return x + dice.uniform(-1, 1) * 2 ** -dice.uniform(0, digits)


def any_size():
    return double(dice.randrange(1, 0x7FF0 << 48))


def quantile(p):
    p = mpf(p)
    tail = min(p, 1 - p)
    r = sqrt(-2 * log(tail))
    z = mpf(0) if p == 0.5 else r - log(r) / r if tail < 0.1 else sqrt(2 * pi) * (mpf(1) / 2 - tail)
    for _ in range(60):
        found = erfc(z / sqrt(2)) / 2
        step = log(found / tail) * found * sqrt(2 * pi) / exp(-z * z / 2)
        z += step
        if abs(step) < mpf(2) ** -140 * abs(z):
            break
    return z if p > 0.5 else -z


def row(name, result, x, y=None):
    nearest = float(result)
    if not (0 < abs(nearest) < math.inf):
        return
    rest = float((result - mpf(nearest)) / mpf(math.ulp(nearest)))
    print(f"{name},{bits(x):x},{0 if y is None else bits(y):x},{bits(nearest):x},{rest:.3f}")


def power_of(base):
    """A power that makes about any double of a base."""
    return dice.uniform(-745, 709) / math.log(base) if base != 1 else dice.uniform(-9, 9)


xs = [double(n) for n in HARD["exp"]]
xs += [dice.uniform(-745, 709.7) for _ in range(300)] + [dice.uniform(-2, 2) for _ in range(200)] + [near(0.0, 60) for _ in range(100)]
xs += [near((n + 0.5) * math.log(2), 40) for n in range(-20, 20)] + [dice.uniform(-745, -708) for _ in range(60)]
for x in xs:
    row("exp", exp(mpf(x)), x)

xs = [double(n) for n in HARD["ln"]]
xs += [any_size() for _ in range(250)] + [dice.uniform(0.4, 2.5) for _ in range(200)] + [near(1.0, 52) for _ in range(150)]
xs += [near(math.sqrt(0.5), 50) for _ in range(40)] + [double(dice.randrange(1, 1 << 52)) for _ in range(40)]
for x in xs:
    row("ln", log(mpf(x)), x)

pairs = [(double(x), double(y)) for x, y in HARD["pow"]]
bases = [any_size() for _ in range(300)] + [near(1.0, 52) for _ in range(200)] + [dice.uniform(0, 100) for _ in range(200)]
bases += [double(dice.randrange(1, 1 << 52)) for _ in range(40)]
pairs += [(x, power_of(x)) for x in bases if x != 1]
pairs += [(dice.uniform(0, 10), dice.choice([0.5, 2, 3, -1, -2, 1 / 3, 1.5, 12, 365])) for _ in range(200)]
pairs += [(1 + dice.uniform(0, 0.1), dice.randrange(1, 500)) for _ in range(100)]
pairs += [(dice.uniform(0, 10), near(0.0, 60)) for _ in range(60)]
for x, y in pairs:
    try:
        row("pow", mpf(x) ** mpf(y), x, y)
    except OverflowError:
        pass

ps = [double(n) for n in HARD["normal_quantile"]]
ps += [dice.random() for _ in range(400)] + [10 ** -dice.uniform(0, 16) for _ in range(200)] + [1 - 10 ** -dice.uniform(0, 15) for _ in range(100)]
ps += [10 ** -dice.uniform(16, 307) for _ in range(100)] + [double(dice.randrange(1, 1 << 52)) for _ in range(20)]
ps += [near(p, 50) for p in (0.075, 0.925, 0.5) for _ in range(60)]
for p in ps:
    if 0 < p < 1 and p != 0.5:
        row("normal_quantile", quantile(p), p)
