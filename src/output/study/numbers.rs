//! Numbers as short as they are sure: `5.20M ± 0.12M`.

use crate::units::{magnitude, plain};

/// Which signs are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    /// That of what is below 0.
    Less,
    /// Of all but 0.
    Always,
}

/// A mean with the half width of its interval: as many digits as the interval leaves, two of its own. Without an interval,
/// or where nothing varies, the number with four digits. `whole` says that no magnitude takes its place: of years.
pub(super) fn interval(mean: f64, half: f64, sign: Sign, whole: bool) -> String {
    let plus = if sign == Sign::Always && mean > 0.0 { "+" } else { "" };
    if !mean.is_finite() {
        return if mean.is_nan() { "—".into() } else { format!("{plus}{}", plain(mean, 4)) };
    }
    // Rounding is no spread.
    if !half.is_finite() || half <= 1e-12 * mean.abs() {
        return format!("{plus}{}", if whole { plain(mean, 6) } else { magnitude(mean, 4) });
    }
    let size = mean.abs().max(half);
    let first = |x: f64| libm::floor(libm::log10(x)) as i32;
    if !(-5..=14).contains(&first(size)) {
        return format!("{plus}{} ± {}", plain(mean, 4), plain(half, 2));
    }
    let (scale, name) = if whole { (1.0, "") } else { scale(size) };
    let (mean, half, size) = (mean / scale, half / scale, size / scale);
    // Two digits of the interval, and no more than six of the mean.
    let decimals = (1 - first(half)).min(5 - first(size)).max(0) as usize;
    let shown = format!("{half:.decimals$}");
    let least = if zero(&shown) { format!("{:.decimals$}", libm::exp10(-(decimals as f64))) } else { shown };
    let mean = format!("{mean:.decimals$}");
    let mean = if zero(&mean) { mean.trim_start_matches('-').to_string() } else { format!("{plus}{mean}") };
    format!("{mean}{name} ± {least}{name}")
}

fn zero(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '-' | '0' | '.'))
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
        "-0.0" => "0".to_string(),
        _ => rounded.trim_end_matches('0').trim_end_matches('.').to_string(),
    };
    format!("{text}%")
}
