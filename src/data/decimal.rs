//! Decimal numbers, exactly as they are written.
//!
//! In: the text of a cell. Out: a [`Decimal`] of sixteen bytes, which a rational or a double is made of when it is
//! needed. Invariant: two of them are equal where their values are. Absent on purpose: numbers as a spreadsheet shows
//! them (`1,000`, `€ 5`, `(3)`), because what they mean hangs on the country.

use num_bigint::BigInt;
use num_rational::BigRational;

/// The most digits that are kept; the rest is rounded, half to even.
const DIGITS: u32 = 18;

/// The largest power of ten, up or down.
const MAX_EXPONENT: i32 = 400;

/// `mantissa · 10^exponent`. The mantissa does not end in 0, unless it is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i64,
    exponent: i32,
}

impl Decimal {
    /// Reads a number: digits with `_` between them and a point (`.5` and `1.`, too), an exponent, then one of
    /// `k M B T` or `%`. `None` for all else, blanks included, and for powers of ten past ±400.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (text, power) = match text.as_bytes().last()? {
            b'%' => (&text[..text.len() - 1], -2),
            b'k' => (&text[..text.len() - 1], 3),
            b'M' => (&text[..text.len() - 1], 6),
            b'B' => (&text[..text.len() - 1], 9),
            b'T' => (&text[..text.len() - 1], 12),
            _ => (text, 0),
        };
        let (digits, written) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, whole(exponent)?),
            None => (text, 0),
        };
        let (before, after) = digits.split_once('.').unwrap_or((digits, ""));
        if (before.is_empty() && after.is_empty()) || !grouped(before) || !grouped(after) {
            return None;
        }
        let mut number = Digits::default();
        before.bytes().for_each(|b| number.push(b));
        number.fraction = true;
        after.bytes().for_each(|b| number.push(b));
        number.finish(negative, i64::from(written) + power)
    }

    /// The exact value.
    pub fn to_rational(&self) -> BigRational {
        let power = BigInt::from(10).pow(self.exponent.unsigned_abs());
        if self.exponent < 0 {
            BigRational::new(self.mantissa.into(), power)
        } else {
            BigRational::from_integer(power * self.mantissa)
        }
    }

    /// The nearest double, half to even; infinite past the largest.
    pub fn to_f64(&self) -> f64 {
        // The standard library rounds a text once, the same on every machine, and any such text is a number.
        format!("{}e{}", self.mantissa, self.exponent).parse().unwrap_or(f64::NAN)
    }
}

/// An exponent as it is written.
fn whole(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n: &i32| plain && n.unsigned_abs() <= MAX_EXPONENT as u32)
}

/// Whether these are digits, with one `_` at a time between two of them.
fn grouped(text: &str) -> bool {
    text.is_empty() || text.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()))
}

/// Digits as they come in.
#[derive(Default)]
struct Digits {
    mantissa: i64,
    /// How many digits the mantissa has.
    kept: u32,
    /// The power of ten by which the mantissa is smaller than what was read.
    shift: i64,
    /// Whether the point was passed.
    fraction: bool,
    /// The first digit that was not kept, and whether one that is not 0 came after it.
    next: Option<u8>,
    more: bool,
}

impl Digits {
    fn push(&mut self, byte: u8) {
        if byte == b'_' {
            return;
        }
        let digit = byte - b'0';
        self.shift -= i64::from(self.fraction);
        if self.kept < DIGITS {
            self.mantissa = self.mantissa * 10 + i64::from(digit);
            self.kept += u32::from(self.mantissa != 0);
            return;
        }
        self.shift += 1;
        match self.next {
            None => self.next = Some(digit),
            Some(_) => self.more |= digit != 0,
        }
    }

    fn finish(mut self, negative: bool, power: i64) -> Option<Decimal> {
        let next = self.next.unwrap_or(0);
        let odd = self.mantissa % 2 == 1;
        self.mantissa += i64::from(next > 5 || (next == 5 && (self.more || odd)));
        if self.mantissa == 0 {
            return Some(Decimal::default());
        }
        let mut exponent = self.shift + power;
        while self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            exponent += 1;
        }
        let exponent = i32::try_from(exponent).ok().filter(|e| e.abs() <= MAX_EXPONENT)?;
        Some(Decimal { mantissa: if negative { -self.mantissa } else { self.mantissa }, exponent })
    }
}
