//! Durations as users write them: float seconds, `"150ms"`, a `timedelta`.
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDelta, PyDeltaAccess, PyString, PyTuple};

use super::errors::{bad_type, bad_value};
use crate::sim::{Span, Time};

const ALLOWED: &str = "seconds as a number, text like '150ms' (ns, us, ms, s, min, h, d), or a timedelta";

/// The longest there is: 100 years.
const MOST_NS: u64 = 100 * 365 * 86_400 * 1_000_000_000;

/// A duration in nanoseconds; `parameter` is what an error calls it.
pub fn nanoseconds(value: &Bound<'_, PyAny>, parameter: &str) -> PyResult<Time> {
    let ns = if let Ok(text) = value.cast::<PyString>() {
        parse(text.to_str()?.trim()).ok_or_else(|| bad_value(parameter, value, ALLOWED))?
    } else if let Ok(delta) = value.cast::<PyDelta>() {
        let seconds = i128::from(delta.get_days()) * 86_400 + i128::from(delta.get_seconds());
        (seconds * 1_000_000 + i128::from(delta.get_microseconds())) * 1_000
    } else {
        let number = (!value.is_instance_of::<PyBool>()).then(|| value.extract::<f64>().ok()).flatten();
        let seconds = number.ok_or_else(|| bad_type(parameter, value, ALLOWED))?;
        // NaN becomes -1, which is refused below.
        if seconds.is_nan() { -1 } else { (seconds * 1e9).round() as i128 }
    };
    match u64::try_from(ns) {
        Ok(ns) if ns <= MOST_NS => Ok(ns),
        _ => Err(bad_value(parameter, value, "a duration from 0 to 100 years")),
    }
}

/// A duration, or a pair of them: the shortest and the longest it can be.
pub fn span(value: &Bound<'_, PyAny>, parameter: &str) -> PyResult<Span> {
    let Ok(pair) = value.cast::<PyTuple>() else { return Ok(Span::exactly(nanoseconds(value, parameter)?)) };
    if pair.len() != 2 {
        return Err(bad_value(parameter, value, "a duration or a pair (shortest, longest) of durations"));
    }
    let (min, max) =
        (nanoseconds(&pair.get_item(0)?, parameter)?, nanoseconds(&pair.get_item(1)?, parameter)?);
    if min > max {
        return Err(bad_value(parameter, value, "the shorter duration first"));
    }
    Ok(Span { min, max })
}

/// Exact, unlike arithmetic with floats: `"0.1ms"` is 100,000 ns. Digits below a nanosecond are dropped.
fn parse(text: &str) -> Option<i128> {
    let unit_at = text.find(|c: char| !matches!(c, '0'..='9' | '.' | '_'))?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ns: i128 = match unit.trim_start() {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        _ => return None,
    };
    let number = number.replace('_', "");
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if whole.len() > 20 || fraction.len() > 18 || whole.len() + fraction.len() == 0 {
        return None;
    }
    let digits = |it: &str| if it.is_empty() { Some(0) } else { it.parse::<i128>().ok() };
    let scale = 10_i128.pow(fraction.len() as u32);
    Some(digits(whole)? * unit_ns + digits(fraction)? * unit_ns / scale)
}
