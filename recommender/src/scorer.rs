//! Scorers: each gives every item a number, from what a shopper did until now.

use crate::cooccurrence::Cooccurrence;
use crate::factors::{ItemFactors, Liked};
use crate::linear::Linear;
use crate::log::{Past, latest_liked};
use crate::popularity::{Popularity, PopularityOverTime};
use crate::text::{TextVectors, likeness};

/// Most likes of a history that scorers look at, the latest.
pub const LIKES_MAX: usize = 500;

/// A share that is left out, with those after it: less changes no order.
const SHARE_MIN: f32 = 0.005;

/// What is asked: what to show to somebody who did `history` until `now`.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What they did, oldest first.
    pub history: &'a [Past],
    /// Seconds since 1970.
    pub now: i64,
}

impl Asked<'_> {
    /// The latest likes, newest first, each with its share: 1 for the newest, half after every `half_life` likes; without
    /// one, 1 for all.
    pub fn shares(&self, half_life: Option<f32>) -> impl Iterator<Item = (Past, f32)> + use<> {
        let liked = latest_liked(self.history, LIKES_MAX);
        liked
            .into_iter()
            .enumerate()
            .map(move |(place, past)| {
                (past, half_life.map_or(1.0, |half_life| (-(place as f32) / half_life).exp2()))
            })
            .take_while(|(_, share)| *share > SHARE_MIN)
    }
}

/// Something that knows how good items are for a shopper.
pub trait Scorer: Sync {
    /// Sets `scores`, one an item, higher for better. Scales are its own; what it cannot tell is 0.
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]);
}

impl<T: Scorer + ?Sized> Scorer for &T {
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]) {
        T::score(self, asked, scores);
    }
}

/// Inner products of the shopper's factor, solved from their likes, and the items'.
pub struct ByFactors<'a> {
    /// The items'.
    pub factors: &'a ItemFactors,
    /// Likes after which a like counts half; none: all count the same.
    pub recency: Option<f32>,
}

impl Scorer for ByFactors<'_> {
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]) {
        let rules = self.factors.rules();
        let mut liked: Vec<Liked> = asked
            .shares(self.recency)
            .map(|(past, share)| {
                let weight = past.weight * share * rules.remains(asked.now - past.at);
                Liked { item: past.item, confidence: rules.confidence(weight) }
            })
            .collect();
        if rules.refusal > 0.0 {
            let refused = asked.history.iter().filter(|past| past.weight < 0.0);
            liked.extend(refused.map(|past| Liked { item: past.item, confidence: -rules.refusal }));
        }
        let products = self.factors.items().dot(&self.factors.solve_shopper(&liked, None));
        scores.fill(0.0);
        scores.iter_mut().zip(&products).for_each(|(score, product)| *score = *product);
    }
}

/// Sums of how well items go with what was liked.
pub struct ByCompany<'a> {
    /// Counts of pairs.
    pub counts: &'a Cooccurrence,
    /// Likes after which a like counts half; none: all count the same.
    pub recency: Option<f32>,
    /// What is looked at.
    pub company: Company,
}

/// How items go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Company {
    /// Liked by the same shoppers.
    Together,
    /// Liked soon after.
    Next,
    /// Liked by those who like what this shopper refused.
    Refused,
}

impl Scorer for ByCompany<'_> {
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]) {
        scores.fill(0.0);
        match self.company {
            Company::Together => asked
                .shares(self.recency)
                .for_each(|(past, share)| self.counts.add_goes_with(past.item, share, scores)),
            Company::Next => asked
                .shares(self.recency)
                .for_each(|(past, share)| self.counts.add_comes_next(past.item, share, scores)),
            Company::Refused => {
                let refused = asked.history.iter().rev().filter(|past| past.weight < 0.0).take(LIKES_MAX);
                refused.for_each(|past| self.counts.add_goes_with(past.item, 1.0, scores));
            }
        }
    }
}

/// Sums of the weights of a dense linear model.
pub struct ByLinear<'a> {
    /// The model.
    pub linear: &'a Linear,
    /// Likes after which a like counts half; none: all count the same.
    pub recency: Option<f32>,
}

impl Scorer for ByLinear<'_> {
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]) {
        scores.fill(0.0);
        asked.shares(self.recency).for_each(|(past, share)| self.linear.add_scores(past.item, share, scores));
    }
}

/// What is liked by many: the same for everybody.
pub struct ByPopularity<'a> {
    /// Counts.
    pub popularity: &'a Popularity,
}

impl Scorer for ByPopularity<'_> {
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]) {
        for (item, score) in (0..).zip(scores) {
            *score = self.popularity.value(item, asked.now).ln_1p() as f32;
        }
    }
}

/// What was liked by many of late, as it was when it is asked for.
pub struct ByTrend<'a> {
    /// Counts.
    pub counts: &'a PopularityOverTime,
}

impl Scorer for ByTrend<'_> {
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]) {
        for (item, score) in (0..).zip(scores) {
            *score = self.counts.value(item, asked.now).ln_1p() as f32;
        }
    }
}

/// Cosine of what is said of items and of what was liked.
pub struct ByText<'a> {
    /// Vectors.
    pub texts: &'a dyn TextVectors,
    /// Likes after which a like counts half; none: all count the same.
    pub recency: Option<f32>,
}

impl Scorer for ByText<'_> {
    fn score(&self, asked: &Asked<'_>, scores: &mut [f32]) {
        likeness(self.texts, asked.shares(self.recency).map(|(past, share)| (past.item, share)), scores);
    }
}

/// The `max` items of highest score for which `may` says so, best first, ties by item. What is not a number sinks below
/// everything that is one.
pub fn top(scores: &[f32], max: usize, may: impl Fn(u32) -> bool) -> Vec<u32> {
    let score = |item: &u32| {
        let score = scores[*item as usize];
        if score.is_nan() { f32::NEG_INFINITY } else { score }
    };
    let better = |a: &u32, b: &u32| score(b).total_cmp(&score(a)).then(a.cmp(b));
    let mut items: Vec<u32> = (0..scores.len() as u32).filter(|item| may(*item)).collect();
    if items.len() > max && max > 0 {
        items.select_nth_unstable_by(max - 1, better);
    }
    items.truncate(max);
    items.sort_unstable_by(better);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_are_first_ties_are_by_item_and_nan_never_wins() {
        let scores = [1.0, f32::NAN, 3.0, 3.0, -1.0, f32::NEG_INFINITY];
        assert_eq!(top(&scores, 3, |_| true), [2, 3, 0]);
        assert_eq!(top(&scores, 9, |item| item != 2), [3, 0, 4, 1, 5]);
        assert_eq!(top(&scores, 0, |_| true), [] as [u32; 0]);
        assert_eq!(top(&[f32::NAN; 2], 5, |_| true), [0, 1]);
    }

    #[test]
    fn shares_halve_with_each_half_life() {
        let history = [3, 5, 8].map(|item| Past { item, weight: 1.0, at: i64::from(item) });
        let asked = Asked { history: &history, now: 9 };
        let of =
            |half_life| asked.shares(half_life).map(|(past, share)| (past.item, share)).collect::<Vec<_>>();
        assert_eq!(of(Some(1.0)), [(8, 1.0), (5, 0.5), (3, 0.25)]);
        assert_eq!(of(None), [(8, 1.0), (5, 1.0), (3, 1.0)]);
    }
}
