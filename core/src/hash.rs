//! Hashes that stay the same over releases and machines: stored keys are made of them.

use std::fmt;

use sha2::{Digest, Sha256};

/// FNV-1a over 128 bits. Source: Fowler, Noll, Vo; draft-eastlake-fnv.
///
/// Two texts with one hash are found in seconds: where a client chooses the text and another's thing could be met, take a
/// [`crate::UserKey`] or an [`crate::EventKey`].
pub fn stable_hash128(bytes: &[u8]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    bytes.iter().fold(OFFSET, |hash, byte| (hash ^ u128::from(*byte)).wrapping_mul(PRIME))
}

/// The first half of SHA-256 over `parts`, one after the other: of ids that clients choose nobody can make two meet.
pub fn half_sha256<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 16] {
    let digest = parts.into_iter().fold(Sha256::new(), Sha256::chain_update).finalize();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    half
}

/// Writes `bytes` as hexadecimal digits.
pub(crate) fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_published_vectors() {
        assert_eq!(stable_hash128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(stable_hash128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(stable_hash128(b"foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

    #[test]
    fn two_ids_meet() {
        let [one, other] = ["K3EsF86Hn4KUL7GI3g42I-_P-_MuMsAS", "_0JQL3NNymuPv918x9WzWrQ5T7Fs9-BS"];
        assert_eq!(stable_hash128(one.as_bytes()), stable_hash128(other.as_bytes()));
        let key = |id: &str| crate::UserKey::of(&crate::UserId::new(id).unwrap());
        assert_ne!(key(one), key(other));
    }
}
