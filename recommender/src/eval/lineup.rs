use super::tune::{Tuned, lists, measured, plain};
use super::{Fold, Measured, ModelRules, Models, Query, leave_last, split_in_time};
use crate::baselines::{Bpr, ItemKnn};
use crate::cooccurrence::CooccurrenceRules;
use crate::factors::{FactorError, ItemFactors, confidences};
use crate::features::{self, candidates};
use crate::learn::{Choice, LearnRules, Weights, WeightsError};
use crate::linear::Linear;
use crate::log::Log;
use crate::popularity::{Popularity, PopularityOverTime};
use crate::scorer::{Asked, ByFactors, ByLinear, ByPopularity, ByTrend, Scorer, top};
use crate::text::TextVectors;
use crate::{Draws, threads};

/// What is hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// The last liked item of each shopper.
    LeaveLast,
    /// The last fifth of the log, in time.
    SplitInTime,
}

/// Share of a log that is known where it is split in time.
const KNOWN_SHARE: f64 = 0.8;

/// How much is asked.
#[derive(Clone, Copy, Debug)]
pub struct EvalRules {
    /// Most queries of a part: of more, so many are drawn.
    pub queries_max: usize,
    /// Likes of each shopper that the combination is fitted to, where the last is hidden.
    pub fitted_likes: usize,
    /// Folds in time that the combination is fitted to, where the last fifth is hidden: the fifth before that, and so on.
    pub fitted_folds: usize,
    /// How the combination is fitted.
    pub learn: LearnRules,
    /// Decides everything that is drawn.
    pub seed: u64,
}

impl Default for EvalRules {
    fn default() -> Self {
        Self { queries_max: 2_000, fitted_likes: 3, fitted_folds: 3, learn: LearnRules::default(), seed: 1 }
    }
}

/// What one method showed.
#[derive(Clone, Debug)]
pub struct Method {
    /// What it is called in the table.
    pub name: String,
    /// Whether it is one that we are measured against.
    pub is_baseline: bool,
    /// The first ten of each query.
    pub lists: Vec<Vec<u32>>,
    /// How good they were.
    pub measured: Vec<Measured>,
}

/// What all methods showed for the same queries.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The methods; the last is the combination.
    pub methods: Vec<Method>,
    /// Of each query whether its shopper had fewer than five likes.
    pub is_few: Vec<bool>,
    /// Of each query whether a target was liked by fewer than five shoppers before.
    pub is_new: Vec<bool>,
    /// How many items there are.
    pub items: usize,
    /// The combination.
    pub weights: Weights,
    /// What was chosen on the validation part, in words.
    pub settings: String,
}

/// Why there is no outcome.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    /// Nobody has enough likes.
    #[error("no shopper has likes enough to hide some")]
    Queries,
    /// Factors could not be learned.
    #[error(transparent)]
    Factors(#[from] FactorError),
    /// The combination could not be fitted.
    #[error(transparent)]
    Weights(#[from] WeightsError),
}

/// What is asked in the end, and what may be tuned and fitted on, the newest first.
struct Hidden {
    test: Fold,
    valid: Vec<Fold>,
}

impl Hidden {
    fn of(log: &Log, protocol: Protocol, rules: &EvalRules) -> Self {
        match protocol {
            Protocol::LeaveLast => {
                let test = leave_last(log, 1);
                let valid = vec![leave_last(&test.known, rules.fitted_likes)];
                Self { test, valid }
            }
            Protocol::SplitInTime => {
                let test = split_in_time(log, KNOWN_SHARE);
                // Folds one before the other, each of what was known at its time.
                let mut valid = vec![split_in_time(&test.known, KNOWN_SHARE)];
                while valid.len() < rules.fitted_folds.max(1) {
                    let Some(last) = valid.last() else { break };
                    valid.push(split_in_time(&last.known, KNOWN_SHARE));
                }
                Self { test, valid }
            }
        }
    }
}

/// Measures all methods on a log. Settings and weights are chosen on a validation part that is hidden from the known part in the same
/// way; then everything is learned again from all that is known, and asked once.
///
/// # Errors
/// If there is nothing to ask, or nothing to fit to.
pub fn evaluate(
    log: &Log,
    protocol: Protocol,
    rules: &EvalRules,
    texts: Option<&dyn TextVectors>,
) -> Result<Outcome, EvalError> {
    let mut draws = Draws::new(rules.seed);
    let Hidden { mut test, mut valid } = Hidden::of(log, protocol, rules);
    for fold in std::iter::once(&mut test).chain(&mut valid) {
        draws.shuffle(&mut fold.queries);
        fold.queries.truncate(rules.queries_max);
    }
    let newest = valid.first().filter(|fold| !fold.queries.is_empty()).ok_or(EvalError::Queries)?;
    if test.queries.is_empty() {
        return Err(EvalError::Queries);
    }
    let tuned = Tuned::choose(newest, &mut draws)?;
    let model_rules = ModelRules {
        factors: tuned.factors,
        cooccurrence: CooccurrenceRules::default(),
        linear_regularisation: tuned.linear_regularisation,
    };

    let (mut names, mut fitted_to) = (Vec::new(), Vec::new());
    for fold in valid.iter().filter(|fold| !fold.queries.is_empty()) {
        let learned = Models::learn(&fold.known, &model_rules, &mut draws.clone())?;
        let scorers = learned.scorers(texts);
        fitted_to.extend(choices(&scorers, fold));
        names = scorers.iter().map(|(name, _)| *name).collect();
    }
    let weights = Weights::fit(features::names(names.into_iter()), &fitted_to, rules.learn)?;
    drop(fitted_to);

    let mut methods = baselines(&test, &tuned, &mut draws)?;
    let learned = Models::learn(&test.known, &model_rules, &mut draws.clone())?;
    let scorers = learned.scorers(texts);
    for (name, scorer) in &scorers {
        let lists = lists(&test.queries, log.items(), |_| Box::new(&**scorer));
        methods.push(method(&format!("({name})"), false, &test, lists));
    }
    let all: Vec<&dyn Scorer> = scorers.iter().map(|(_, scorer)| &**scorer).collect();
    let combined = threads::map(&test.queries, |query| combined(query, &all, &weights, log.items()));
    methods.push(method("combination", false, &test, combined));

    let likers = test.known.likers();
    let is_few = |query: &Query| query.history.iter().filter(|past| past.is_liked()).count() < 5;
    let is_new = |query: &Query| query.targets.iter().any(|item| likers[*item as usize] < 5);
    Ok(Outcome {
        methods,
        is_few: test.queries.iter().map(is_few).collect(),
        is_new: test.queries.iter().map(is_new).collect(),
        items: log.items(),
        weights,
        settings: format!("{tuned:?}"),
    })
}

fn method(name: &str, is_baseline: bool, fold: &Fold, lists: Vec<Vec<u32>>) -> Method {
    let measured = measured(&fold.queries, &lists);
    Method { name: name.to_owned(), is_baseline, lists, measured }
}

/// The methods that we are measured against, learned from all that is known.
fn baselines(test: &Fold, tuned: &Tuned, draws: &mut Draws) -> Result<Vec<Method>, FactorError> {
    let liked = plain(test);
    let now = test.known.events().last().map_or(0, |event| event.past.at);
    let popular = Popularity::of(&test.known, None);
    let recent = PopularityOverTime::of(&test.known, tuned.recent * test.known.span_seconds().max(1) as f64);
    let knn = ItemKnn::learn(&liked, tuned.knn);
    let own = confidences(&test.known, &tuned.factors, now);
    let factors = ItemFactors::learn(&own, tuned.factors, &mut draws.clone())?;
    let bpr = Bpr::learn(&liked, tuned.bpr, &mut draws.clone());
    let linear = Linear::learn(&liked, tuned.linear_regularisation);
    let mut methods = vec![
        baseline("popular", test, |_| Box::new(ByPopularity { popularity: &popular })),
        baseline("recent", test, |_| Box::new(ByTrend { counts: &recent })),
        baseline("item-kNN", test, |_| Box::new(&knn)),
        baseline("ALS", test, |_| Box::new(ByFactors { factors: &factors, recency: None })),
        baseline("BPR", test, |query| Box::new(bpr.of(query.shopper as usize))),
    ];
    if let Some(linear) = &linear {
        methods.push(baseline("EASE", test, |_| Box::new(ByLinear { linear, recency: None })));
    }
    Ok(methods)
}

fn baseline<'a>(name: &str, test: &Fold, scorer: impl Fn(&Query) -> Box<dyn Scorer + 'a> + Sync) -> Method {
    method(name, true, test, lists(&test.queries, test.known.items(), scorer))
}

fn choices(scorers: &[(&'static str, Box<dyn Scorer + '_>)], fold: &Fold) -> Vec<Choice> {
    let all: Vec<&dyn Scorer> = scorers.iter().map(|(_, scorer)| &**scorer).collect();
    let found = threads::map(&fold.queries, |query| {
        let seen = query.seen();
        let asked = Asked { history: &query.history, now: query.now };
        let found = candidates(&all, &asked, fold.known.items(), |item| !seen.contains(&item));
        let chosen =
            query.targets.iter().filter_map(|target| found.items.binary_search(target).ok()).collect();
        Some(Choice { features: found.features, chosen })
    });
    found.into_iter().flatten().collect()
}

/// The first ten by the combination, filled up by the first scorer should there be fewer candidates.
fn combined(query: &Query, scorers: &[&dyn Scorer], weights: &Weights, items: usize) -> Vec<u32> {
    let seen = query.seen();
    let asked = Asked { history: &query.history, now: query.now };
    let found = candidates(scorers, &asked, items, |item| !seen.contains(&item));
    let scores = weights.score(found.features.view()).to_vec();
    top(&scores, super::CUTOFF, |_| true).into_iter().map(|place| found.items[place as usize]).collect()
}
