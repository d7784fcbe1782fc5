//! Functions of a whole run: one number out of all its rows.
//!
//! In: a value a row, in the order of rows. Out: the number. Invariant: sums are folded strictly from the first row to the
//! last. Absent on purpose: which rows count; that is the caller's, from the window.

/// A function of a whole run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reducer {
    /// The value in the last row.
    Final,
    /// The value in the first.
    Initial,
    /// The sum of value · dt; of a transfer, of the values.
    Total,
    /// The mean.
    Mean,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The standard deviation over rows, with n as divisor: the rows are all there are.
    Sd,
    /// The value at a time.
    At,
    /// The first time at which a condition holds; inf if it never does.
    FirstTime,
    /// The last; −inf if it never does.
    LastTime,
    /// When the greatest value was first reached.
    TimeOfMax,
    /// The deepest fall from a peak, as a share of that peak.
    Drawdown,
}

/// A reducer at work.
#[derive(Clone, Debug)]
pub struct Accumulator {
    reducer: Reducer,
    count: f64,
    value: f64,
    /// Welford's sum of squares, the peak so far, or the greatest value, as the reducer needs it.
    extra: f64,
}

impl Accumulator {
    /// A reducer that has seen nothing.
    pub fn new(reducer: Reducer) -> Self {
        let value = match reducer {
            Reducer::Total | Reducer::Mean | Reducer::Sd | Reducer::Drawdown => 0.0,
            Reducer::FirstTime => f64::INFINITY,
            Reducer::LastTime => f64::NEG_INFINITY,
            _ => f64::NAN,
        };
        Self { reducer, count: 0.0, value, extra: 0.0 }
    }

    /// The next row: its value, its time, and the length of its step (1 for a transfer).
    pub fn push(&mut self, value: f64, time: f64, dt: f64) {
        let first = self.count == 0.0;
        self.count += 1.0;
        match self.reducer {
            Reducer::Final | Reducer::At => self.value = value,
            Reducer::Initial => {
                if first {
                    self.value = value;
                }
            }
            Reducer::Total => self.value += value * dt,
            // A running mean would round at every row; the sum rounds less.
            Reducer::Mean => self.value += value,
            Reducer::Min => {
                if first || value < self.value || value.is_nan() {
                    self.value = value;
                }
            }
            Reducer::Max => {
                if first || value > self.value || value.is_nan() {
                    self.value = value;
                }
            }
            Reducer::Sd => {
                // Welford 1962: stable where the mean is large and the spread is small.
                let delta = value - self.value;
                self.value += delta / self.count;
                self.extra += delta * (value - self.value);
            }
            Reducer::FirstTime => {
                if value != 0.0 && self.value == f64::INFINITY {
                    self.value = time;
                }
            }
            Reducer::LastTime => {
                if value != 0.0 {
                    self.value = time;
                }
            }
            Reducer::TimeOfMax => {
                if value.is_nan() || self.extra.is_nan() {
                    (self.value, self.extra) = (f64::NAN, f64::NAN);
                } else if first || value > self.extra {
                    self.extra = value;
                    self.value = time;
                }
            }
            Reducer::Drawdown => {
                if first || value > self.extra {
                    self.extra = value;
                }
                let fall = (self.extra - value) / self.extra;
                // What is undefined in one row is undefined for the run; a peak of 0 or less has no share.
                if value.is_nan() || self.extra.is_nan() {
                    (self.value, self.extra) = (f64::NAN, f64::NAN);
                } else if self.extra > 0.0 && fall > self.value {
                    self.value = fall;
                }
            }
        }
    }

    /// The number; NaN where there were no rows and the function has no value of nothing.
    pub fn finish(&self) -> f64 {
        match self.reducer {
            Reducer::Mean => self.value / self.count,
            Reducer::Sd if self.count > 0.0 => libm::sqrt(self.extra / self.count),
            Reducer::Sd => f64::NAN,
            _ => self.value,
        }
    }
}
