use crate::Draws;
use crate::cooccurrence::{Cooccurrence, CooccurrenceRules};
use crate::factors::{FactorError, FactorRules, ItemFactors, confidences};
use crate::linear::Linear;
use crate::log::Log;
use crate::popularity::{Popularity, PopularityOverTime};
use crate::scorer::{ByCompany, ByFactors, ByLinear, ByPopularity, ByText, ByTrend, Company, Scorer};
use crate::text::TextVectors;

/// How everything that the combination is made of is learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelRules {
    /// Factors.
    pub factors: FactorRules,
    /// Co-occurrence.
    pub cooccurrence: CooccurrenceRules,
    /// Cost of large weights of the dense linear model, in likes.
    pub linear_regularisation: f32,
}

impl Default for ModelRules {
    fn default() -> Self {
        Self {
            factors: FactorRules::default(),
            cooccurrence: CooccurrenceRules::default(),
            linear_regularisation: 200.0,
        }
    }
}

/// Shares of the log's span in which a like loses half of its worth, for what is popular of late.
const TRENDS: [(&str, f64); 4] =
    [("trend 0.003", 0.003), ("trend 0.01", 0.01), ("trend 0.03", 0.03), ("trend 0.1", 0.1)];

/// What was learned from a log.
pub struct Models {
    factors: ItemFactors,
    counts: Cooccurrence,
    linear: Option<Linear>,
    popular: Popularity,
    trends: Vec<(&'static str, PopularityOverTime)>,
}

impl Models {
    /// Learns from a log. `draws` decides where factors start.
    ///
    /// # Errors
    /// If a rule of the factors is out of range.
    pub fn learn(log: &Log, rules: &ModelRules, draws: &mut Draws) -> Result<Self, FactorError> {
        let now = log.events().last().map_or(0, |event| event.past.at);
        let liked = confidences(log, &rules.factors, now);
        let span = log.span_seconds().max(1) as f64;
        Ok(Self {
            factors: ItemFactors::learn(&liked, rules.factors, draws)?,
            counts: Cooccurrence::of(log, rules.cooccurrence),
            linear: Linear::learn(&liked, rules.linear_regularisation),
            popular: Popularity::of(log, None),
            trends: TRENDS.map(|(name, share)| (name, PopularityOverTime::of(log, share * span))).into(),
        })
    }

    /// Scorers by name. Those by recency look at the latest likes most: their number is the likes after which one counts half.
    pub fn scorers<'a>(
        &'a self,
        texts: Option<&'a dyn TextVectors>,
    ) -> Vec<(&'static str, Box<dyn Scorer + 'a>)> {
        let mut scorers: Vec<(&'static str, Box<dyn Scorer + 'a>)> = Vec::new();
        for (name, recency) in [("factors", None), ("factors 5", Some(5.0))] {
            scorers.push((name, Box::new(ByFactors { factors: &self.factors, recency })));
        }
        let company = [
            ("together", Company::Together, None),
            ("together 10", Company::Together, Some(10.0)),
            ("together 2", Company::Together, Some(2.0)),
            ("next 3", Company::Next, Some(3.0)),
            ("next 0.5", Company::Next, Some(0.5)),
            ("refused", Company::Refused, None),
        ];
        for (name, company, recency) in company {
            scorers.push((name, Box::new(ByCompany { counts: &self.counts, recency, company })));
        }
        if let Some(linear) = &self.linear {
            for (name, recency) in [("linear", None), ("linear 10", Some(10.0)), ("linear 2", Some(2.0))] {
                scorers.push((name, Box::new(ByLinear { linear, recency })));
            }
        }
        scorers.push(("popular", Box::new(ByPopularity { popularity: &self.popular })));
        for (name, counts) in &self.trends {
            scorers.push((*name, Box::new(ByTrend { counts })));
        }
        if let Some(texts) = texts {
            for (name, recency) in [("text", None), ("text 3", Some(3.0))] {
                scorers.push((name, Box::new(ByText { texts, recency })));
            }
        }
        scorers
    }
}
