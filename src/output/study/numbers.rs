//! Numbers as short as they are sure: `5.20M ± 0.12M`.

use crate::units::{magnitude, plain};

/// A mean with the half width of its interval: as many digits as the interval leaves, two of its own. Without an interval,
/// or where nothing varies, the number with four digits.
pub(super) fn interval(mean: f64, half: f64) -> String {
    if !mean.is_finite() {
        return if mean.is_nan() { "—".into() } else { plain(mean, 4) };
    }
    // Rounding is no spread.
    if !half.is_finite() || half <= 1e-12 * mean.abs() {
        return magnitude(mean, 4);
    }
    let (scale, name) = scale(mean.abs().max(half));
    let (mean, half) = (mean / scale, half / scale);
    // Two digits of the interval, and no more than six of the mean.
    let first = |x: f64| libm::floor(libm::log10(x)) as i32;
    let decimals = (1 - first(half)).min(5 - first(mean.abs().max(half))).max(0) as usize;
    if !(-8..=14).contains(&first(mean.abs().max(half))) {
        return format!("{} ± {}", plain(mean, 4), plain(half, 2));
    }
    let shown = format!("{half:.decimals$}");
    // An interval that is too narrow for the digits that there is room for.
    if shown.trim_matches(['0', '.']).is_empty() {
        return format!("{} ± {}{name}", plain(mean, 6), plain(half, 1));
    }
    let minus_zero = format!("{mean:.decimals$}");
    let mean = if minus_zero.trim_matches(['-', '0', '.']).is_empty() { "0".to_string() } else { minus_zero };
    format!("{mean}{name} ± {shown}{name}")
}

fn scale(size: f64) -> (f64, &'static str) {
    let steps = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")];
    let found = steps.into_iter().find(|(step, _)| size >= *step && size < 1e15);
    found.unwrap_or((1.0, ""))
}

/// A number with four digits; a dash where it is undefined.
pub(super) fn short(value: f64) -> String {
    if value.is_nan() { "—".into() } else { magnitude(value, 4) }
}

/// A share in percent: one decimal, more near the ends, and never 100 % of what is less.
pub(super) fn percent(share: f64) -> String {
    if share.is_nan() {
        return "—".into();
    }
    let p = share * 100.0;
    let rounded = format!("{p:.1}");
    let text = match rounded.as_str() {
        "100.0" if share < 1.0 => format!("{p:.3}").replace("100.000", "99.999"),
        "0.0" if share > 0.0 => plain(p, 2),
        _ => rounded.trim_end_matches('0').trim_end_matches('.').to_string(),
    };
    format!("{text}%")
}
