//! The report of a benchmark, and what it advises.

use rep_core::ModelId;
use serde::Serialize;

use crate::Precision;

/// Quality that int8 must keep to be advised: measured on e5 and MiniLM, per channel reaches it, per tensor
/// does not (cosine 0.98 to 0.99 against 0.89 to 0.94).
const COSINE_MEAN_MIN: f64 = 0.97;
const RECALL_LOSS_MAX: f64 = 0.03;
/// Gain in speed below which a change of model is not worth embedding everything again.
const GAIN_MIN: f64 = 1.15;
/// Catalogue that the advice reckons with.
const CATALOGUE_TEXTS: f64 = 100_000.0;

/// What was measured, and what follows from it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BenchReport {
    /// One report a model, in the order given.
    pub models: Vec<ModelReport>,
    /// How well int8 models stand in for their fp32 forms, where both were given.
    pub agreements: Vec<Agreement>,
    /// Sentences for a person.
    pub advice: Vec<String>,
}

/// One model on this machine.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelReport {
    /// The model.
    pub model: ModelId,
    /// How its weights are kept.
    pub precision: Precision,
    /// Width of its vectors.
    pub dimensions: usize,
    /// Size of the ONNX file in bytes.
    pub file_bytes: u64,
    /// Time to load it, in milliseconds.
    pub load_ms: f64,
    /// Threads it ran on.
    pub intra_threads: usize,
    /// Speed by length and texts a call.
    pub speed: Vec<SpeedCase>,
    /// Whether it finds what is meant, in English.
    pub retrieval: Retrieval,
    /// The same where half of the products and of the queries are Korean.
    pub retrieval_bilingual: Retrieval,
}

/// Calls of one kind.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SpeedCase {
    /// Tokens of each text, about.
    pub tokens: usize,
    /// Texts in one call.
    pub call_texts: usize,
    /// Calls measured.
    pub rounds: usize,
    /// Half of the calls took at most this, in milliseconds.
    pub p50_ms: f64,
    /// 99 of 100 calls took at most this, in milliseconds; with fewer rounds, the slowest.
    pub p99_ms: f64,
    /// Texts a second.
    pub texts_per_s: f64,
}

/// A search in a small fixed catalogue by queries that describe an item without naming it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Retrieval {
    /// Queries asked.
    pub queries: usize,
    /// Passages searched.
    pub passages: usize,
    /// Results looked at: as many as there are right ones.
    pub first: usize,
    /// Share of the right passages among those results, 0 to 1.
    pub recall: f64,
}

/// Two models on the same texts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Agreement {
    /// The fp32 model.
    pub exact: ModelId,
    /// Its int8 form.
    pub small: ModelId,
    /// Texts compared.
    pub texts: usize,
    /// Mean cosine of a text's two vectors.
    pub cosine_mean: f64,
    /// One text in twenty is below this.
    pub cosine_p05: f64,
    /// The worst text.
    pub cosine_min: f64,
    /// Share of queries with the same first result.
    pub same_first: f64,
    /// Share of the first ten results that both have.
    pub top10_overlap: f64,
}

impl BenchReport {
    pub(super) fn new(models: Vec<ModelReport>, agreements: Vec<Agreement>) -> Self {
        let mut advice: Vec<String> = models.iter().filter_map(pace).collect();
        advice.extend(agreements.iter().filter_map(|agreement| choice(&models, agreement)));
        advice.extend(finds_most(&models));
        Self { models, agreements, advice }
    }
}

fn case(model: &ModelReport, tokens: usize, most_texts: bool) -> Option<&SpeedCase> {
    let cases = model.speed.iter().filter(|case| case.tokens == tokens);
    if most_texts {
        cases.max_by_key(|case| case.call_texts)
    } else {
        cases.min_by_key(|case| case.call_texts)
    }
}

fn pace(model: &ModelReport) -> Option<String> {
    let (query, product) = (case(model, 6, false)?, case(model, 60, true)?);
    let minutes = CATALOGUE_TEXTS / product.texts_per_s / 60.0;
    Some(format!(
        "`{}`: a short query takes {:.1} ms; {CATALOGUE_TEXTS:.0} product texts of 60 tokens take {minutes:.0} minutes",
        model.model, query.p50_ms
    ))
}

/// Which of several fp32 models finds most, in English and where half is Korean.
fn finds_most(models: &[ModelReport]) -> Option<String> {
    let exact: Vec<&ModelReport> = models.iter().filter(|model| model.precision == Precision::Fp32).collect();
    let best = |recall: fn(&ModelReport) -> f64| {
        let best = exact.iter().max_by(|a, b| recall(a).total_cmp(&recall(b)))?;
        Some(format!("`{}` ({:.0} %)", best.model, 100.0 * recall(best)))
    };
    let english = best(|model| model.retrieval.recall)?;
    let bilingual = best(|model| model.retrieval_bilingual.recall)?;
    (exact.len() > 1)
        .then(|| format!("most is found by {english} in English, by {bilingual} where half is Korean"))
}

fn choice(models: &[ModelReport], agreement: &Agreement) -> Option<String> {
    let exact = models.iter().find(|model| model.model == agreement.exact)?;
    let small = models.iter().find(|model| model.model == agreement.small)?;
    let gain = case(small, 60, true)?.texts_per_s / case(exact, 60, true)?.texts_per_s;
    let loss = exact.retrieval.recall - small.retrieval.recall;
    let facts = format!(
        "{gain:.2} times the speed, cosine {:.3} on average, recall {:.2} against {:.2}",
        agreement.cosine_mean, small.retrieval.recall, exact.retrieval.recall
    );
    let (keeps, gains) =
        (agreement.cosine_mean >= COSINE_MEAN_MIN && loss <= RECALL_LOSS_MAX, gain >= GAIN_MIN);
    Some(match (keeps, gains) {
        (true, true) => format!("use `{}`: {facts}", small.model),
        (true, false) => format!("stay with `{}`: int8 gains too little here ({facts})", exact.model),
        (false, _) => format!("stay with `{}`: int8 loses too much ({facts})", exact.model),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(precision: Precision, texts_per_s: f64, recall: f64) -> ModelReport {
        let speed =
            |tokens| SpeedCase { tokens, call_texts: 1, rounds: 1, p50_ms: 1.0, p99_ms: 1.0, texts_per_s };
        ModelReport {
            model: ModelId::new(if precision == Precision::Fp32 { "exact" } else { "small" }).unwrap(),
            precision,
            dimensions: 2,
            file_bytes: 1,
            load_ms: 1.0,
            intra_threads: 1,
            speed: vec![speed(6), speed(60)],
            retrieval: Retrieval { queries: 1, passages: 1, first: 1, recall },
            retrieval_bilingual: Retrieval { queries: 1, passages: 1, first: 1, recall: recall / 2.0 },
        }
    }

    fn advice(gain: f64, cosine: f64, recall: f64) -> String {
        let agreement = Agreement {
            exact: ModelId::new("exact").unwrap(),
            small: ModelId::new("small").unwrap(),
            texts: 1,
            cosine_mean: cosine,
            cosine_p05: cosine,
            cosine_min: cosine,
            same_first: 1.0,
            top10_overlap: 1.0,
        };
        let models = vec![model(Precision::Int8, 100.0 * gain, recall), model(Precision::Fp32, 100.0, 0.8)];
        BenchReport::new(models, vec![agreement]).advice.pop().unwrap()
    }

    #[test]
    fn int8_is_advised_only_when_it_keeps_quality_and_gains_speed() {
        assert!(advice(1.5, 0.985, 0.79).starts_with("use `small`"));
        assert!(advice(1.05, 0.985, 0.8).starts_with("stay with `exact`: int8 gains too little"));
        assert!(advice(3.0, 0.9, 0.8).starts_with("stay with `exact`: int8 loses"));
        assert!(advice(3.0, 0.99, 0.6).starts_with("stay with `exact`: int8 loses"));
    }

    #[test]
    fn of_several_models_the_one_that_finds_most_is_named_for_each_language() {
        let mut korean = model(Precision::Fp32, 50.0, 0.7);
        korean.model = ModelId::new("korean").unwrap();
        korean.retrieval_bilingual.recall = 0.75;
        let report = BenchReport::new(vec![model(Precision::Fp32, 100.0, 0.8), korean], Vec::new());
        let expected = "most is found by `exact` (80 %) in English, by `korean` (75 %) where half is Korean";
        assert_eq!(report.advice.last().unwrap(), expected);
    }

    #[test]
    fn one_model_gets_its_pace_only() {
        let report = BenchReport::new(vec![model(Precision::Fp32, 100.0, 0.8)], Vec::new());
        assert_eq!(report.advice.len(), 1);
        assert!(report.advice[0].contains("17 minutes"), "{}", report.advice[0]);
        assert!(serde_json::to_value(&report).unwrap()["models"][0]["speed"][0]["textsPerS"].is_number());
    }
}
