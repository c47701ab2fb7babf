//! Numbers that look random and follow from a seed: levels of the graph, vectors of the bench.

/// SplitMix64. Source: Steele, Lea and Flood, 2014. For spreading, not for secrets.
#[derive(Clone, Debug)]
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In (0, 1].
    pub(crate) fn unit(&mut self) -> f32 {
        ((self.next() >> 40) + 1) as f32 / (1_u64 << 24) as f32
    }

    /// In `0..bound`; `bound` is at least 1.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (((u128::from(self.next())) * bound as u128) >> 64) as usize
    }

    /// Two numbers of the standard normal distribution. Source: Box and Muller, 1958.
    pub(crate) fn normals(&mut self) -> [f32; 2] {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        let (sin, cos) = (std::f32::consts::TAU * self.unit()).sin_cos();
        [radius * cos, radius * sin]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_from_its_seed_and_spreads() {
        // First outputs for seed 0 of the published generator.
        let mut random = SplitMix::new(0);
        assert_eq!(random.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.next(), 0x6e78_9e6a_a1b9_65f4);
        let normals: Vec<f32> = (0..5000).flat_map(|_| random.normals()).collect();
        let mean = normals.iter().sum::<f32>() / 10_000.0;
        let variance = normals.iter().map(|x| x * x).sum::<f32>() / 10_000.0;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        assert!((0..1000).all(|_| random.below(3) < 3 && random.unit() > 0.0));
    }
}
