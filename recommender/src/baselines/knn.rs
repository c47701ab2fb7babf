use crate::rows::Rows;
use crate::scorer::{Asked, Scorer, top};
use crate::threads;

/// How neighbours are found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KnnRules {
    /// Most neighbours of an item.
    pub neighbours_max: usize,
    /// Whether vectors of items have length 1, so that popular ones have no advantage.
    pub is_cosine: bool,
    /// Whether those who liked much say less of each: `ln(items / likes)`.
    pub is_idf: bool,
}

/// Neighbours of items by the shoppers whom they share, as the `implicit` library's `TFIDFRecommender` and
/// `CosineRecommender` find them.
///
/// Source: Sarwar et al., "Item-based collaborative filtering recommendation algorithms", 2001.
#[derive(Clone, Debug)]
pub struct ItemKnn {
    neighbours: Vec<Vec<(u32, f32)>>,
}

impl ItemKnn {
    /// Learns from what shoppers (rows) liked of the items (columns): every positive entry counts 1.
    pub fn learn(liked: &Rows, rules: KnnRules) -> Self {
        let by_item = liked.transposed();
        let idf = |shopper: u32| {
            let likes = liked.row(shopper as usize).0.len() as f32;
            if rules.is_idf { ((liked.width() as f32).ln() - likes.ln_1p()).max(0.0) } else { 1.0 }
        };
        let idf: Vec<f32> = (0..liked.len() as u32).map(idf).collect();
        let length = |item: usize| {
            let (shoppers, _) = by_item.row(item);
            let square: f32 = shoppers.iter().map(|shopper| idf[*shopper as usize].powi(2)).sum();
            if rules.is_cosine { square.sqrt().max(1e-6) } else { 1.0 }
        };
        let lengths: Vec<f32> = (0..by_item.len()).map(length).collect();
        let items: Vec<u32> = (0..by_item.len() as u32).collect();
        let neighbours = threads::map(&items, |item| {
            let mut scores = vec![0.0; items.len()];
            let mut touched = Vec::new();
            for shopper in by_item.row(*item as usize).0 {
                let worth = idf[*shopper as usize].powi(2);
                for other in liked.row(*shopper as usize).0 {
                    if scores[*other as usize] == 0.0 {
                        touched.push(*other);
                    }
                    scores[*other as usize] += worth;
                }
            }
            touched.sort_unstable();
            touched.dedup();
            touched.retain(|other| other != item);
            let own = lengths[*item as usize];
            let found: Vec<f32> =
                touched.iter().map(|o| scores[*o as usize] / (own * lengths[*o as usize])).collect();
            let best = top(&found, rules.neighbours_max, |place| found[place as usize] > 0.0);
            best.into_iter().map(|place| (touched[place as usize], found[place as usize])).collect()
        });
        Self { neighbours }
    }
}

impl Scorer for ItemKnn {
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]) {
        scores.fill(0.0);
        for (past, share) in asked.shares(None) {
            for (item, likeness) in self.neighbours.get(past.item as usize).into_iter().flatten() {
                scores[*item as usize] += share * likeness;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likeness_is_the_cosine_of_who_liked_what() {
        let rows = [vec![0, 1], vec![0, 1, 2], vec![1, 2], vec![0, 3]];
        let liked = Rows::new(4, rows.iter().map(|row| row.iter().map(|i| (*i, 1.0)).collect()));
        let knn = ItemKnn::learn(&liked, KnnRules { neighbours_max: 2, is_cosine: true, is_idf: false });
        // Items 0 and 1 share two of three and three shoppers; 0 and 3 one of three and one.
        let (best, second) = (knn.neighbours[0][0], knn.neighbours[0][1]);
        assert!(best.0 == 1 && (best.1 - 2.0 / 3.0).abs() < 1e-6, "{best:?}");
        assert!(second.0 == 3 && (second.1 - 1.0 / 3f32.sqrt()).abs() < 1e-6, "{second:?}");
        assert_eq!(knn.neighbours[0].len(), 2);
    }
}
