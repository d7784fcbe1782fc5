//! Numbers as exact rationals.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};

use crate::source::Span;
use crate::syntax::ast;
use crate::syntax::token::Number;

/// A number of more digits than this is a mistake, and costs more than it says.
const MAX_DIGITS: usize = 400;

/// What is wrong with a number, and what to write instead where that is clear.
pub(super) struct BadNumber {
    pub fact: String,
    pub fix: Option<String>,
}

/// The exact value of a number.
pub(super) fn value(number: Number, span: Span) -> Result<ast::Number, BadNumber> {
    let digits = &number.text[..number.digits];
    let (factor, percent) = match number.suffix() {
        "" => (BigRational::one(), false),
        "%" => (BigRational::new(1.into(), 100.into()), true),
        "k" => (power_of_ten(3), false),
        "M" => (power_of_ten(6), false),
        "B" => (power_of_ten(9), false),
        "T" => (power_of_ten(12), false),
        other => return Err(bad_suffix(digits, other)),
    };
    let Some(value) = decimal(digits) else {
        return Err(BadNumber { fact: "this number has too many digits to mean anything".into(), fix: None });
    };
    let value = value * factor;
    if !value.to_f64().is_some_and(f64::is_finite) {
        return Err(BadNumber { fact: "this number is larger than any that can be computed with".into(), fix: None });
    }
    Ok(ast::Number { value, percent, span })
}

/// 10 to the power `n`.
fn power_of_ten(n: i32) -> BigRational {
    let ten = BigRational::from_integer(BigInt::from(10));
    num_traits::Pow::pow(&ten, n)
}

fn decimal(text: &str) -> Option<BigRational> {
    let text: String = text.chars().filter(|c| *c != '_').collect();
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let exponent: i32 = exponent.parse().ok()?;
    if whole.len() + fraction.len() > MAX_DIGITS || exponent.abs() > MAX_DIGITS as i32 {
        return None;
    }
    let digits: BigInt = format!("{whole}{fraction}").parse().ok()?;
    if digits.is_zero() {
        return Some(BigRational::zero());
    }
    Some(BigRational::from_integer(digits) * power_of_ten(exponent - fraction.len() as i32))
}

fn bad_suffix(digits: &str, suffix: &str) -> BadNumber {
    if let Some(rest) = suffix.strip_prefix('.') {
        let fix = if rest.is_empty() { format!("{digits}.0") } else { format!("{digits} {rest}") };
        return BadNumber { fact: "a number wants a digit after its point".into(), fix: Some(fix) };
    }
    let magnitude = match suffix {
        "K" => Some("k"),
        "m" | "mio" | "mn" | "MM" => Some("M"),
        "b" | "bn" | "G" => Some("B"),
        "t" | "tn" => Some("T"),
        _ => None,
    };
    if let Some(magnitude) = magnitude {
        return BadNumber {
            fact: format!("`{suffix}` is no magnitude: they are `k` (10³), `M` (10⁶), `B` (10⁹) and `T` (10¹²)"),
            fix: Some(format!("{digits}{magnitude}")),
        };
    }
    let (magnitude, unit) = match suffix.chars().next() {
        // `B` and `T` begin names of tokens more often than they are stuck to one.
        Some(c @ ('k' | 'M')) if suffix.len() > 1 && suffix[1..].starts_with(char::is_uppercase) => {
            (c.to_string(), &suffix[1..])
        }
        _ => (String::new(), suffix),
    };
    BadNumber {
        fact: format!("a unit stands apart from its number, and `{suffix}` is no magnitude (`k M B T`)"),
        fix: Some(format!("{digits}{magnitude} {unit}")),
    }
}
