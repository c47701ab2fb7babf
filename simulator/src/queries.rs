//! What shoppers type into the search box: a bounded variety, so that an embedding cache has a chance.

use crate::catalogue::Vocabulary;
use crate::draws::Draws;
use crate::population::Taste;

/// How many of a category's tones, brands and occasions occur in queries.
const VARIANTS: usize = 2;

/// What a query says beside the kind of product, and how often.
const FORMS: [(Form, f64); 6] = [
    (Form::Plain, 0.55),
    (Form::Tone, 0.13),
    (Form::Brand, 0.10),
    (Form::Occasion, 0.08),
    (Form::Affordable, 0.08),
    (Form::Premium, 0.06),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Plain,
    Tone,
    Brand,
    Occasion,
    Affordable,
    Premium,
}

/// A search for one kind of product, not yet in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Query {
    category: u8,
    kind: u8,
    form: Form,
    variant: u8,
    korean: bool,
}

impl Query {
    /// A query for `kind`, as somebody of `taste` would put it.
    pub(crate) fn draw(draws: &mut Draws, taste: &Taste, category: usize, kind: usize, korean: bool) -> Self {
        let words = &Vocabulary::get().categories[category];
        let (form, _) = FORMS[draws.weighted(&FORMS.map(|(_, weight)| weight))];
        let form = match form {
            // Nobody asks for what they do not want to pay.
            Form::Affordable if taste.price_level() > 0.6 => Form::Premium,
            Form::Premium if taste.price_level() < 0.4 => Form::Affordable,
            other => other,
        };
        let best = |weight: &dyn Fn(usize) -> f64| {
            (0..VARIANTS).max_by(|a, b| weight(*a).total_cmp(&weight(*b))).unwrap_or(0)
        };
        let variant = match form {
            Form::Tone => best(&|i| taste.tone_weight(words.tone.values[i].en)),
            Form::Brand => best(&|i| taste.brand_weight(words.brands[i].name.en)),
            Form::Occasion => draws.below(VARIANTS),
            Form::Plain | Form::Affordable | Form::Premium => 0,
        };
        Self { category: category as u8, kind: kind as u8, form, variant: variant as u8, korean }
    }

    /// The words.
    pub(crate) fn text(self) -> String {
        let category = &Vocabulary::get().categories[usize::from(self.category)];
        let kind = category.kinds[usize::from(self.kind)].name;
        let variant = usize::from(self.variant);
        let tone = category.tone.values[variant];
        let brand = category.brands[variant].name;
        let occasion = category.occasions[variant];
        if self.korean {
            let kind = kind.ko;
            return match self.form {
                Form::Plain => kind.to_owned(),
                Form::Tone => format!("{} {kind}", tone.ko),
                Form::Brand => format!("{} {kind}", brand.ko),
                Form::Occasion => format!("{} {kind}", occasion.ko),
                Form::Affordable => format!("가성비 {kind}"),
                Form::Premium => format!("고급 {kind}"),
            };
        }
        let kind = kind.en;
        let text = match self.form {
            Form::Plain => kind.to_owned(),
            Form::Tone => format!("{} {kind}", tone.en),
            Form::Brand => format!("{} {kind}", brand.en),
            Form::Occasion => format!("{kind} for {}", occasion.en),
            Form::Affordable => format!("affordable {kind}"),
            Form::Premium => format!("premium {kind}"),
        };
        text.to_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rep_core::{SEARCH_QUERY_BYTES_MAX, Timestamp};

    use super::*;
    use crate::draws::Seed;
    use crate::population::Population;

    #[test]
    fn queries_are_short_in_both_languages_and_of_bounded_variety() {
        let population = Population::new(1, 1_000);
        let mut draws = Seed::new(1).draws();
        let mut texts = HashSet::new();
        for i in 0..60_000 {
            let taste = population.taste_of(i % 1_000, Timestamp::from_ms(0));
            let category = draws.below(Vocabulary::get().categories.len());
            let kind = draws.below(Vocabulary::get().categories[category].kinds.len());
            let text = Query::draw(&mut draws, &taste, category, kind, i % 2 == 0).text();
            assert!(!text.is_empty() && text.len() < SEARCH_QUERY_BYTES_MAX);
            texts.insert(text);
        }
        assert!((1_000..3_500).contains(&texts.len()), "{}", texts.len());
        assert!(texts.contains("running shoes") && texts.contains("러닝화"));
    }
}
