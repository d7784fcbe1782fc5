"""Makes chance.csv: quantiles and tails of every distribution by another library. Needs scipy and mpmath.

A row: the form's signature up to its first parenthesis and the names of its parameters, as `gamma(shape scale)`; the arguments;
a value x; the probabilities of at most x and of more; the mean; the standard deviation (empty where there is none).
For small parameters the tails are mpmath's, with forty digits, by the same definitions; for large shapes integrals of the density.
"""

import math

from mpmath import betainc, exp, gammainc, log, loggamma, mp, mpf, quad
from scipy import stats

mp.dps = 40


def pert(low, mode, high):
    return stats.beta(1 + 4 * (mode - low) / (high - low), 1 + 4 * (high - mode) / (high - low), low, high - low)


def lognormal(mean, sd):
    variance = math.log1p((sd / mean) ** 2)
    return stats.lognorm(math.sqrt(variance), scale=mean / math.exp(variance / 2))


def of_beta(mean, sd):
    both = mean * (1 - mean) / sd**2 - 1
    return stats.beta(mean * both, (1 - mean) * both)


def of_gamma(mean, sd):
    return stats.gamma((mean / sd) ** 2, scale=sd**2 / mean)


FORMS = {
    "uniform(low high)": (lambda a, b: stats.uniform(a, b - a), [(0, 1), (-3, 5), (1e6, 1e6 + 1)]),
    "normal(mean sd)": (stats.norm, [(0, 1), (100, 15), (-1e6, 1e-3)]),
    "lognormal(median sigma)": (lambda m, s: stats.lognorm(s, scale=m), [(1, 1), (40, 0.4), (1e-3, 3)]),
    "lognormal(mean sd)": (lognormal, [(40, 10), (1, 5), (1e6, 1)]),
    "triangular(low mode high)": (
        lambda a, m, b: stats.triang((m - a) / (b - a), a, b - a),
        [(0, 1, 4), (0.01, 0.03, 0.08), (2, 2, 3), (2, 3, 3)],
    ),
    "pert(low mode high)": (pert, [(20, 30, 90), (0, 1, 1), (-5, -5, 5)]),
    "beta(a b)": (
        stats.beta,
        [(2, 3), (0.5, 0.5), (0.01, 0.02), (1, 1), (30, 2), (60, 80), (1e4, 3e4), (5, 1e6), (1e8, 1e8), (39.9, 41)],
    ),
    "beta(mean sd)": (of_beta, [(0.12, 0.04), (0.5, 0.45), (0.999, 0.001)]),
    "gamma(shape scale)": (
        lambda a, s: stats.gamma(a, scale=s),
        [(1, 1), (3, 10), (0.5, 2), (0.01, 1), (1e-3, 1), (39.9, 1), (40.1, 1), (250, 3), (1e5, 1e-3), (1e9, 1)],
    ),
    "gamma(mean sd)": (of_gamma, [(30, 10), (1, 4), (1000, 100)]),
    "exponential(mean)": (lambda m: stats.expon(scale=m), [(1,), (3,), (1e-6,)]),
    "exponential(rate)": (lambda r: stats.expon(scale=1 / r), [(10,), (0.01,)]),
    "weibull(shape scale)": (lambda k, s: stats.weibull_min(k, scale=s), [(1.5, 24), (0.3, 1), (10, 2)]),
    "pareto(shape least)": (lambda a, m: stats.pareto(a, scale=m), [(1.16, 100), (3, 1), (0.5, 2), (20, 5)]),
    "logistic(mean scale)": (stats.logistic, [(0, 1), (50, 5)]),
    "student_t(df)": (stats.t, [(1,), (2,), (4,), (0.3,), (30.5,), (200,), (1e6,)]),
    "student_t(df mean scale)": (stats.t, [(4, 0, 0.03), (2.5, 10, 2)]),
    "bernoulli(p)": (stats.bernoulli, [(0.02,), (0.5,), (1,), (0,)]),
    "binomial(n p)": (
        stats.binom,
        [(1, 0.3), (20, 0.3), (7, 0.95), (1000, 0.004), (1000, 0.7), (10**6, 2e-5), (10**9, 1e-9), (10**9, 0.3), (10**9, 1e-12), (50, 0), (50, 1)],
    ),
    "poisson(mean)": (stats.poisson, [(0.05,), (3,), (9.99,), (39.5,), (300,), (1e6,), (1e9,), (0,)]),
    "geometric(p)": (lambda p: stats.geom(p, loc=-1), [(0.2,), (0.9,), (1e-6,), (1,)]),
    "negative_binomial(r p)": (stats.nbinom, [(5, 0.2), (0.3, 0.01), (2.5, 0.9), (1000.5, 0.5), (3, 1)]),
    "negative_binomial(mean r)": (lambda m, r: stats.nbinom(r, r / (r + m)), [(300, 4), (0.1, 0.2), (5, 1e6)]),
    "negative_binomial(mean sd)": (lambda m, s: stats.nbinom(m * m / (s * s - m), m / (s * s)), [(300, 50), (2, 3)]),
}
COUNTS = ("binomial", "poisson", "geometric", "negative_binomial", "bernoulli")


def far(log_density, x, sd, way):
    """The integral of a density from x on, one way."""
    return quad(lambda t: exp(log_density(t)), [x + way * sd * mpf(k) / 2 for k in range(40)]) * way


def by_hand(name, args, x, mean, sd):
    """Both tails of large parameters, integrated."""
    way = -1 if x < mean else 1
    if name == "poisson(mean)":
        # A gamma value of shape x + 1 is below the mean where there are more than x.
        shape, log_gamma = mpf(x) + 1, loggamma(mpf(x) + 1)
        part = far(lambda t: (shape - 1) * log(t) - t - log_gamma, mpf(args[0]), mpf(sd), -way)
        return (part, 1 - part) if way < 0 else (1 - part, part)
    if name == "gamma(shape scale)":
        shape, scale = mpf(args[0]), mpf(args[1])
        log_gamma = loggamma(shape)
        part = far(lambda t: (shape - 1) * log(t) - t - log_gamma, mpf(x) / scale, mpf(sd) / scale, way)
    else:
        a, b = map(mpf, args)
        log_beta = loggamma(a) + loggamma(b) - loggamma(a + b)
        part = far(lambda t: (a - 1) * log(t) + (b - 1) * log(1 - t) - log_beta, mpf(x), mpf(sd), way)
    return (part, 1 - part) if way < 0 else (1 - part, part)


def exact(name, args, x):
    """Both tails with forty digits, where the definition is at hand."""
    x, args = mpf(x), [mpf(a) for a in args]
    if name == "gamma(shape scale)":
        shape, scale = args
        return gammainc(shape, 0, x / scale, regularized=True), gammainc(shape, x / scale, mp.inf, regularized=True)
    if name == "beta(a b)":
        a, b = args
        return betainc(a, b, 0, x, regularized=True), betainc(a, b, x, 1, regularized=True)
    if name == "poisson(mean)" and args[0] > 0:
        return gammainc(x + 1, args[0], mp.inf, regularized=True), gammainc(x + 1, 0, args[0], regularized=True)
    if name == "binomial(n p)" and 0 < args[1] < 1 and x < args[0]:
        n, p = args
        return betainc(n - x, x + 1, 0, 1 - p, regularized=True), betainc(x + 1, n - x, 0, p, regularized=True)
    if name == "student_t(df)":
        df = args[0]
        tail = betainc(df / 2, mpf(1) / 2, 0, df / (df + x * x), regularized=True) / 2
        return (tail, 1 - tail) if x < 0 else (1 - tail, tail)
    if name == "pareto(shape least)":
        above = (args[1] / x) ** args[0]
        return 1 - above, above
    if name == "triangular(low mode high)":
        low, mode, high = args
        above = (high - x) ** 2 / ((high - low) * (high - mode)) if x >= mode else None
        below = (x - low) ** 2 / ((high - low) * (mode - low)) if x < mode else 1 - above
        return below, 1 - below
    return None


for name, (make, settings) in FORMS.items():
    for args in settings:
        dist = make(*args)
        mean, sd = dist.mean(), dist.std()
        if name.endswith("(mean sd)"):
            mean, sd = args
        moments = [repr(float(m)) if math.isfinite(m) else "" for m in (mean, sd)]
        seen = set()
        for p in (1e-12, 1e-6, 1e-3, 0.05, 0.3, 0.5, 0.8, 0.99, 1 - 1e-5, 1 - 1e-9):
            x = float(dist.ppf(p))
            if not math.isfinite(x) or x in seen or (name.startswith(COUNTS) and x < 0):
                continue
            seen.add(x)
            tails = exact(name, args, x) if max(abs(a) for a in args) <= 100 else None
            if name in ("gamma(shape scale)", "poisson(mean)", "beta(a b)") and min(args[0], args[1] if name[0] == "b" else math.inf) > 1e4:
                tails = by_hand(name, args, x, mean, sd)
            below, above = tails or (dist.cdf(x), dist.sf(x))
            print(",".join([name, " ".join(map(repr, args)), repr(x), repr(float(below)), repr(float(above)), *moments]))
