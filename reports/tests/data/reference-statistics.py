#!/usr/bin/env python3
"""Writes the results of SciPy and statsmodels for the samples of the tests to reports/tests/data/statistics.json.

    reports/tests/data/reference-statistics.py

Run it when cases are added; the file is committed, so that the tests need no Python. Needs Python 3 and

    pip install scipy numpy statsmodels

Where SciPy has no function (the interval of Hodges and Lehmann's estimate, p-values with ties in samples that are too large
to enumerate), the value is computed here from its definition, in whole numbers and by another method than in the Rust code.
"""

import itertools
import json
import math
import pathlib
import sys
from fractions import Fraction

try:
    import numpy
    import scipy
    from scipy import stats
    from statsmodels.stats.multitest import multipletests
except ImportError as error:
    sys.exit(f"error: {error}: pip install scipy numpy statsmodels")

OUTPUT = pathlib.Path(__file__).resolve().parent / "statistics.json"
SEED = 20241124
# `EXACT_UP_TO` of the Rust code: the maximum number of units other than 0 for which it is exact. Beyond it is normal.
EXACT_UP_TO = 60
# The maximum number of units whose sign patterns SciPy enumerates: 2 to the power of it.
ENUMERABLE = 12
RESAMPLES = 20_000
# `RESAMPLES` of the Rust code, which are fewer, so its ends are less certain.
RUST_RESAMPLES = 2_000
# The maximum difference of two bootstraps, in standard errors of an end.
ERRORS = 4

generator = numpy.random.default_rng(SEED)


def sign_patterns(ranks):
    """The number of sign patterns that give each positive rank sum, exactly: a dictionary of integers."""
    counts = {Fraction(0): 1}
    for rank in ranks:
        following = dict(counts)
        for total, count in counts.items():
            following[total + rank] = following.get(total + rank, 0) + count
        counts = following
    return counts


def p_value(sample):
    """SciPy's two-sided p-value if it has one; otherwise that of all sign patterns, counted."""
    sizes = numpy.abs(sample)
    nonzero = sizes[sizes > 0]
    if len(nonzero) == 0:
        return 1.0
    plain = len(nonzero) == len(sample) == len(set(nonzero))
    if len(nonzero) > EXACT_UP_TO:
        how = {"method": "approx", "correction": True}
    elif plain:
        how = {"method": "exact"}
    elif len(sample) <= ENUMERABLE:
        how = {"method": stats.PermutationMethod(n_resamples=math.inf)}
    else:
        ranks = [Fraction(rank).limit_denominator(2) for rank in stats.rankdata(sizes)]
        signed = [(value, rank) for value, rank in zip(sample, ranks) if value != 0]
        positive = sum((rank for value, rank in signed if value > 0), Fraction(0))
        smaller = min(positive, sum(rank for _, rank in signed) - positive)
        counts = sign_patterns([rank for _, rank in signed])
        tail = sum(count for total, count in counts.items() if total <= smaller)
        return float(min(Fraction(1), Fraction(2 * tail, 2 ** len(signed))))
    return float(stats.wilcoxon(sample, zero_method="pratt", alternative="two-sided", **how).pvalue)


def interval(sample, level):
    """Between the k-th Walsh averages from both ends, k from the exact quantile of the signed-rank distribution."""
    averages = sorted((one + other) / 2 for one, other in itertools.combinations_with_replacement(sample, 2))
    units = len(sample)
    tail = (1 - level) / 2
    if units > EXACT_UP_TO:
        mean = units * (units + 1) / 4
        deviation = math.sqrt(units * (units + 1) * (2 * units + 1) / 24)
        outside = math.floor(mean - 0.5 + stats.norm.ppf(tail) * deviation) + 1
    else:
        counts = sign_patterns(map(Fraction, range(1, units + 1)))
        outside, below = 0, 0
        while True:
            below += counts[Fraction(outside)]
            if Fraction(below, 2**units) > tail:
                break
            outside += 1
    if outside == 0:
        return None
    return [float(averages[outside - 1]), float(averages[-outside])]


def signed_rank(name, sample, level=0.95):
    sample = numpy.array(sample, dtype=float)
    averages = [(one + other) / 2 for one, other in itertools.combinations_with_replacement(sample, 2)]
    return {
        "name": name,
        "sample": sample.tolist(),
        "level": level,
        "estimate": float(numpy.median(averages)),
        "interval": interval(sample, level),
        "p_value": p_value(sample),
    }


def signed_rank_cases():
    # Darwin's maize, cross- and self-fertilised: the example of SciPy's documentation, after Cureton (1967).
    yield signed_rank("Darwin's plants", [6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75])
    yield signed_rank("one unit", [0.25])
    yield signed_rank("all zero", [0, 0, 0, 0, 0, 0])
    yield signed_rank("all equal", [0.125] * 8)
    yield signed_rank("ties over zero", [-1, 1, -1, 1, 2, -2])
    yield signed_rank("tiny and huge", [1e-12, -1e-12, 3e-12, 1e6, 2e6, -5e5, 7e5])
    for units in [2, 5, 6, 7, 10, 17, 25, 40, 60, 61, 100]:
        shift = 0.8 / math.sqrt(units)
        level = [0.9, 0.95, 0.99][units % 3]
        yield signed_rank(f"normal, {units}", numpy.round(generator.normal(shift, 1, units), 9), level)
        yield signed_rank(f"heavy tails, {units}", numpy.round(generator.standard_t(2, units), 9), level)
    for units in [4, 8, 12, 20, 45, 75, 120]:
        tied = generator.integers(-4, 7, units) / 8
        yield signed_rank(f"ties and zeros, {units}", tied)
        yield signed_rank(f"ties, {units}", numpy.where(tied == 0, 0.5, tied))


def deals(ranks, size):
    """The number of ways to draw `size` of the ranks that give each sum, exactly: a dictionary of integers."""
    counts = {(0, Fraction(0)): 1}
    for rank in ranks:
        following = dict(counts)
        for (dealt, total), count in counts.items():
            if dealt < size:
                key = (dealt + 1, total + rank)
                following[key] = following.get(key, 0) + count
        counts = following
    return {total: count for (dealt, total), count in counts.items() if dealt == size}


def rank_sum_p_value(one, other):
    """SciPy's two-sided p-value if it has one; otherwise that of all ways to assign the ranks, counted."""
    both = numpy.concatenate([one, other])
    plain = len(set(both)) == len(both)
    if len(both) > EXACT_UP_TO:
        how = {"method": "asymptotic", "use_continuity": True}
    elif plain:
        how = {"method": "exact"}
    elif len(both) <= ENUMERABLE:
        how = {"method": stats.PermutationMethod(n_resamples=math.inf)}
    else:
        ranks = [Fraction(rank).limit_denominator(2) for rank in stats.rankdata(both)]
        found = sum(ranks[: len(one)], Fraction(0))
        counts = deals(ranks, len(one))
        less = sum(count for total, count in counts.items() if total <= found)
        more = sum(count for total, count in counts.items() if total >= found)
        return float(min(Fraction(1), Fraction(2 * min(less, more), sum(counts.values()))))
    return float(stats.mannwhitneyu(one, other, alternative="two-sided", **how).pvalue)


def rank_sum_interval(one, other, level):
    """Between the k-th differences from both ends, k from the exact quantile of Mann and Whitney's U."""
    differences = sorted(float(x - y) for x in one for y in other)
    count, tail = len(one) + len(other), (1 - level) / 2
    if count > EXACT_UP_TO:
        mean = len(one) * len(other) / 2
        deviation = math.sqrt(len(one) * len(other) * (count + 1) / 12)
        outside = math.floor(mean - 0.5 + stats.norm.ppf(tail) * deviation) + 1
    else:
        counts = deals(map(Fraction, range(1, count + 1)), len(one))
        ways, least = sum(counts.values()), len(one) * (len(one) + 1) // 2
        outside, below = 0, 0
        while True:
            below += counts[Fraction(least + outside)]
            if Fraction(below, ways) > tail:
                break
            outside += 1
    if outside <= 0:
        return None
    return [differences[outside - 1], differences[-outside]]


def rank_sum(name, one, other, level=0.95):
    one, other = (numpy.array(sample, dtype=float) for sample in (one, other))
    return {
        "name": name,
        "one": one.tolist(),
        "other": other.tolist(),
        "level": level,
        "estimate": float(numpy.median([x - y for x in one for y in other])),
        "interval": rank_sum_interval(one, other, level),
        "p_value": rank_sum_p_value(one, other),
    }


def rank_sum_cases():
    # A separate generator, so that the cases of the others stay the same.
    own = numpy.random.default_rng(SEED + 1)
    # The example of SciPy's documentation: ages at which diabetes was found in men and in women.
    yield rank_sum("diabetes", [19, 22, 16, 29, 24], [20, 11, 17, 12])
    yield rank_sum("one and one", [0.25], [1])
    yield rank_sum("all equal", [0.125] * 6, [0.125] * 5)
    yield rank_sum("apart", [5, 6, 7, 8], [1, 2, 3, 4])
    yield rank_sum("tiny and huge", [1e-12, -1e-12, 3e-12, 7e5], [1e6, 2e6, -5e5, 8e5, 0])
    for count, others in [(2, 3), (5, 5), (7, 6), (10, 10), (12, 17), (30, 30), (20, 41), (60, 55)]:
        shift = 1.5 / math.sqrt(count)
        level = [0.9, 0.95, 0.99][count % 3]
        yield rank_sum(f"normal, {count} and {others}", numpy.round(own.normal(shift, 1, count), 9),
                       numpy.round(own.normal(0, 1, others), 9), level)
        yield rank_sum(f"heavy tails, {count} and {others}", numpy.round(own.standard_t(2, count) + shift, 9),
                       numpy.round(own.standard_t(2, others), 9), level)
    for count, others in [(4, 5), (6, 6), (9, 14), (28, 32), (40, 44)]:
        yield rank_sum(f"ties, {count} and {others}", own.integers(-3, 6, count) / 8, own.integers(-4, 5, others) / 8)


def holm_cases():
    lists = [[], [0.04], [0.01, 0.04, 0.03, 0.005], [1, 1, 1], [0, 0.5, 0.5, 1], [0.02] * 6]
    lists += [numpy.round(generator.beta(0.4, 2, size), 6).tolist() for size in [2, 10, 45, 100]]
    for p_values in lists:
        adjusted = multipletests(p_values, method="holm")[1].tolist() if p_values else []
        yield {"p_values": [float(p) for p in p_values], "adjusted": adjusted}


def bootstrap_case(clusters, level):
    indices = numpy.arange(len(clusters))

    def pooled_median(drawn):
        return numpy.median(numpy.concatenate([clusters[int(index)] for index in drawn]))

    result = stats.bootstrap(
        (indices,), pooled_median, n_resamples=RESAMPLES, confidence_level=level, method="percentile",
        vectorized=False, rng=generator,
    )
    interval = [float(result.confidence_interval.low), float(result.confidence_interval.high)]
    # An end is a quantile of the resamples; so is the value a few standard errors of its share away.
    tail = (1 - level) / 2
    error = ERRORS * math.sqrt(tail * (1 - tail) / RUST_RESAMPLES)
    tolerance = 0.0
    for share, end in zip((tail, 1 - tail), interval):
        near = numpy.quantile(result.bootstrap_distribution, [max(share - error, 0), min(share + error, 1)])
        tolerance = max(tolerance, *numpy.abs(near - end).tolist())
    return {
        "clusters": [[float(value) for value in cluster] for cluster in clusters],
        "level": level,
        "interval": interval,
        "tolerance": tolerance,
    }


def bootstrap_cases():
    for count, rounds, level in [(8, 5, 0.9), (12, 12, 0.95), (40, 4, 0.95), (30, 10, 0.9)]:
        luck = generator.normal(0, 0.3, count)
        sizes = generator.integers(max(1, rounds - 2), rounds + 3, count)
        clusters = [numpy.round(100 * numpy.exp(own + generator.normal(0, 0.2, size)), 3)
                    for own, size in zip(luck, sizes)]
        yield bootstrap_case(clusters, level)


reference = {
    "made_by": f"reports/tests/data/reference-statistics.py, SciPy {scipy.__version__}",
    "signed_rank": list(signed_rank_cases()),
    "rank_sum": list(rank_sum_cases()),
    "holm": list(holm_cases()),
    "bootstrap": list(bootstrap_cases()),
}
lines = [f'"made_by": {json.dumps(reference.pop("made_by"))}']
for name, cases in reference.items():
    rows = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    lines.append(f'"{name}": [\n{rows}\n]')
OUTPUT.parent.mkdir(parents=True, exist_ok=True)
OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")
print(f"{OUTPUT}: {OUTPUT.stat().st_size:,} bytes")
