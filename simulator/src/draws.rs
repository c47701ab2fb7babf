//! Seeded numbers. Written out here, because the sequences must stay the same over releases: `rand` keeps
//! the streams of its generators stable, but not what its distributions make of them.

/// Mixes 64 bits so that neighbouring inputs give unrelated outputs. Source: SplitMix64's finaliser
/// (Steele, Lea, Flood 2014).
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// A number in [0, 1) of 53 random bits.
fn unit_of(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// The root of everything that is derived: the same seed and labels give the same numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seed(u64);

impl Seed {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mix(seed.wrapping_add(0x9e37_79b9_7f4a_7c15)))
    }

    /// A seed of its own for `label`; unrelated to its parent's and its siblings'.
    pub(crate) fn child(self, label: u64) -> Self {
        Self(mix(self.0 ^ mix(label.wrapping_add(0x9e37_79b9_7f4a_7c15))))
    }

    /// A seed of its own for `name`.
    pub(crate) fn named(self, name: &str) -> Self {
        self.child(name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// 64 bits.
    pub(crate) fn bits(self) -> u64 {
        mix(self.0)
    }

    /// A number in [0, 1).
    pub(crate) fn unit(self) -> f64 {
        unit_of(self.bits())
    }

    /// A number in `0..n`; 0 for `n = 0`.
    pub(crate) fn below(self, n: usize) -> usize {
        scaled(self.unit(), n)
    }

    /// A sequence of numbers.
    pub(crate) fn draws(self) -> Draws {
        Draws(self.0)
    }
}

/// A sequence of numbers: SplitMix64.
#[derive(Clone, Debug)]
pub(crate) struct Draws(u64);

impl Draws {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        unit_of(self.bits())
    }

    /// A number in `[low, high)`.
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A number in `0..n`; 0 for `n = 0`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        scaled(self.unit(), n)
    }

    /// Whether something of `probability` happens.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A waiting time of exponential law, in the unit of `mean`; at most ten times the mean.
    pub(crate) fn waiting(&mut self, mean: f64) -> f64 {
        (-(1.0 - self.unit()).ln()).min(10.0) * mean
    }

    /// A rank in `0..n` by Zipf's law of exponent 1: rank `r` comes up about `1 / (r + 1)` as often as rank
    /// 0. By inversion of the continuous law, so that no table is kept.
    pub(crate) fn zipf(&mut self, n: usize) -> usize {
        let n_f = n as f64;
        let rank = (self.unit() * (n_f + 1.0).ln()).exp() - 1.0;
        (rank as usize).min(n.saturating_sub(1))
    }

    /// An index of `weights`, each as likely as its weight says; 0 if all are zero.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (i, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return i;
            }
        }
        weights.iter().rposition(|w| *w > 0.0).unwrap_or(0)
    }

    /// One of `items`, which must not be empty.
    pub(crate) fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        debug_assert!(!items.is_empty());
        &items[self.below(items.len())]
    }
}

fn scaled(unit: f64, n: usize) -> usize {
    ((unit * n as f64) as usize).min(n.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64_and_labels_part_streams() {
        // Vigna's splitmix64.c with state 1234567.
        let mut draws = Draws(1_234_567);
        assert_eq!(draws.bits(), 6_457_827_717_110_365_317);
        assert_eq!(draws.bits(), 3_203_168_211_198_807_973);
        let seed = Seed::new(1);
        assert_ne!(seed.child(1), seed.child(2));
        assert_ne!(seed.named("a"), seed.named("b"));
        assert_ne!(Seed::new(0).bits(), Seed::new(1).bits());
    }

    #[test]
    fn laws_hold_on_average() {
        let mut draws = Seed::new(7).draws();
        let n = 40_000;
        let mean = (0..n).map(|_| draws.waiting(3.0)).sum::<f64>() / f64::from(n);
        assert!((mean - 3.0).abs() < 0.1, "{mean}");
        let mut ranks = [0_u32; 100];
        for _ in 0..n {
            ranks[draws.zipf(100)] += 1;
        }
        assert!(ranks[0] > 3 * ranks[4] && ranks[99] > 0);
        let mut counts = [0_u32; 3];
        for _ in 0..n {
            counts[draws.weighted(&[1.0, 0.0, 3.0])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((f64::from(counts[2]) / f64::from(n) - 0.75).abs() < 0.02);
        assert_eq!(draws.weighted(&[0.0, 0.0]), 0);
        assert_eq!((draws.below(0), draws.zipf(1), draws.zipf(0)), (0, 0, 0));
    }
}
