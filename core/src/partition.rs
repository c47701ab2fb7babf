//! Which partition a key belongs to, as Kafka's default partitioner says it.

/// The partition of `key` among `partitions`: murmur2 with its sign bit cleared, modulo the count.
///
/// Source: Apache Kafka `Utils.murmur2` and `Utils.toPositive`; the same as librdkafka's
/// `murmur2_random` for keys that are present.
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let mix = |k: u32| {
        let k = k.wrapping_mul(M);
        (k ^ (k >> 24)).wrapping_mul(M)
    };
    let mut h = SEED ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let words = data.chunks_exact(4);
    let tail = words.remainder();
    for word in words {
        let k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]);
        h = h.wrapping_mul(M) ^ mix(k);
    }
    if !tail.is_empty() {
        for (i, byte) in tail.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^ (h >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of Apache Kafka's own `UtilsTest.testMurmur2`.
    #[test]
    fn agrees_with_kafka() {
        let cases: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), hash, "{key}");
        }
        assert!(partition_of(b"", 12) < 12);
    }
}
