//! Money: integer minor units and a currency; a float never.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Greatest amount in minor units: keeps sums of many prices inside an `i64`.
pub const MINOR_UNITS_MAX: i64 = 1_000_000_000_000;

/// An ISO 4217 code, such as `EUR`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// Euro.
    pub const EUR: Self = Self(*b"EUR");
    /// United States dollar.
    pub const USD: Self = Self(*b"USD");
    /// South Korean won, which has no minor unit.
    pub const KRW: Self = Self(*b"KRW");

    /// The three letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// Digits behind the point: 2 for most, 0 for KRW, JPY and a few, 3 for some dinars.
    pub fn decimals(self) -> u32 {
        match &self.0 {
            b"KRW" | b"JPY" | b"VND" | b"CLP" | b"ISK" | b"XAF" | b"XOF" => 0,
            b"KWD" | b"BHD" | b"JOD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl std::str::FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(text.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(MoneyError::Currency),
        }
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.as_str().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not three capital letters.
    #[error("must be an ISO 4217 code of three capital letters, such as `EUR`")]
    Currency,
    /// Not digits with at most one point.
    #[error("must be a decimal string such as `19.90`, without sign, exponent or separators")]
    Malformed,
    /// More digits behind the point than the currency has.
    #[error("must have at most {0} digits behind the point for this currency")]
    TooPrecise(u32),
    /// Over [`MINOR_UNITS_MAX`].
    #[error("must be at most {MINOR_UNITS_MAX} minor units")]
    TooLarge,
}

/// An amount that is zero or more, in minor units of its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// From minor units (cents for EUR); refuses negatives and more than [`MINOR_UNITS_MAX`].
    pub fn from_minor(minor: i64, currency: Currency) -> Result<Self, MoneyError> {
        match minor {
            0..=MINOR_UNITS_MAX => Ok(Self { minor, currency }),
            ..0 => Err(MoneyError::Malformed),
            _ => Err(MoneyError::TooLarge),
        }
    }

    /// From a decimal string such as `19.90`.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || amount.ends_with('.') {
            return Err(MoneyError::Malformed);
        }
        let decimals = currency.decimals();
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > decimals as usize {
            return Err(MoneyError::TooPrecise(decimals));
        }
        if whole.len() > 15 {
            return Err(MoneyError::TooLarge);
        }
        let scaled = format!("{whole}{fraction:0<width$}", width = decimals as usize);
        let minor = scaled.parse::<i64>().map_err(|_| MoneyError::TooLarge)?;
        Self::from_minor(minor, currency)
    }

    /// Minor units.
    pub fn minor(self) -> i64 {
        self.minor
    }

    /// The currency.
    pub fn currency(self) -> Currency {
        self.currency
    }

    /// The amount as a decimal string with the currency's digits, without its code.
    pub fn amount(self) -> String {
        let decimals = self.currency.decimals();
        if decimals == 0 {
            return self.minor.to_string();
        }
        let unit = 10_i64.pow(decimals);
        format!("{}.{:0width$}", self.minor / unit, self.minor % unit, width = decimals as usize)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_round_trip() {
        for (text, currency, minor) in [
            ("19.90", Currency::EUR, 1990),
            ("0", Currency::EUR, 0),
            ("5", Currency::USD, 500),
            ("12000", Currency::KRW, 12000),
        ] {
            let money = Money::parse(text, currency).unwrap();
            assert_eq!(money.minor(), minor);
            assert_eq!(Money::parse(&money.amount(), currency).unwrap(), money);
        }
        assert_eq!(Money::parse("19.9", Currency::EUR).unwrap().amount(), "19.90");
        assert_eq!(Money::parse("19.900", Currency::EUR).unwrap().amount(), "19.90");
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in ["", "-1", "1e3", "NaN", "1.", ".5", "1,000", "1.2.3", "١٢"] {
            assert_eq!(Money::parse(text, Currency::EUR), Err(MoneyError::Malformed), "{text}");
        }
        assert_eq!(Money::parse("1.005", Currency::EUR), Err(MoneyError::TooPrecise(2)));
        assert_eq!(Money::parse("1.5", Currency::KRW), Err(MoneyError::TooPrecise(0)));
        assert_eq!(Money::parse("99999999999999999999", Currency::EUR), Err(MoneyError::TooLarge));
        assert!("eur".parse::<Currency>().is_err());
    }
}
