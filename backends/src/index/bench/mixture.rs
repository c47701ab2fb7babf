//! Vectors like those a model makes of a shop's texts.

use rep_core::{UnitVector, VectorError};
use serde::{Deserialize, Serialize};

use crate::index::random::SplitMix;

/// Kinds of goods.
const CENTROIDS: usize = 500;
/// Directions that goods of one kind differ in.
const LATENTS: usize = 64;

/// How goods of one kind differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Mostly in a few dozen directions that matter ever less, as embeddings of texts do; and a little in
    /// all.
    Latent,
    /// In all directions alike: in hundreds of dimensions everything of one kind is equally far from
    /// everything else, which is as hard as it gets for a graph.
    Isotropic,
}

/// Made-up vectors: 500 centroids with noise around them.
pub struct Mixture {
    noise: Noise,
    dimensions: usize,
    centroids: Vec<f32>,
    latents: Vec<f32>,
}

impl Mixture {
    /// The mixture that follows from `seed`.
    pub fn new(noise: Noise, dimensions: usize, seed: u64) -> Self {
        let mut random = SplitMix::new(seed);
        let mut rows = |count: usize| {
            let mut numbers = Vec::with_capacity(count * dimensions);
            for _ in 0..count {
                numbers.extend(direction(&mut random, dimensions));
            }
            numbers
        };
        Self { noise, dimensions, centroids: rows(CENTROIDS), latents: rows(LATENTS) }
    }

    /// The unit vector of that number in the series of `seed`.
    pub fn vector(&self, seed: u64, number: usize) -> Result<UnitVector, VectorError> {
        let mut random = SplitMix::new(seed ^ (number as u64).wrapping_mul(0xd134_2543_de82_ef95));
        let at = random.below(CENTROIDS) * self.dimensions;
        let mut vector = self.centroids[at..at + self.dimensions].to_vec();
        let everywhere = match self.noise {
            Noise::Isotropic => 0.6,
            Noise::Latent => {
                for (i, latent) in self.latents.chunks_exact(self.dimensions).enumerate() {
                    let weight = 0.3 * random.normals()[0] / ((i + 1) as f32).sqrt();
                    vector.iter_mut().zip(latent).for_each(|(x, l)| *x += weight * l);
                }
                0.25
            }
        };
        let scale = everywhere / (self.dimensions as f32).sqrt();
        for pair in vector.chunks_mut(2) {
            pair.iter_mut().zip(random.normals()).for_each(|(x, noise)| *x += scale * noise);
        }
        UnitVector::normalised(vector)
    }
}

fn direction(random: &mut SplitMix, dimensions: usize) -> Vec<f32> {
    let scale = 1.0 / (dimensions as f32).sqrt();
    let pairs = std::iter::repeat_with(|| random.normals()).flatten();
    pairs.take(dimensions).map(|x| x * scale).collect()
}
