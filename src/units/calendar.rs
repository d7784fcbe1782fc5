//! Dates, and the times they are on a clock that says when it starts.
//!
//! In: dates of the proleptic Gregorian calendar (ISO 8601), and how long the clock's unit is. Out: exact times, and dates
//! back. Invariant: both ways are monotone, and a date comes back from its time. Absent on purpose: hours, time zones, leap
//! seconds, and today.

use std::fmt;

use num_bigint::BigInt;
use num_rational::BigRational;

use super::to_f64;

/// A day of the years 0000 to 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: i32,
    month: u8,
    day: u8,
}

impl Date {
    /// The date that a text such as `2021-08-04` names: four digits, two, and two, and a day that exists.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        let (year, rest) = text.split_once('-')?;
        let (month, day) = rest.split_once('-')?;
        if !(digits(year, 4) && digits(month, 2) && digits(day, 2)) {
            return None;
        }
        let date = Self { year: year.parse().ok()?, month: month.parse().ok()?, day: day.parse().ok()? };
        // A day that does not exist comes back as another, or as none.
        Self::of_day(date.number()).filter(|real| *real == date)
    }

    /// Its month, counted from January of the year 0.
    fn months(self) -> i64 {
        12 * i64::from(self.year) + i64::from(self.month) - 1
    }

    /// Its number among all days.
    fn number(self) -> i64 {
        first_day(self.months()) + i64::from(self.day) - 1
    }

    /// The day of this number.
    fn of_day(number: i64) -> Option<Self> {
        // 400 years are 4800 months and 146 097 days; by that mean a month is at most one too late.
        let mut month = (number * 4800).div_euclid(146_097) + 3;
        while first_day(month) > number {
            month -= 1;
        }
        let year = i32::try_from(month.div_euclid(12)).ok().filter(|year| (0..=9999).contains(year))?;
        let part = |n: i64| u8::try_from(n + 1).ok();
        Some(Self { year, month: part(month.rem_euclid(12))?, day: part(number - first_day(month))? })
    }

    /// The number of the day `months` calendar months on: the same day of the month, or the month's last if it is shorter.
    fn after(self, months: i64) -> i64 {
        let month = self.months() + months;
        let (first, next) = (first_day(month), first_day(month + 1));
        (first + i64::from(self.day) - 1).min(next - 1)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The number of the first day of a month, counted from March 1 of the year 0.
fn first_day(month: i64) -> i64 {
    // Years that begin in March have their leap day at the end, and their months 31 30 31 30 31, twice and once more in part:
    // 153 days in five months (Richards 2013, Explanatory Supplement to the Astronomical Almanac, 15.11).
    let (year, month) = ((month - 2).div_euclid(12), (month - 2).rem_euclid(12));
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + (153 * month + 2) / 5
}

/// How a clock counts dates. The numbers are positive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// A clock of months, or of whole numbers of them: so many months per unit of the clock. A date is whole calendar months
    /// since the start, and the fraction of the month it stands in.
    Months(BigRational),
    /// A clock of any other unit of time: so many days per unit.
    Days(BigRational),
}

impl Calendar {
    /// The time of a date in the clock's unit since `starting`, exactly.
    pub fn time(&self, starting: Date, date: Date) -> BigRational {
        let day = date.number();
        match self {
            Self::Months(per_unit) => {
                // Months are counted from the start itself, not one on another: after January 31 come February 28 and March
                // 31. So each month of the calendar begins one, and these days only ever increase.
                let month = date.months() - starting.months();
                let month = if starting.after(month) > day { month - 1 } else { month };
                let (from, to) = (starting.after(month), starting.after(month + 1));
                let part = BigRational::new(BigInt::from(day - from), BigInt::from(to - from));
                (BigRational::from_integer(month.into()) + part) / per_unit
            }
            Self::Days(per_unit) => BigRational::from_integer((day - starting.number()).into()) / per_unit,
        }
    }

    /// The date of a time since `starting` in the clock's unit: the day in which it falls, rounding aside. `None` before the
    /// year 0000, after 9999, and where the time is no number.
    pub fn date(&self, starting: Date, time: f64) -> Option<Date> {
        let (Self::Months(per_unit) | Self::Days(per_unit)) = self;
        let passed = time * to_f64(per_unit);
        // 10 000 years have fewer days; past them a whole number need not fit.
        if passed.is_nan() || libm::fabs(passed) > 4e6 {
            return None;
        }
        let whole = |days: f64| libm::floor(days + ROUNDING) as i64;
        Date::of_day(match self {
            Self::Months(_) => {
                let month = libm::floor(passed);
                let (from, to) = (starting.after(month as i64), starting.after(month as i64 + 1));
                from + whole((passed - month) * (to - from) as f64)
            }
            Self::Days(_) => starting.number() + whole(passed),
        })
    }
}

/// By how much of a day rounding may have moved a time: a tenth of a second, and far more than doubles lose in 10 000 years.
const ROUNDING: f64 = 1e-6;
