//! What one append to a log may hold, whichever log it is.

use rep_core::avro::RECORD_BYTES_MAX;
use rep_core::ports::StoreError;
use rep_core::ports::log::NewRecord;

use crate::error::invalid;

/// Records of one append.
const RECORDS_MAX: usize = 100_000;
/// Bytes of one append.
const APPEND_BYTES_MAX: usize = 32 << 20;

/// Bytes of `records`, each with `framing` bytes more, and `trace` more where it is part of one; refuses a record,
/// or an append, that is too large.
pub(crate) fn checked_bytes(
    records: &[NewRecord],
    framing: usize,
    trace: usize,
) -> Result<usize, StoreError> {
    if records.len() > RECORDS_MAX {
        return Err(invalid(format!(
            "at most {RECORDS_MAX} records can be appended at once, got {}",
            records.len()
        )));
    }
    let mut total = 0;
    for record in records {
        let bytes = record.key.len() + record.value.len();
        if bytes > RECORD_BYTES_MAX {
            return Err(invalid(format!("a record must be at most {RECORD_BYTES_MAX} bytes, got {bytes}")));
        }
        total += bytes + framing + if record.trace.is_some() { trace } else { 0 };
    }
    if total > APPEND_BYTES_MAX {
        return Err(invalid(format!("an append must be at most {APPEND_BYTES_MAX} bytes, got {total}")));
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use rep_core::TraceContext;

    use super::*;

    #[test]
    fn every_byte_of_an_append_is_counted() {
        let traced = NewRecord::new("key", "value").in_trace(TraceContext::new([1; 16], [2; 8], false));
        let records = [NewRecord::new("key", "value"), traced];
        assert_eq!(checked_bytes(&records, 8, 25).unwrap(), 8 + 8 + 8 + 8 + 25);
        let full = vec![records[1].clone(); 1000];
        assert!(checked_bytes(&full, 0, APPEND_BYTES_MAX / 1000).is_err());
    }
}
