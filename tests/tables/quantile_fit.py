"""Makes the coefficients of src/builtins/kernels/quantile.rs. Needs mpmath.

Interpolates at Chebyshev's nodes by rational functions, which comes within a small factor of the least largest error;
prints the largest error relative to the quantile, as a power of 2, and the coefficients, the highest power first.
"""

from mpmath import cos, erf, erfc, exp, findroot, log, lu_solve, matrix, mp, mpf, nstr, pi, polyval, sqrt

mp.prec = 260
ROOT = sqrt(2 * pi)
EDGE = mpf("0.180625")  # 0.425 squared


def middle(c):
    """With t = EDGE - c = q * q: (z / q - ROOT) / t."""
    q = sqrt(EDGE - c)
    z = findroot(lambda z: erf(z / sqrt(2)) / 2 - q, q * ROOT)
    return (z / q - ROOT) / (q * q)


def outside(r):
    """With r = sqrt(-2 ln p): r - |z|, where p = (1 - erf(z / sqrt 2)) / 2, by Newton's method on the logarithm."""
    z = r - log(r) / r
    step = mpf(1)
    while abs(step) > mpf(2) ** -230:
        tail = erfc(z / sqrt(2)) / 2
        step = (log(tail) + r * r / 2) * tail * ROOT / exp(-z * z / 2)
        z += step
    return r - z


def fit(name, f, low, high, degree, weight, into=lambda x: x, back=lambda x: x):
    nodes = 2 * degree + 1
    a, b = into(mpf(low)), into(mpf(high))
    rows, right = matrix(nodes, nodes), matrix(nodes, 1)
    for i in range(nodes):
        x = back((a + b) / 2 + (b - a) / 2 * cos(pi * (2 * i + 1) / (2 * nodes)))
        right[i] = f(x)
        for j in range(degree + 1):
            rows[i, j] = x**j
        for j in range(1, degree + 1):
            rows[i, degree + j] = -right[i] * x**j
    solution = list(lu_solve(rows, right))
    numer, denom = solution[degree::-1], solution[:degree:-1] + [mpf(1)]
    points = [back(a + (b - a) * (i + mpf(1) / 2) / 300) for i in range(300)]
    worst = max(abs((polyval(numer, x) / polyval(denom, x) - f(x)) * weight(x)) for x in points)
    print(name, nstr(log(worst, 2), 4))
    for pair in zip(numer, denom):
        print("    [" + ", ".join(repr(float(c)) for c in pair) + "],")


print("sqrt(2 pi)", float(ROOT), "and", float(ROOT - float(ROOT)))
fit("MIDDLE", middle, 0, EDGE - mpf("1e-12"), 8, lambda c: (EDGE - c) / (ROOT + (EDGE - c) * middle(c)))
fit("OUTSIDE", outside, sqrt(-2 * log(mpf("0.0751"))), 38.7, 11, lambda r: 1 / (r - outside(r)), log, exp)
