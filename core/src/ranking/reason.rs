//! Why an item is shown: what a shopper can check against what they did.

use serde::{Deserialize, Serialize};

use super::Ranked;
use crate::likeness::{LikenessScale, Probe};
use crate::{ActionType, ProductId, UnitVector};

/// How many standard deviations above chance an item must be like something to be said to be; below, nothing is claimed.
const LIKENESS_MIN: f32 = 1.0;
/// Least share of the top popularity contribution at which an item is called popular.
const POPULAR_SHARE_MIN: f32 = 0.5;

/// What kind of reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReasonKind {
    /// It is like a product the shopper acted on.
    SimilarToAction,
    /// It is near to the shopper's taste as a whole.
    Taste,
    /// Many shoppers act on it now.
    Popular,
    /// It shares words with the search.
    SearchWords,
    /// It is near to the search in meaning.
    SearchMeaning,
    /// It is like the product asked about.
    Similar,
    /// It fills the list: nothing says more for it.
    Catalogue,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// What kind.
    pub kind: ReasonKind,
    /// One line in English.
    pub text: String,
    /// The product it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_id: Option<ProductId>,
    /// Its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product_name: Option<String>,
    /// What the shopper did with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action_type: Option<ActionType>,
}

impl Reason {
    fn plain(kind: ReasonKind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), product_id: None, product_name: None, action_type: None }
    }
}

/// Something the shopper did that says what they like.
#[derive(Clone, Debug)]
pub struct Trace {
    /// The product.
    pub product_id: ProductId,
    /// Its name.
    pub product_name: String,
    /// What was done.
    pub action_type: ActionType,
    /// The product's vector.
    pub vector: UnitVector,
}

/// What was asked for.
#[derive(Clone, Copy, Debug)]
pub enum Asked<'a> {
    /// Recommendations for a shopper who left these traces, and what likeness is in this shop, if it is known.
    Recommendations(&'a [Trace], Option<&'a LikenessScale>),
    /// A search for this text.
    Search(&'a str),
    /// Products like this one.
    Like(&'a ProductId, &'a str),
}

/// Why `item` is shown, the strongest reason first; at least one.
pub fn reasons(item: &Ranked, asked: Asked<'_>, popularity_weight: f32) -> Vec<Reason> {
    let sources = item.candidate.sources;
    let mut reasons = Vec::with_capacity(2);
    match asked {
        Asked::Recommendations(traces, scale) => {
            if let Some(trace) = likest(item, traces, scale) {
                reasons.push(because_of(trace));
            } else if sources.near {
                reasons.push(Reason::plain(ReasonKind::Taste, "Close to your taste"));
            }
        }
        Asked::Search(query) => {
            if sources.words {
                reasons
                    .push(Reason::plain(ReasonKind::SearchWords, format!("Matches your search “{query}”")));
            }
            if sources.meaning {
                let text = format!("Matches your search “{query}” in meaning");
                reasons.push(Reason::plain(ReasonKind::SearchMeaning, text));
            }
        }
        Asked::Like(id, name) => reasons.push(Reason {
            product_id: Some(id.clone()),
            product_name: Some(name.to_owned()),
            ..Reason::plain(ReasonKind::Similar, format!("Similar to {name}"))
        }),
    }
    if is_popular(item, popularity_weight) {
        reasons.push(Reason::plain(ReasonKind::Popular, "Popular now"));
    }
    if reasons.is_empty() {
        reasons.push(Reason::plain(
            ReasonKind::Catalogue,
            format!("More from {}", item.candidate.product.category),
        ));
    }
    reasons
}

fn is_popular(item: &Ranked, weight: f32) -> bool {
    item.candidate.popularity > 0.0
        && (item.candidate.sources.popular
            || item.explain.popularity >= POPULAR_SHARE_MIN * weight.max(f32::EPSILON))
}

/// The trace that is most like `item`, among those that say "more of this".
fn likest<'a>(item: &Ranked, traces: &'a [Trace], scale: Option<&LikenessScale>) -> Option<&'a Trace> {
    let probe = Probe::by_likeness(item.candidate.vector.clone()?, scale, LIKENESS_MIN);
    traces
        .iter()
        .filter(|trace| trace.action_type.taste_weight() > 0.0)
        .filter_map(|trace| Some((trace, probe.score(&trace.vector)?)))
        .fold(None, |best: Option<(&Trace, f32)>, next| match best {
            Some(best) if best.1 >= next.1 => Some(best),
            _ => Some(next),
        })
        .map(|(trace, _)| trace)
}

fn because_of(trace: &Trace) -> Reason {
    let name = &trace.product_name;
    let text = match trace.action_type {
        ActionType::View => format!("Because you saw {name}"),
        ActionType::Wishlist => format!("Because {name} is on your wishlist"),
        ActionType::AddToCart => format!("Because you put {name} into your cart"),
        ActionType::Purchase => format!("Because you bought {name}"),
        _ => format!("Because you looked at {name}"),
    };
    Reason {
        product_id: Some(trace.product_id.clone()),
        product_name: Some(name.clone()),
        action_type: Some(trace.action_type),
        ..Reason::plain(ReasonKind::SimilarToAction, text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ranking::testing::candidate;
    use crate::ranking::{Sources, Weights, select};

    fn unit(numbers: [f32; 2]) -> UnitVector {
        UnitVector::normalised(numbers.to_vec()).unwrap()
    }

    fn trace(id: &str, action_type: ActionType, vector: [f32; 2]) -> Trace {
        Trace {
            product_id: ProductId::new(id).unwrap(),
            product_name: id.to_owned(),
            action_type,
            vector: unit(vector),
        }
    }

    fn item(vector: Option<[f32; 2]>, popularity: f64, sources: Sources) -> Ranked {
        let mut candidate = candidate("p", "tents", 0.5, popularity);
        candidate.vector = vector.map(unit);
        candidate.sources = sources;
        select(vec![candidate], 1, Weights::RECOMMEND).remove(0)
    }

    fn kinds(reasons: &[Reason]) -> Vec<ReasonKind> {
        reasons.iter().map(|reason| reason.kind).collect()
    }

    #[test]
    fn names_the_likest_thing_that_was_liked() {
        let traces = [
            trace("far", ActionType::Click, [0.0, 1.0]),
            trace("refused", ActionType::Dislike, [1.0, 0.0]),
            trace("near", ActionType::Purchase, [1.0, 0.2]),
        ];
        let item = item(Some([1.0, 0.0]), 0.0, Sources { near: true, ..Sources::default() });
        let reasons = reasons(&item, Asked::Recommendations(&traces, None), 0.15);
        assert_eq!(reasons[0].text, "Because you bought near");
        assert_eq!(reasons[0].action_type, Some(ActionType::Purchase));
        assert_eq!(reasons.len(), 1);
    }

    #[test]
    fn claims_nothing_that_is_not_so() {
        let near = Sources { near: true, ..Sources::default() };
        let nothing = item(None, 0.0, Sources::default());
        assert_eq!(
            kinds(&reasons(&nothing, Asked::Recommendations(&[], None), 0.15)),
            [ReasonKind::Catalogue]
        );
        assert_eq!(
            kinds(&reasons(&item(None, 0.0, near), Asked::Recommendations(&[], None), 0.15)),
            [ReasonKind::Taste]
        );
        let popular = item(None, 9.0, Sources { popular: true, ..Sources::default() });
        assert_eq!(kinds(&reasons(&popular, Asked::Recommendations(&[], None), 0.15)), [ReasonKind::Popular]);
        let unlike = trace("x", ActionType::Click, [-1.0, 0.0]);
        assert_eq!(
            kinds(&reasons(
                &item(Some([1.0, 0.0]), 0.0, near),
                Asked::Recommendations(&[unlike], None),
                0.15
            )),
            [ReasonKind::Taste]
        );
    }

    #[test]
    fn what_is_like_is_measured_by_the_shop() {
        // By plain cosines everything is near; the item's own kind is what stands out.
        let shop: Vec<UnitVector> = (0..20_i16)
            .map(|n| UnitVector::normalised(vec![9.0, f32::from(n % 4), f32::from(3 - n % 4), 0.1]).unwrap())
            .collect();
        let scale = LikenessScale::of(&shop).unwrap();
        let mut traces =
            [trace("x", ActionType::Click, [1.0, 0.0]), trace("y", ActionType::Click, [1.0, 0.0])];
        (traces[0].vector, traces[1].vector) = (shop[1].clone(), shop[3].clone());
        let mut item = item(None, 0.0, Sources { near: true, ..Sources::default() });
        item.candidate.vector = Some(shop[7].clone());
        assert!(shop[7].cosine(&shop[1]) > 0.9);
        let of =
            |traces: &[Trace]| reasons(&item, Asked::Recommendations(traces, Some(&scale)), 0.15).remove(0);
        assert_eq!(of(&traces).text, "Because you looked at y");
        assert_eq!(of(&traces[..1]).kind, ReasonKind::Taste);
    }

    #[test]
    fn a_search_says_how_it_matched() {
        let both = item(None, 0.0, Sources { words: true, meaning: true, ..Sources::default() });
        let reasons = reasons(&both, Asked::Search("tent"), 0.05);
        assert_eq!(kinds(&reasons), [ReasonKind::SearchWords, ReasonKind::SearchMeaning]);
        assert_eq!(reasons[0].text, "Matches your search “tent”");
    }
}
