//! Times on the command line, such as `500ms`, `60s` or `5m`.

use std::time::Duration;

use anyhow::{Context as _, bail};

/// Reads a whole number and its unit; at most `max`.
pub(crate) fn parse_duration(text: &str, max: Duration) -> anyhow::Result<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().context("must be a whole number and `ms`, `s`, `m`, `h` or `d`")?;
    let unit_ms = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == 0 => 1,
        _ => bail!("needs a unit: `ms`, `s`, `m`, `h` or `d`"),
    };
    match number.checked_mul(unit_ms).map(Duration::from_millis) {
        Some(duration) if duration <= max => Ok(duration),
        _ => bail!("must be at most {} s", max.as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_and_a_bound() {
        let day = Duration::from_secs(86_400);
        let parse = |text| parse_duration(text, day);
        assert_eq!(parse("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse("2m").unwrap(), Duration::from_secs(120));
        assert_eq!(parse("1d").unwrap(), day);
        assert_eq!(parse("0").unwrap(), Duration::ZERO);
        for bad in
            ["60", "s", "-1s", "25h", "2d", "1w", "", "99999999999999999999s", "18446744073709551615h", "1é"]
        {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
