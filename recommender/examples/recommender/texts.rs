//! Vectors of items' texts without a model: hashed words, the rare ones weighing more. A stand-in for an embedder's.

use std::collections::HashMap;

use anyhow::{Context, Result};
use rep_recommender::text::TextVectors;

/// Numbers of a vector.
const WIDTH: usize = 512;

/// Unit vectors by row of the item.
pub(crate) struct Texts(Vec<Vec<f32>>);

impl TextVectors for Texts {
    fn vector(&self, item: u32) -> Option<&[f32]> {
        self.0.get(item as usize).filter(|vector| !vector.is_empty()).map(Vec::as_slice)
    }
}

/// Reads lines of item and text, separated by a tab, for the items of `rows`.
pub(crate) fn read(path: &str, rows: &HashMap<String, u32>) -> Result<Texts> {
    let file = std::fs::read_to_string(path)?;
    let mut words: Vec<Vec<u64>> = vec![Vec::new(); rows.len()];
    for line in file.lines() {
        let (item, text) = line.split_once('\t').context("a line without a tab")?;
        if let Some(row) = rows.get(item) {
            let text = text.to_lowercase();
            let found = text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.len() > 1);
            words[*row as usize] = found.map(hash).collect();
        }
    }
    let mut known: HashMap<u64, f32> = HashMap::new();
    for own in &words {
        let mut own = own.clone();
        own.sort_unstable();
        own.dedup();
        own.into_iter().for_each(|word| *known.entry(word).or_default() += 1.0);
    }
    let vector = |own: &Vec<u64>| {
        let mut vector = vec![0.0; if own.is_empty() { 0 } else { WIDTH }];
        for word in own {
            let sign = if word >> 63 == 0 { 1.0 } else { -1.0 };
            vector[*word as usize % WIDTH] += sign * (rows.len() as f32 / known[word]).ln();
        }
        let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|x| *x /= length.max(1e-6));
        vector
    };
    Ok(Texts(words.iter().map(vector).collect()))
}

/// FNV-1a, spread by a multiplication so that the lowest bits differ. Source: Fowler, Noll and Vo.
fn hash(word: &str) -> u64 {
    let all =
        word.bytes().fold(0xcbf2_9ce4_8422_2325u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
    let mixed = (all ^ (all >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 32)
}
