//! Money: integer minor units and a currency; a float never.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Greatest amount in minor units: keeps sums of many prices inside an `i64`.
pub const MINOR_UNITS_MAX: i64 = 1_000_000_000_000;

/// Digits after the point that every currency but a few had in what earlier releases stored, and that a code which is
/// not in ISO 4217 has.
const DECIMALS_USUAL: u32 = 2;

/// A currency, by its code such as `EUR`.
///
/// Parsing takes the currencies of ISO 4217 in which goods are sold, also those that another has replaced (`HRK`), and
/// refuses codes that are none: unknown ones (`ABC`), and those of funds (`CLF`), metals (`XAU`) and other special
/// purposes (`XXX`). What was stored or logged by earlier releases, which took any three letters, is read all the same
/// ([`Currency::recorded`], and by serde): the product is there, but it cannot be priced in that code again.
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

    /// Digits after the point by ISO 4217, from 0 to 3; 2 for a code that parsing refuses.
    pub fn decimals(self) -> u32 {
        self.decimals_of_goods().unwrap_or(DECIMALS_USUAL)
    }

    /// A code that stands in a store or in the log: any three capital letters.
    pub fn recorded(code: &str) -> Result<Self, MoneyError> {
        match <[u8; 3]>::try_from(code.as_bytes()) {
            Ok(code) if code.iter().all(u8::is_ascii_uppercase) => Ok(Self(code)),
            _ => Err(MoneyError::Currency),
        }
    }

    /// `None` for a code in which nothing is sold.
    fn decimals_of_goods(self) -> Option<u32> {
        let currency = iso_currency::Currency::from_code(self.as_str())?;
        let is_of_goods = !currency.is_fund() && !currency.is_special();
        currency.exponent().filter(|_| is_of_goods).map(u32::from)
    }

    /// `minor` units as releases before the digits of ISO 4217 counted them, in those of today; see
    /// [`Money::in_iso_units`].
    pub(crate) fn in_iso_units(self, minor: i64) -> i64 {
        let (before, now) = (self.decimals_before(), self.decimals());
        if now >= before {
            return minor.saturating_mul(10_i64.pow(now - before));
        }
        let unit = 10_i64.pow(before - now);
        minor.saturating_add(unit / 2).div_euclid(unit)
    }

    /// What releases before the digits of ISO 4217 counted with.
    pub(crate) fn decimals_before(self) -> u32 {
        match &self.0 {
            b"KRW" | b"JPY" | b"VND" | b"CLP" | b"ISK" | b"XAF" | b"XOF" => 0,
            b"KWD" | b"BHD" | b"JOD" | b"OMR" | b"TND" => 3,
            _ => DECIMALS_USUAL,
        }
    }
}

impl std::str::FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let currency = Self::recorded(text)?;
        currency.decimals_of_goods().map(|_| currency).ok_or(MoneyError::Currency)
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        Self::recorded(&text)
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

/// Why a text is not an amount or a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not the code of a currency in which goods are sold.
    #[error("must be the ISO 4217 code of a currency that goods are sold in, such as `EUR`")]
    Currency,
    /// A price in a code that was stored by an earlier release and is not taken any more.
    #[error(
        "cannot be set: `{0}` is not a currency that goods are sold in; put the product with another `currency`"
    )]
    CurrencyNotTaken(Currency),
    /// Not digits with at most one point.
    #[error("must be a decimal string such as `19.90`, without sign, exponent or separators")]
    Malformed,
    /// A point in an amount of a currency without a minor unit.
    #[error("must have no point: {0} has no minor unit, and thousands are not separated")]
    NoMinorUnit(Currency),
    /// More digits after the point than the currency has.
    #[error("must have at most {decimals} digits after the point in {0}, and thousands are not separated", decimals = .0.decimals())]
    TooPrecise(Currency),
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

    /// From a decimal string such as `19.90`: ASCII digits, and perhaps a point and at least one and at most as many
    /// digits as the currency has, whatever digits they are. `1.290` in euros and `129.000` in won are refused: where
    /// they come from, the point separates thousands.
    pub fn parse(amount: &str, currency: Currency) -> Result<Self, MoneyError> {
        let decimals = currency.decimals_of_goods().ok_or(MoneyError::CurrencyNotTaken(currency))?;
        let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || !digits(whole) || !digits(fraction) || amount.ends_with('.') {
            return Err(MoneyError::Malformed);
        }
        if fraction.len() > decimals as usize {
            let has_minor_unit = decimals > 0;
            let error = if has_minor_unit { MoneyError::TooPrecise } else { MoneyError::NoMinorUnit };
            return Err(error(currency));
        }
        if whole.len() > 15 {
            return Err(MoneyError::TooLarge);
        }
        let scaled = format!("{whole}{fraction:0<width$}", width = decimals as usize);
        let minor = scaled.parse::<i64>().map_err(|_| MoneyError::TooLarge)?;
        Self::from_minor(minor, currency)
    }

    /// The same amount, out of minor units as releases before the digits of ISO 4217 stored them: hundredths of `PYG` and
    /// others that have no minor unit, which are rounded, and of `IQD` and `LYD`, which have thousandths.
    #[must_use]
    pub fn in_iso_units(self) -> Self {
        let minor = self.currency.in_iso_units(self.minor).min(MINOR_UNITS_MAX);
        Self { minor, currency: self.currency }
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

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn decimal_strings_round_trip() {
        for (text, code, minor) in [
            ("19.90", "EUR", 1990),
            ("19.9", "EUR", 1990),
            ("0", "EUR", 0),
            ("0.00", "EUR", 0),
            ("5", "USD", 500),
            ("12000", "KRW", 12000),
            ("1.290", "KWD", 1290),
            ("1.5", "IQD", 1500),
            ("35000", "PYG", 35000),
            ("10000000000.00", "EUR", MINOR_UNITS_MAX),
            ("1000000000000", "JPY", MINOR_UNITS_MAX),
        ] {
            let money = Money::parse(text, currency(code)).unwrap();
            assert_eq!(money.minor(), minor, "{text} {code}");
            assert_eq!(Money::parse(&money.amount(), currency(code)).unwrap(), money);
        }
        assert_eq!(Money::parse("19.9", Currency::EUR).unwrap().amount(), "19.90");
    }

    #[test]
    fn a_point_never_separates_thousands() {
        for (code, texts) in [
            ("EUR", &["1.290", "2.000", "1.000", "19.900", "0.000", "1.005", "1.29000000000000000000"][..]),
            ("KRW", &["129.000", "129.0", "129.00", "1.5", "0.0"]),
            ("PYG", &["35.000", "35.0"]),
            ("IQD", &["1.2900", "1.2345"]),
        ] {
            for text in texts {
                let error = Money::parse(text, currency(code)).unwrap_err();
                let expected = match currency(code).decimals() {
                    0 => MoneyError::NoMinorUnit(currency(code)),
                    _ => MoneyError::TooPrecise(currency(code)),
                };
                assert_eq!(error, expected, "{text} {code}");
                assert!(error.to_string().contains(code) && error.to_string().contains("thousands"));
            }
        }
    }

    #[test]
    fn refuses_what_is_not_an_amount() {
        for text in [
            "", " ", ".", "-1", "+5", "1e3", "1E3", "NaN", "inf", "1.", "19.", ".5", "1,000", "1,29",
            "1.290,00", "1.2.3", "١٢", "１２", "1 290", " 5", "5 ", "1'290", "1_290", "0x10", "5€", "1.2\n",
        ] {
            assert_eq!(Money::parse(text, Currency::EUR), Err(MoneyError::Malformed), "{text}");
        }
        for text in ["99999999999999999999", "10000000000.01", "10000000001", "000000000000000001"] {
            assert_eq!(Money::parse(text, Currency::EUR), Err(MoneyError::TooLarge), "{text}");
        }
    }

    #[test]
    fn digits_are_those_of_iso_4217() {
        let of = |decimals: u32, codes: &str| {
            codes.split(' ').for_each(|code| assert_eq!(currency(code).decimals(), decimals, "{code}"));
        };
        of(0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF");
        of(2, "EUR USD GBP CHF CNY TWD HUF MGA MRU XCD XCG ZWG");
        of(3, "BHD IQD JOD KWD LYD OMR TND");
        // Replaced, and yet on price tags until the last shop has moved.
        of(2, "HRK BGN VES");
    }

    #[test]
    fn codes_in_which_nothing_is_sold_are_refused_and_yet_read() {
        // Unknown ones, metals, special purposes, funds, not letters.
        for code in ["ABC", "XYZ", "XAU", "XAG", "XXX", "XTS", "XDR", "CLF", "UYW", "CHE", "USN"] {
            assert_eq!(code.parse::<Currency>(), Err(MoneyError::Currency), "{code}");
            let recorded = Currency::recorded(code).unwrap();
            assert_eq!(serde_json::from_value::<Currency>(code.into()).unwrap(), recorded);
            let money = Money::from_minor(1990, recorded).unwrap();
            assert_eq!(money.to_string(), format!("19.90 {code}"));
            let error = Money::parse("19.90", recorded).unwrap_err();
            assert!(error.to_string().contains(code), "{error}");
        }
        for text in ["", "eur", "Eur", "EU", "EURO", "978", "€", "EU ", "ＥＵＲ"] {
            assert_eq!(text.parse::<Currency>(), Err(MoneyError::Currency), "{text}");
            assert!(Currency::recorded(text).is_err(), "{text}");
        }
    }

    #[test]
    fn amounts_of_earlier_releases_stay_what_they_were() {
        for (minor, code, amount) in [
            (3_500_000, "PYG", "35000"),
            (3_500_050, "PYG", "35001"),
            (3_500_049, "XPF", "35000"),
            (125_050, "IQD", "1250.500"),
            (MINOR_UNITS_MAX, "LYD", "1000000000.000"),
            (1990, "EUR", "19.90"),
            (12000, "KRW", "12000"),
            (1290, "KWD", "1.290"),
            (1990, "ABC", "19.90"),
        ] {
            let stored = Money::from_minor(minor, Currency::recorded(code).unwrap()).unwrap();
            assert_eq!(stored.in_iso_units().amount(), amount, "{code}");
        }
    }
}
