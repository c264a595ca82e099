//! Durations as specs and flags write them.

use std::time::Duration;

/// Reads a duration as specs and flags write it: a whole number and `ms`, `s`, `m` or `h`.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|char: char| !char.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_a_whole_number_and_a_unit() {
        let check = |text, expected: Option<u64>| assert_eq!(parse_duration(text), expected.map(Duration::from_millis));
        check("50ms", Some(50));
        check("5s", Some(5_000));
        check("5m", Some(300_000));
        check("24h", Some(86_400_000));
        check("5", None);
        check("1.5h", None);
        check("h", None);
        check("-1s", None);
        check("99999999999999999999s", None);
    }
}
