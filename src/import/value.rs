//! Single values: what a file may write for a text, a number, a price or a time.

use rep_core::{ActionType, Currency, Money, STOCK_MAX, Timestamp};
use serde_json::Value;

/// Least and greatest epoch milliseconds taken from a file: 1973 to 5138. What lies outside was written in
/// another unit.
const EPOCH_MS: std::ops::Range<i64> = 100_000_000_000..100_000_000_000_000;

/// A text.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        other => Err(format!("must be a text, not {}", shape(other))),
    }
}

/// A text without white space around it, or a whole number: keys often are numbers in the source. What a spreadsheet
/// made of such a number is refused: it is another key, or has lost digits.
pub(super) fn key(value: &Value) -> Result<String, String> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        other => return Err(format!("must be a text, not {}", shape(other))),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((whole, fraction)) = text.split_once('.')
        && digits(whole)
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b == b'0')
    {
        return Err(format!(
            "is a number that got a point on its way, got {}: write `{whole}`",
            shown(value)
        ));
    }
    if let Some((mantissa, exponent)) = text.split_once(['e', 'E'])
        && mantissa.split_once('.').is_some_and(|(whole, rest)| digits(whole) && digits(rest))
        && digits(exponent.strip_prefix('+').unwrap_or(exponent))
    {
        return Err(format!(
            "is a number that a spreadsheet has shortened, got {}: its digits are lost, so write the column as text",
            shown(value)
        ));
    }
    match value {
        Value::Number(number) if number.is_f64() => {
            Err(format!("must be a text or a whole number, got {}", shown(value)))
        }
        _ => Ok(text),
    }
}

/// The value of an attribute or a metadata entry; `None` for null.
pub(super) fn entry(value: &Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Bool(flag) => Ok(Some(flag.to_string())),
        Value::Number(number) => Ok(Some(number.to_string())),
        other => Err(format!("must be a text, a number or a flag, not {}", shape(other))),
    }
}

/// Pieces in stock.
pub(super) fn stock(value: &Value) -> Result<u32, String> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number
        .and_then(|number| u32::try_from(number).ok())
        .filter(|number| *number <= STOCK_MAX)
        .ok_or_else(|| format!("must be a whole number from 0 to {STOCK_MAX}, got {}", shown(value)))
}

/// A currency's code.
pub(super) fn currency(value: &Value) -> Result<Currency, String> {
    text(value)?.trim().parse().map_err(|error| format!("{error}, got {}", shown(value)))
}

/// A price: a decimal string only.
pub(super) fn price(value: &Value, currency: Currency) -> Result<Money, String> {
    let Value::String(text) = value else {
        return Err(format!("must be a decimal string such as `\"19.90\"`, not {}", shape(value)));
    };
    let text = text.trim();
    Money::parse(text, currency).map_err(|error| {
        let hint = price_hint(text, currency).map(|hint| format!(": {hint}")).unwrap_or_default();
        format!("{error}, got {}{hint}", shown(value))
    })
}

fn price_hint(text: &str, currency: Currency) -> Option<String> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if let Some((whole, rest)) = text.split_once('.')
        && digits(whole)
        && rest.split('.').all(|group| group.len() == 3 && digits(group))
    {
        return Some(format!("write `{}` if points separate thousands", text.replace('.', "")));
    }
    if let Some((whole, fraction)) = text.split_once('.')
        && digits(whole)
        && digits(fraction)
    {
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        return (fraction.len() <= currency.decimals() as usize)
            .then(|| format!("leave out zeros at the end: `{whole}{point}{fraction}`"));
    }
    let (whole, cents) = text.rsplit_once(',').unwrap_or((text, ""));
    // Three digits after a comma are more likely thousands, also where a currency has three.
    let cents_max = currency.decimals().min(2) as usize;
    if (1..=cents_max).contains(&cents.len()) && digits(cents) && !whole.contains(',') {
        let whole: String = whole.chars().filter(|c| *c != '.' && *c != ' ').collect();
        return Some(format!("write `{whole}.{cents}`, with a point"));
    }
    if text.contains([',', ' ', '\'', '_']) {
        return Some("leave out the thousands separators".into());
    }
    if text.starts_with('-') {
        return Some("a price is never negative".into());
    }
    let odd = |c: char| !c.is_ascii_digit() && c != '.' && c != 'e' && c != 'E' && c != '+';
    (text.starts_with(odd) || text.ends_with(odd)).then(|| "the currency stands in `currency`".into())
}

/// A point in time: ISO 8601 with offset, or epoch milliseconds as a whole number.
pub(super) fn timestamp(value: &Value) -> Result<Timestamp, String> {
    let epoch = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => {
            let text = text.trim();
            if !text.is_empty() && text.strip_prefix('-').unwrap_or(text).bytes().all(|b| b.is_ascii_digit())
            {
                Some(text.parse().unwrap_or(i64::MAX))
            } else {
                return text.parse().map_err(|error: rep_core::TimestampError| error.to_string());
            }
        }
        _ => None,
    };
    match epoch {
        Some(ms) if EPOCH_MS.contains(&ms) => Ok(Timestamp::from_ms(ms)),
        Some(_) => Err(format!("must be in epoch milliseconds (13 digits today), got {}", shown(value))),
        None => Err(format!("must be an ISO 8601 time or epoch milliseconds, not {}", shape(value))),
    }
}

/// What the shopper did.
pub(super) fn action(value: &Value) -> Result<ActionType, String> {
    let text = text(value)?;
    let text = text.trim();
    ActionType::parse(text).ok_or_else(|| {
        let meant: String = text.chars().take(64).map(|c| c.to_ascii_uppercase()).collect();
        let nearest = ActionType::KNOWN
            .into_iter()
            .map(|action| (strsim::jaro_winkler(&meant, action.as_str()), action.as_str()))
            .max_by(|left, right| left.0.total_cmp(&right.0))
            .filter(|(likeness, _)| *likeness >= 0.8);
        match nearest {
            Some((_, name)) => format!("has no action {}: did you mean `{name}`?", shown(value)),
            None => {
                let names = ActionType::KNOWN.map(ActionType::as_str).join(", ");
                format!("has no action {}: it is one of {names}", shown(value))
            }
        }
    })
}

/// A value as it is quoted in a message, cut to a readable length.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut short: String = text.chars().take(40).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("`{short}`")
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a flag",
        Value::Number(number) if number.is_f64() => "a float (it loses cents)",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn prices_are_decimal_strings_and_mistakes_get_a_hint() {
        assert_eq!(price(&json!(" 19.90 "), Currency::EUR).unwrap().minor(), 1990);
        assert_eq!(price(&json!("12000"), Currency::KRW).unwrap().minor(), 12000);
        for (value, part) in [
            (json!("19,90"), "write `19.90`, with a point"),
            (json!("1.234,50"), "write `1234.50`"),
            (json!("1,234.50"), "thousands"),
            (json!("12,000"), "thousands"),
            (json!("€19.90"), "`currency`"),
            (json!("19.90 EUR"), "thousands"),
            (json!("-5"), "never negative"),
            (json!("1e3"), "without sign, exponent"),
            (json!("19.905"), "at most 2 digits"),
            (json!("1.290"), "write `1290` if points separate thousands"),
            (json!("1.234.567"), "write `1234567` if points"),
            (json!("19.9000"), "leave out zeros at the end: `19.9`"),
            (json!("19.0000"), "leave out zeros at the end: `19`"),
            (json!("1,290"), "thousands"),
            (json!("19."), "decimal string"),
            (json!(".5"), "decimal string"),
            (json!("+5"), "without sign"),
            (json!("１９.９０"), "decimal string"),
            (json!("1 290.00"), "thousands"),
            (json!(1.29), "a float"),
            (json!(19.9), "a float"),
            (json!(1990), "a number"),
            (json!(""), "decimal string"),
        ] {
            let message = price(&value, Currency::EUR).unwrap_err();
            assert!(message.contains(part), "{value}: {message}");
        }
    }

    #[test]
    fn digits_are_those_of_the_currency() {
        for (text, code, minor) in
            [("129000", "KRW", 129_000), ("35000", "PYG", 35_000), ("1.290", "KWD", 1290)]
        {
            assert_eq!(price(&json!(text), code.parse().unwrap()).unwrap().minor(), minor);
        }
        for (text, code, part) in [
            ("129.000", "KRW", "write `129000` if points separate thousands"),
            ("129000.00", "KRW", "must have no point"),
            ("129,00", "KRW", "thousands"),
            ("1,290", "KWD", "thousands"),
            ("1.2900", "KWD", "leave out zeros at the end: `1.29`"),
        ] {
            let message = price(&json!(text), code.parse().unwrap()).unwrap_err();
            assert!(message.contains(part), "{text} {code}: {message}");
        }
        for code in ["ABC", "XAU", "eur", "", "€"] {
            let message = currency(&json!(code)).unwrap_err();
            assert!(message.contains("ISO 4217") && message.contains(&format!("got `{code}`")), "{message}");
        }
        assert_eq!(currency(&json!(" PYG ")), Ok("PYG".parse().unwrap()));
    }

    #[test]
    fn times_are_iso_or_epoch_milliseconds() {
        let expected = Timestamp::from_ms(1_767_225_600_007);
        for value in [
            json!("2026-01-01T00:00:00.007Z"),
            json!("2026-01-01T09:00:00.007+09:00"),
            json!(1_767_225_600_007_i64),
            json!("1767225600007"),
        ] {
            assert_eq!(timestamp(&value), Ok(expected));
        }
        for value in [
            json!(1_767_225_600),
            json!("1767225600"),
            json!(1_767_225_600_007_000_i64),
            json!("99999999999999999999999"),
            json!(-5),
            json!(1.5),
            json!("2026-01-01 00:00"),
            json!("yesterday"),
            json!(""),
            json!(true),
        ] {
            assert!(timestamp(&value).is_err(), "{value}");
        }
    }

    #[test]
    fn actions_stock_and_keys() {
        assert_eq!(action(&json!("ADD_TO_CART")), Ok(ActionType::AddToCart));
        assert!(action(&json!("view")).unwrap_err().contains("did you mean `VIEW`?"));
        assert!(action(&json!("teleport")).unwrap_err().contains("one of VIEW, CLICK"));
        assert_eq!((stock(&json!(3)), stock(&json!(" 12 "))), (Ok(3), Ok(12)));
        for bad in [json!(-1), json!("1.0"), json!(1.5), json!(200_000_000), json!("many"), json!(null)] {
            assert!(stock(&bad).is_err(), "{bad}");
        }
        assert_eq!(key(&json!(1042)), Ok("1042".into()));
        assert_eq!(key(&json!(" 1042 ")), Ok("1042".into()));
        for fine in ["v1.0", "1.2", "1.0.0", "10e3", "1e5", "sku-1.00", "2.5E", "1042.", "E+5"] {
            assert_eq!(key(&json!(fine)), Ok(fine.into()));
        }
        for (wrong, part) in [
            (json!("1042.0"), "got `1042.0`: write `1042`"),
            (json!(1042.0), "write `1042`"),
            (json!(" 7.00 "), "write `7`"),
            (json!("8.80123E+12"), "write the column as text"),
            (json!("8.8e12"), "write the column as text"),
            (json!(1.5), "must be a text or a whole number, got `1.5`"),
        ] {
            let message = key(&wrong).unwrap_err();
            assert!(message.contains(part), "{wrong}: {message}");
        }
        assert_eq!(entry(&json!(2.5)), Ok(Some("2.5".into())));
    }
}
