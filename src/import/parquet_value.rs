//! Parquet's values as those of JSON: exact, or refused.

use parquet::data_type::Decimal;
use parquet::record::{Field, Map};
use rep_core::Timestamp;
use serde_json::Value;

const MS_PER_DAY: i64 = 86_400_000;

/// What the whole numbers of a column count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Just a number.
    Number,
    /// Milliseconds since 1970.
    TimeMillis,
    /// Microseconds since 1970.
    TimeMicros,
    /// Nanoseconds since 1970.
    TimeNanos,
}

/// The value of a field, or what is said of it.
pub(super) fn json(field: &Field, unit: Unit) -> Result<Value, String> {
    Ok(match field {
        Field::Null => Value::Null,
        Field::Bool(flag) => Value::from(*flag),
        Field::Byte(number) => Value::from(*number),
        Field::Short(number) => Value::from(*number),
        Field::Int(number) => Value::from(*number),
        Field::Long(number) => match unit {
            Unit::Number => Value::from(*number),
            Unit::TimeMillis => time(*number),
            Unit::TimeMicros => time(number.div_euclid(1_000)),
            Unit::TimeNanos => time(number.div_euclid(1_000_000)),
        },
        Field::UByte(number) => Value::from(*number),
        Field::UShort(number) => Value::from(*number),
        Field::UInt(number) => Value::from(*number),
        Field::ULong(number) => Value::from(*number),
        Field::Float(number) => Value::from(*number),
        Field::Double(number) => Value::from(*number),
        Field::Decimal(number) => Value::from(decimal(number)?),
        Field::Str(text) => Value::from(text.as_str()),
        Field::Bytes(bytes) => {
            Value::from(std::str::from_utf8(bytes.data()).map_err(|_| "holds bytes that are no UTF-8 text")?)
        }
        Field::Date(days) => {
            let midnight = Timestamp::from_ms(i64::from(*days) * MS_PER_DAY).to_string();
            Value::from(midnight.split('T').next().unwrap_or(&midnight))
        }
        Field::TimestampMillis(ms) => time(*ms),
        Field::TimestampMicros(us) => time(us.div_euclid(1_000)),
        Field::Group(row) => {
            let fields = row.get_column_iter();
            let fields = fields.map(|(name, field)| Ok((name.clone(), json(field, Unit::Number)?)));
            Value::Object(fields.collect::<Result<_, String>>()?)
        }
        Field::MapInternal(map) => Value::Object(object(map)?),
        Field::ListInternal(_) => return Err("is a list, which no column takes".into()),
        Field::Float16(_) | Field::TimeMillis(_) | Field::TimeMicros(_) => {
            return Err("has a type that no column takes".into());
        }
    })
}

/// Out of the years that can be written, it is refused where it is read as a time.
fn time(ms: i64) -> Value {
    Value::from(Timestamp::from_ms(ms).to_string())
}

fn object(map: &Map) -> Result<serde_json::Map<String, Value>, String> {
    let entries = map.entries().iter().map(|(key, value)| match json(key, Unit::Number)? {
        Value::String(key) => Ok((key, json(value, Unit::Number)?)),
        other => Ok((other.to_string(), json(value, Unit::Number)?)),
    });
    entries.collect()
}

/// All digits of a decimal: `1990` of scale 2 is `19.90`.
fn decimal(number: &Decimal) -> Result<String, String> {
    let bytes = number.data();
    let scale = usize::try_from(number.scale()).ok().filter(|scale| *scale <= 38);
    let (Some(scale), 1..=16) = (scale, bytes.len()) else {
        return Err("holds a decimal of more than 38 digits".into());
    };
    // Big-endian two's complement: the first bit is the sign of all the bytes that are not there.
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { -1_i128 };
    let value = bytes.iter().fold(sign, |value, byte| (value << 8) | i128::from(*byte));
    let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let minus = if value < 0 { "-" } else { "" };
    Ok(if scale == 0 { format!("{minus}{whole}") } else { format!("{minus}{whole}.{fraction}") })
}

#[cfg(test)]
mod tests {
    use parquet::data_type::ByteArray;

    use super::*;

    #[test]
    fn decimals_keep_every_digit() {
        for (bytes, scale, text) in [
            (vec![0x07, 0xC6], 2, "19.90"),
            (vec![0x05], 2, "0.05"),
            (vec![0xFF], 2, "-0.01"),
            (vec![0x80], 0, "-128"),
            (vec![0x00, 0x80], 0, "128"),
            (vec![0x7F; 16], 0, "169473963133173273960190490760135540607"),
        ] {
            assert_eq!(decimal(&Decimal::from_bytes(ByteArray::from(bytes), 38, scale)), Ok(text.into()));
        }
        assert_eq!(decimal(&Decimal::from_i32(1990, 9, 2)), Ok("19.90".into()));
        assert_eq!(decimal(&Decimal::from_i64(-5, 18, 1)), Ok("-0.5".into()));
        assert!(decimal(&Decimal::from_bytes(ByteArray::from(vec![1; 17]), 40, 2)).is_err());
        assert!(decimal(&Decimal::from_bytes(ByteArray::from(vec![]), 4, 2)).is_err());
        assert!(decimal(&Decimal::from_i32(1, 9, -3)).is_err());
    }

    #[test]
    fn times_of_every_unit_are_the_same_moment() {
        let expected = Value::from("2026-01-01T00:00:00.007Z");
        let ms = 1_767_225_600_007;
        for (field, unit) in [
            (Field::TimestampMillis(ms), Unit::Number),
            (Field::TimestampMicros(ms * 1_000 + 999), Unit::Number),
            (Field::Long(ms), Unit::TimeMillis),
            (Field::Long(ms * 1_000), Unit::TimeMicros),
            (Field::Long(ms * 1_000_000), Unit::TimeNanos),
        ] {
            assert_eq!(json(&field, unit), Ok(expected.clone()));
        }
        assert_eq!(json(&Field::Date(20_454), Unit::Number), Ok(Value::from("2026-01-01")));
        assert!(json(&Field::Bytes(ByteArray::from(vec![0xFF])), Unit::Number).is_err());
        assert!(json(&Field::TimestampMillis(i64::MAX), Unit::Number).is_ok());
    }
}
