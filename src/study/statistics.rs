//! Statistics of many numbers: moments, quantiles, shares, and how sure they are.
//!
//! In: numbers in the order of their runs. Out: [`Spread`], [`Share`], [`Paired`]. Invariant: numbers are added up in groups of
//! 1,024 runs, and the groups in their order, so that the same runs give the same bits whoever ran them. What is undefined
//! (NaN) counts nowhere; what is infinite counts in quantiles, least and greatest, and not in means.
//! Absent on purpose: which numbers, and units.

use crate::builtins::draws::student_t_quantile;
use crate::builtins::normal_quantile;

/// Numbers are added up in groups of so many runs.
pub const GROUP: usize = 1024;

/// How sure an interval is, and how likely a difference is to be seen that is there.
const SURE: f64 = 0.95;
const POWER: f64 = 0.8;

/// Count, mean, and sum of squared deviations from it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Moments {
    /// How many.
    pub n: u64,
    /// Their mean; 0 of none.
    pub mean: f64,
    /// The sum of their squared deviations.
    pub squares: f64,
}

impl Moments {
    /// Of these numbers, all of which are finite.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Moments {
        let (mut all, mut group) = (Moments::default(), Moments::default());
        for x in numbers {
            group.add(x);
            if group.n == GROUP as u64 {
                all.merge(&group);
                group = Moments::default();
            }
        }
        all.merge(&group);
        all
    }

    /// One more (Welford 1962).
    pub fn add(&mut self, x: f64) {
        self.n += 1;
        let off = x - self.mean;
        self.mean += off / self.n as f64;
        self.squares += off * (x - self.mean);
    }

    /// Those of two groups together (Chan, Golub, LeVeque 1979).
    pub fn merge(&mut self, other: &Moments) {
        if self.n == 0 || other.n == 0 {
            *self = if self.n == 0 { *other } else { *self };
            return;
        }
        let n = self.n + other.n;
        let (off, part) = (other.mean - self.mean, other.n as f64 / n as f64);
        self.mean += off * part;
        self.squares += other.squares + off * off * self.n as f64 * part;
        self.n = n;
    }

    /// The variance of the whole from which these are drawn; NaN of fewer than two.
    pub fn variance(&self) -> f64 {
        if self.n < 2 { f64::NAN } else { self.squares / (self.n - 1) as f64 }
    }

    /// Its root.
    pub fn sd(&self) -> f64 {
        self.variance().sqrt()
    }
}

/// A mean and how sure it is, where runs come in samples of the uncertain params: runs of one sample are alike, so that
/// what counts is how far samples are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mean {
    /// Of the finite numbers.
    pub moments: Moments,
    /// The standard error of the mean; NaN of fewer than two samples.
    pub error: f64,
    /// The half width of its 95 % interval (Student 1908).
    pub half: f64,
}

impl Mean {
    /// Of numbers by run, `repeats` runs to a sample; those that are not finite are left out. The error is that of a ratio of
    /// sums over samples (Cochran 1977, 6.3), and where each run is a sample sd / √n.
    pub fn of(numbers: &[f64], repeats: u32) -> Mean {
        let finite = || numbers.iter().copied().filter(|x| x.is_finite());
        let moments = Moments::of(finite());
        let n = moments.n as f64;
        let (samples, error) = if repeats <= 1 {
            (moments.n, moments.sd() / n.sqrt())
        } else {
            let off = |sample: &[f64]| {
                let known = || sample.iter().filter(|x| x.is_finite());
                (known().next().is_some()).then(|| known().map(|x| x - moments.mean).sum::<f64>())
            };
            let offs = Moments::of(numbers.chunks(repeats as usize).filter_map(off).map(|off| off * off));
            let k = offs.n as f64;
            (offs.n, if offs.n < 2 { f64::NAN } else { (k / (k - 1.0) * k * offs.mean).sqrt() / n })
        };
        let half = if samples < 2 { f64::NAN } else { t_quantile(samples - 1) * error };
        Mean { moments, error, half }
    }

    /// The standard deviation that independent runs would need to give this error.
    fn spread(&self) -> f64 {
        self.error * (self.moments.n as f64).sqrt()
    }
}

/// What a number came to in all runs of a design point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Finite numbers: what mean and deviation are of.
    pub n: u64,
    /// Infinite ones.
    pub infinite: u64,
    /// Undefined ones, of runs that did not fail.
    pub undefined: u64,
    /// The mean; NaN of none.
    pub mean: f64,
    /// The standard deviation; NaN of fewer than two.
    pub sd: f64,
    /// The half width of the 95 % interval of the mean.
    pub half: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// The quantiles at 5, 50 and 95 %.
    pub quantiles: [f64; 3],
    /// The most frequent value and how often it is there: what is left to say of labels.
    pub mode: (f64, u64),
}

/// What [`Spread::quantiles`] are at.
pub const QUANTILES: [f64; 3] = [0.05, 0.5, 0.95];

impl Spread {
    /// Of numbers by run, `repeats` runs to a sample; `ended` says which runs were made and did not fail.
    pub fn of(numbers: &[f64], ended: impl Fn(usize) -> bool, repeats: u32) -> Spread {
        let mean = Mean::of(numbers, repeats);
        let moments = mean.moments;
        let mut sorted: Vec<f64> = numbers.iter().copied().filter(|x| !x.is_nan()).collect();
        let all = (0..numbers.len()).filter(|run| ended(*run)).count();
        sorted.sort_unstable_by(f64::total_cmp);
        let none = moments.n == 0;
        Spread {
            n: moments.n,
            infinite: sorted.len() as u64 - moments.n,
            undefined: all.saturating_sub(sorted.len()) as u64,
            mean: if none { f64::NAN } else { moments.mean },
            sd: moments.sd(),
            half: mean.half,
            min: sorted.first().copied().unwrap_or(f64::NAN),
            max: sorted.last().copied().unwrap_or(f64::NAN),
            quantiles: QUANTILES.map(|p| quantile(&sorted, p)),
            mode: mode(&sorted),
        }
    }
}

/// A quantile of numbers in ascending order, none of them NaN: type 7 of Hyndman and Fan (1996), the default of R and numpy.
/// NaN of none.
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = last as f64 * p;
    let below = (at as usize).min(last);
    let (low, high, part) = (sorted[below], sorted[(below + 1).min(last)], at - below as f64);
    // Between two equal infinities lies no difference.
    if part == 0.0 || low == high { low } else { low + part * (high - low) }
}

fn mode(sorted: &[f64]) -> (f64, u64) {
    let groups = sorted.chunk_by(|a, b| a == b);
    groups.fold((f64::NAN, 0), |best, g| if g.len() as u64 > best.1 { (g[0], g.len() as u64) } else { best })
}

/// A share of runs, and the interval in which the share of all possible runs lies with 95 %.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// In how many it holds.
    pub met: u64,
    /// Of how many.
    pub of: u64,
    /// The least share that is likely.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

impl Share {
    /// So many of so many, with the interval of Wilson (1927), which stays between 0 and 1.
    pub fn new(met: u64, of: u64) -> Share {
        Share::sized(met, of, of as f64)
    }

    /// Of runs by number, `repeats` to a sample: whether it is met, nothing of runs that were not made. Where samples differ,
    /// the runs count as so many fewer (Kish 1965, design effect).
    pub fn of(runs: &[Option<bool>], repeats: u32) -> Share {
        let of = runs.iter().flatten().count() as u64;
        let met = runs.iter().flatten().filter(|met| **met).count() as u64;
        if repeats <= 1 {
            return Share::new(met, of);
        }
        let numbers: Vec<f64> = runs.iter().map(|r| r.map_or(f64::NAN, |met| if met { 1.0 } else { 0.0 })).collect();
        let error = Mean::of(&numbers, repeats).error;
        let samples = runs.chunks(repeats as usize).filter(|s| s.iter().any(Option::is_some)).count() as f64;
        let p = met as f64 / of as f64;
        // Where all agree, nothing says how alike the runs of a sample are: no more than that they are all there is.
        let size =
            if error > 0.0 { (p * (1.0 - p) / (error * error)).clamp(samples.min(2.0), of as f64) } else { samples };
        Share::sized(met, of, size)
    }

    fn sized(met: u64, of: u64, n: f64) -> Share {
        if of == 0 {
            return Share { met, of, low: 0.0, high: 1.0 };
        }
        let (p, z) = (met as f64 / of as f64, normal_quantile(0.5 + SURE / 2.0));
        let square = z * z / n;
        let middle = (p + square / 2.0) / (1.0 + square);
        let half = z * (p * (1.0 - p) / n + square / (4.0 * n)).sqrt() / (1.0 + square);
        // At the ends the formula gives 0 and 1 but for rounding.
        let low = if met == 0 { 0.0 } else { (middle - half).max(0.0) };
        let high = if met == of { 1.0 } else { (middle + half).min(1.0) };
        Share { met, of, low, high }
    }

    /// The share; NaN of none.
    pub fn share(&self) -> f64 {
        self.met as f64 / self.of as f64
    }
}

/// The differences between an arm and the arm that it is compared with, run by run: both have the same luck.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Paired {
    /// Runs in which both numbers are finite.
    pub pairs: u64,
    /// The mean difference, this arm less the other; NaN of none.
    pub mean: f64,
    /// The standard deviation of the differences.
    pub sd: f64,
    /// The half width of the 95 % interval of the mean difference.
    pub half: f64,
    /// The mean of the other arm in these runs.
    pub base: f64,
    /// In how many of the pairs this arm has more.
    pub above: u64,
    /// In how many it has less.
    pub below: u64,
    /// The part of the variance that shared luck saves: 1 − var(a − b) / (var a + var b). Below 0 it costs; NaN where nothing
    /// varies.
    pub saved: f64,
    /// Runs after which a difference of 1 % of the other arm's mean would be seen in 80 of 100 such experiments.
    pub runs_for_percent: Option<u64>,
    /// Runs after which one as large as was found would be.
    pub runs_for_sign: Option<u64>,
}

impl Paired {
    /// Of the numbers of an arm and of another, by run, `repeats` to a sample; NaN where a run failed.
    pub fn of(arm: &[f64], base: &[f64], repeats: u32) -> Paired {
        let pairs = || arm.iter().zip(base).filter(|(a, b)| a.is_finite() && b.is_finite());
        // An infinite number less another is no difference.
        let differences: Vec<f64> = arm.iter().zip(base).map(|(a, b)| a - b).collect();
        let difference = Mean::of(&differences, repeats);
        let (one, other) = (Moments::of(pairs().map(|p| *p.0)), Moments::of(pairs().map(|p| *p.1)));
        let apart = one.variance() + other.variance();
        let none = difference.moments.n == 0;
        let mean = if none { f64::NAN } else { difference.moments.mean };
        Paired {
            pairs: difference.moments.n,
            mean,
            sd: difference.moments.sd(),
            half: difference.half,
            base: if none { f64::NAN } else { other.mean },
            above: pairs().filter(|(a, b)| a > b).count() as u64,
            below: pairs().filter(|(a, b)| a < b).count() as u64,
            saved: if apart > 0.0 { 1.0 - difference.moments.variance() / apart } else { f64::NAN },
            runs_for_percent: runs_to_see(other.mean.abs() / 100.0, difference.spread()),
            runs_for_sign: runs_to_see(mean.abs(), difference.spread()),
        }
    }

    /// Whether the interval leaves no doubt which arm has more.
    pub fn sure(&self) -> bool {
        self.mean.abs() > self.half || (self.pairs > 0 && self.sd == 0.0 && self.mean != 0.0)
    }
}

/// How many pairs it takes until a mean difference of this size is told from none in 80 of 100 experiments, by a two-sided
/// test at 5 %: (z₀.₉₇₅ + z₀.₈)² sd² / size², and half of z₀.₉₇₅² for the sd, which is not known either (Guenther 1981).
/// None, if there is no such size or nothing to go by.
pub fn runs_to_see(size: f64, sd: f64) -> Option<u64> {
    if !(size > 0.0 && sd >= 0.0 && size.is_finite() && sd.is_finite()) {
        return None;
    }
    let (sure, power) = (normal_quantile(0.5 + SURE / 2.0), normal_quantile(POWER));
    let part = (sure + power) * (sd / size);
    let runs = libm::ceil(part * part + sure * sure / 2.0);
    Some(if runs < 1e18 { (runs as u64).max(2) } else { u64::MAX })
}

/// How many standard errors the 95 % interval of a mean reaches to each side, with so many degrees of freedom.
pub fn t_quantile(df: u64) -> f64 {
    student_t_quantile(df as f64, 0.5 + SURE / 2.0)
}
