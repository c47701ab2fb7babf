//! What ties a record to the request that led to it: a W3C trace context.

use std::fmt;
use std::str::FromStr;

/// Bytes of a `traceparent` of version 00.
const TEXT_BYTES: usize = 55;
/// Longest `traceparent` of a later version that is read.
const TEXT_BYTES_MAX: usize = 256;
/// Flags that version 00 knows: sampled, and random trace id.
const FLAGS_KNOWN: u8 = 0b11;
const SAMPLED: u8 = 0b01;

/// Which trace something is part of, and which of its spans led to it.
///
/// Text is a `traceparent`, `00-<trace id>-<parent id>-<flags>`, in lower-case hexadecimal digits; of later
/// versions what they share with version 00 is read. Source: W3C Trace Context.
///
/// It has no part in what an event means: that is [`crate::TraceId`]'s, by which repeats are told.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    parent_id: [u8; 8],
    flags: u8,
}

/// Why a text is no trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a `traceparent`, which is `00-<32 hexadecimal digits>-<16>-<2>` in lower case with ids other than 0"
)]
pub struct TraceContextError;

impl TraceContext {
    /// Bytes of [`Self::to_bytes`].
    pub const BYTES: usize = 25;

    /// A context of these ids; `None` if one of them is all zeros, which stands for no id.
    pub fn new(trace_id: [u8; 16], parent_id: [u8; 8], is_sampled: bool) -> Option<Self> {
        let is_valid = trace_id != [0; 16] && parent_id != [0; 8];
        is_valid.then_some(Self { trace_id, parent_id, flags: if is_sampled { SAMPLED } else { 0 } })
    }

    /// The trace.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The trace's id as it is written: 32 hexadecimal digits.
    pub fn trace_id_text(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trace_id))
    }

    /// The span that led here.
    pub fn parent_id(&self) -> [u8; 8] {
        self.parent_id
    }

    /// Whether that span is recorded: what follows from it then is, too.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// Ids and flags, in the order of the text.
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&self.trace_id);
        bytes[16..24].copy_from_slice(&self.parent_id);
        bytes[24] = self.flags;
        bytes
    }

    /// The reverse of [`Self::to_bytes`]; `None` if an id is all zeros.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let (trace_id, rest) = bytes.split_first_chunk::<16>()?;
        let (parent_id, flags) = rest.split_first_chunk::<8>()?;
        Some(Self { flags: flags[0] & FLAGS_KNOWN, ..Self::new(*trace_id, *parent_id, false)? })
    }
}

/// Whether the trace `trace_id` is among the share `ratio` (0 to 1) of traces that are recorded. The same for
/// whoever asks: the last seven bytes decide, which are random in the ids that REP makes.
pub fn is_in_sample(trace_id: [u8; 16], ratio: f64) -> bool {
    let low = u128::from_be_bytes(trace_id) & ((1 << 56) - 1);
    (low as f64) < ratio * (1_u64 << 56) as f64
}

impl FromStr for TraceContext {
    type Err = TraceContextError;

    fn from_str(text: &str) -> Result<Self, TraceContextError> {
        let bytes = text.as_bytes();
        let has_shape = (TEXT_BYTES..=TEXT_BYTES_MAX).contains(&bytes.len())
            && [2, 35, 52].iter().all(|at| bytes[*at] == b'-')
            && bytes.get(TEXT_BYTES).is_none_or(|byte| *byte == b'-');
        if !has_shape {
            return Err(TraceContextError);
        }
        let [version] = hex::<1>(&bytes[..2])?;
        if version == 0xff || version == 0 && bytes.len() > TEXT_BYTES {
            return Err(TraceContextError);
        }
        let [flags] = hex::<1>(&bytes[53..55])?;
        let context = Self::new(hex(&bytes[3..35])?, hex(&bytes[36..52])?, false).ok_or(TraceContextError)?;
        Ok(Self { flags: flags & FLAGS_KNOWN, ..context })
    }
}

/// `N` bytes of twice as many lower-case digits.
fn hex<const N: usize>(digits: &[u8]) -> Result<[u8; N], TraceContextError> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(TraceContextError),
    };
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Ok(bytes)
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, parent) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.parent_id));
        write!(f, "00-{trace:032x}-{parent:016x}-{:02x}", self.flags)
    }
}

impl fmt::Debug for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn what_is_no_traceparent_is_refused() {
        let context: TraceContext = TEXT.parse().unwrap();
        assert_eq!((context.to_string().as_str(), context.is_sampled()), (TEXT, true));
        assert_eq!(context.trace_id_text(), &TEXT[3..35]);
        let zeros = TEXT.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let no_parent = TEXT.replace("00f067aa0ba902b7", &"0".repeat(16));
        let (longer, later_longer) = (format!("{TEXT}-x"), format!("01{}x", &TEXT[2..]));
        let endless = format!("01{}-{}", &TEXT[2..], "x".repeat(TEXT_BYTES_MAX));
        for refused in [
            "",
            "00",
            &TEXT[..54],
            &TEXT.to_uppercase(),
            &TEXT.replace('-', "_"),
            &TEXT.replace("4bf9", "4bg9"),
            &TEXT.replace("4bf9", "é9"),
            &format!("ff{}", &TEXT[2..]),
            &zeros,
            &no_parent,
            &longer,
            &later_longer,
            &endless,
        ] {
            assert_eq!(refused.parse::<TraceContext>(), Err(TraceContextError), "{refused}");
        }
        let later: TraceContext = format!("01{}-more", &TEXT[2..]).parse().unwrap();
        assert_eq!(later, context);
        let unknown_flags: TraceContext = TEXT.replace("-01", "-fd").parse().unwrap();
        assert_eq!(unknown_flags.to_string(), TEXT);
    }

    #[test]
    fn a_sample_is_of_its_size_and_holds_the_smaller_ones() {
        // Multiples of an odd number go evenly round (Weyl), in their last bytes too.
        let id = |i: u64| u128::from(i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes();
        let share = |ratio| (0..20_000).filter(|i| is_in_sample(id(*i), ratio)).count();
        assert_eq!((share(0.0), share(1.0)), (0, 20_000));
        assert!((1_800..2_200).contains(&share(0.1)), "{}", share(0.1));
        assert!((0..20_000).all(|i| !is_in_sample(id(i), 0.01) || is_in_sample(id(i), 0.1)));
    }

    proptest! {
        #[test]
        fn text_and_bytes_keep_what_they_carry(trace in any::<[u8; 16]>(), parent in any::<[u8; 8]>(), is_sampled: bool) {
            let Some(context) = TraceContext::new(trace, parent, is_sampled) else { return Ok(()) };
            prop_assert_eq!(context.to_string().parse(), Ok(context));
            prop_assert_eq!(TraceContext::from_bytes(&context.to_bytes()), Some(context));
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = text.parse::<TraceContext>();
        }
    }
}
