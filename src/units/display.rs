//! Units and numbers as text.

use num_traits::{One, Signed};

use super::{Exponent, Unit, UnitId};

/// A unit as one writes it: `USD/TKN`, `m^2`, `1/month`, `USD/TKN/month`.
pub(super) fn unit<'n>(unit: &Unit, name: impl Fn(UnitId) -> &'n str) -> String {
    let power = |id: UnitId, e: Exponent| {
        let quoted = |n: &str| {
            let plain = n.chars().all(|c| c == '_' || c.is_alphanumeric());
            if plain { n.to_string() } else { format!("`{n}`") }
        };
        match (e.is_one(), e.is_integer()) {
            (true, _) => quoted(name(id)),
            (false, true) => format!("{}^{}", quoted(name(id)), e.numer()),
            (false, false) => format!("{}^({}/{})", quoted(name(id)), e.numer(), e.denom()),
        }
    };
    let above: Vec<_> = unit.factors.iter().filter(|f| f.1.is_positive()).map(|f| power(f.0, f.1)).collect();
    let below: Vec<_> = unit.factors.iter().filter(|f| f.1.is_negative()).map(|f| power(f.0, -f.1)).collect();
    let mut text = if above.is_empty() { "1".into() } else { above.join("*") };
    for part in below {
        text.push('/');
        text.push_str(&part);
    }
    text
}

/// A number with at most `digits` significant digits, no more zeros than it needs, and no magnitude.
pub fn plain(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "undefined".into()
        } else if value > 0.0 {
            "inf".into()
        } else {
            "-inf".into()
        };
    }
    let scientific = format!("{value:.*e}", digits.max(1) - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..=14).contains(&exponent) {
        return format!("{}e{exponent}", trim(mantissa));
    }
    let decimals = (digits as i32 - 1 - exponent).max(0) as usize;
    trim(&format!("{value:.decimals$}")).to_string()
}

/// A number with at most `digits` significant digits and the language's magnitudes: `60M`, `1.25k`.
pub fn magnitude(value: f64, digits: usize) -> String {
    const STEPS: [(f64, &str); 5] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"), (1.0, "")];
    let size = value.abs();
    if !(999.5..1e15).contains(&size) {
        return plain(value, digits);
    }
    for (step, name) in STEPS {
        // 999 999.9 to three digits is 1M and not 1000k.
        let shown = plain(value / step, digits);
        if size >= step || (size / step > 0.999 && shown.trim_start_matches('-') == "1") {
            return format!("{shown}{name}");
        }
    }
    plain(value, digits)
}

fn trim(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}
