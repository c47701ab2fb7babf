//! Sentences from templates, in English and in Korean.

use super::blueprint::Blueprint;
use super::vocabulary::{Category, Kind, Pair, STYLES, Vocabulary};

const NAMES_EN: [&str; 4] = [
    "{brand} {Line} {Kind}, {Tone}",
    "{brand} {Line} {Material} {Kind}, {Tone}",
    "{Line} {Style} {Material} {Kind} by {brand}, {Tone}",
    "{brand} {Kind} {Line}, {Material}, {Tone}",
];

const NAMES_KO: [&str; 4] = [
    "{brand} {line} {kind} {tone}",
    "{brand} {line} {material} {kind}, {tone}",
    "{brand} {style} {material} {kind} {line}, {tone}",
    "{brand} {kind} {line} ({material}, {tone})",
];

const DESCRIPTIONS_EN: [&str; 6] = [
    "{a style}{style} {kind} {finish}, with {f1} and {f2}. {brand} made {it} for {occasion}, down to {f3}.",
    "{this} {style} {kind} of the {Line} line pair{s} {f1} with {f2}. Finished {finish}, {they} suit{s} \
     {occasion} and come{s} with {f3}.",
    "For {occasion}: {a kind}{kind} with {f1}, {f2} and {f3}. The look is {style}, {finish}.",
    "{brand}'s {Line} {kind} bring{s} {f1} and {f2} to {occasion}. {style} in look, {finish}, plus {f3}.",
    "Built around {f1}, {this} {style} {kind} {is} made for {occasion}. Expect {f2} and {f3}, {finish}.",
    "{f1} and {f2} set {this} {kind} apart. {a style}{style} choice for {occasion}, {finish}, plus {f3}.",
];

const DESCRIPTIONS_KO: [&str; 6] = [
    "{f1}{과/와} {f2}{을/를} 갖춘 {style} {kind}입니다. {finish}{으로/로} 만들어 {occasion}에 잘 어울립니다.",
    "{brand}의 {line} {kind}. {finish}에 {f1}, {f2}{을/를} 더하고 {f3}까지 챙겼습니다. {occasion}에 추천합니다.",
    "{occasion}{을/를} 위한 {style} {kind}입니다. {f1}{이/가} 돋보이며 {f2}, {f3}까지 갖췄습니다.",
    "{f1}{이/가} 특징인 {line} {kind}. {style} 디자인과 {finish}{으로/로} {occasion}에 제격입니다.",
    "{style} 감각의 {kind}. {f1}, {f2}{은/는} 기본이고 {f3}{이/가} 더해져 {occasion}에 든든합니다.",
    "{occasion}에 꺼내기 좋은 {brand} {kind}. {finish}, 그리고 {f1}{과/와} {f2}{이/가} 만족을 더합니다.",
];

/// Name and description in both languages.
pub(super) struct Texts {
    pub(super) name: String,
    pub(super) name_ko: String,
    pub(super) description: String,
    pub(super) description_ko: String,
}

/// Writes the texts of `plan`.
pub(super) fn write(plan: &Blueprint, vocabulary: &Vocabulary) -> Texts {
    let category = &vocabulary.categories[plan.traits.category as usize];
    let words = Words::of(plan, vocabulary, category);
    let (en, ko) = (English(&words), Korean(&words));
    let mut name = fill(NAMES_EN[plan.name_form % NAMES_EN.len()], &|key| en.word(key));
    let mut name_ko = fill(NAMES_KO[plan.name_form % NAMES_KO.len()], &|key| ko.word(key));
    if let Some(size) = words.size {
        name.push_str(", ");
        name.push_str(&title(size.en));
        name_ko.push(' ');
        name_ko.push_str(size.ko);
    }
    Texts {
        name,
        name_ko,
        description: sentences(fill(DESCRIPTIONS_EN[plan.description_form % 6], &|key| en.word(key))),
        description_ko: fill(DESCRIPTIONS_KO[plan.description_form % 6], &|key| ko.word(key)),
    }
}

struct Words<'a> {
    kind: &'a Kind,
    brand: Pair,
    line: Pair,
    style: Pair,
    tone: Pair,
    material: Pair,
    size: Option<Pair>,
    occasion: Pair,
    features: [Pair; 3],
    finish: Pair,
}

impl<'a> Words<'a> {
    fn of(plan: &Blueprint, vocabulary: &'a Vocabulary, category: &'a Category) -> Self {
        let kind = &category.kinds[plan.traits.kind as usize];
        // Two features of the kind and one of the category: the first says what the product is.
        let count = kind.features.len();
        let first = kind.features[plan.feature % count];
        let second = kind.features[(plan.feature + 1) % count];
        let third = category.features[plan.extra_feature % category.features.len()];
        Self {
            kind,
            brand: category.brands[plan.traits.brand as usize].name,
            line: vocabulary.lines[plan.line],
            style: STYLES[plan.traits.style as usize],
            tone: category.tone.values[plan.traits.tone as usize],
            material: category.materials_of(kind)[plan.traits.material as usize],
            size: category.size.as_ref().map(|facet| facet.values[plan.size]),
            occasion: category.occasions[plan.occasion],
            features: [first, second, third],
            finish: category.finish,
        }
    }
}

struct English<'a>(&'a Words<'a>);

impl English<'_> {
    fn word(&self, key: &str) -> Option<String> {
        let w = self.0;
        let (one, many) = (!w.kind.many, w.kind.many);
        let article = |next: &str| match (many, next.starts_with(['a', 'e', 'i', 'o', 'u'])) {
            (true, _) => "",
            (false, true) => "an ",
            (false, false) => "a ",
        };
        let either = |a: &str, b: &str| if one { a.to_owned() } else { b.to_owned() };
        Some(match key {
            "brand" => w.brand.en.to_owned(),
            "Line" => w.line.en.to_owned(),
            "kind" => w.kind.name.en.to_owned(),
            "Kind" => title(w.kind.name.en),
            "style" => w.style.en.to_owned(),
            "Style" => title(w.style.en),
            "tone" => w.tone.en.to_owned(),
            "Tone" => title(w.tone.en),
            "material" => w.material.en.to_owned(),
            "Material" => title(w.material.en),
            "finish" => fill(w.finish.en, &|key| self.word(key)),
            "occasion" => w.occasion.en.to_owned(),
            "f1" => w.features[0].en.to_owned(),
            "f2" => w.features[1].en.to_owned(),
            "f3" => w.features[2].en.to_owned(),
            "a kind" => article(w.kind.name.en).to_owned(),
            "a style" => article(w.style.en).to_owned(),
            "this" => either("this", "these"),
            "it" => either("it", "them"),
            "they" => either("it", "they"),
            "is" => either("is", "are"),
            "s" => either("s", ""),
            _ => return None,
        })
    }
}

struct Korean<'a>(&'a Words<'a>);

impl Korean<'_> {
    fn word(&self, key: &str) -> Option<String> {
        let w = self.0;
        Some(match key {
            "brand" => w.brand.ko.to_owned(),
            "line" => w.line.ko.to_owned(),
            "kind" => w.kind.name.ko.to_owned(),
            "style" => w.style.ko.to_owned(),
            "tone" => w.tone.ko.to_owned(),
            "material" => w.material.ko.to_owned(),
            "finish" => fill(w.finish.ko, &|key| self.word(key)),
            "occasion" => w.occasion.ko.to_owned(),
            "f1" => w.features[0].ko.to_owned(),
            "f2" => w.features[1].ko.to_owned(),
            "f3" => w.features[2].ko.to_owned(),
            _ => return None,
        })
    }
}

/// Puts words into a template. `{a/b}` is a Korean particle: `a` after a final consonant, `b` otherwise.
fn fill(template: &str, word: &dyn Fn(&str) -> Option<String>) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (key, tail) = after.split_once('}').unwrap_or((after, ""));
        match (key.split_once('/'), word(key)) {
            (Some((closed, open)), _) => {
                let ending = text.chars().next_back().map_or(Ending::Vowel, Ending::of);
                let takes_open =
                    ending == Ending::Vowel || (ending == Ending::Rieul && closed.starts_with('으'));
                text.push_str(if takes_open { open } else { closed });
            }
            (None, Some(word)) => text.push_str(&word),
            (None, None) => debug_assert!(false, "a template names `{key}`"),
        }
        rest = tail;
    }
    text.push_str(rest);
    text
}

/// How a Korean word ends when it is said, which decides the particle behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Vowel,
    /// `ㄹ` takes `로` where other consonants take `으로`.
    Rieul,
    Consonant,
}

impl Ending {
    fn of(last: char) -> Self {
        match last {
            // Syllables stand in blocks of 28: no final consonant, then the 27 final consonants.
            '가'..='힣' => match (last as u32 - '가' as u32) % 28 {
                0 => Self::Vowel,
                8 => Self::Rieul,
                _ => Self::Consonant,
            },
            '1' | '7' | '8' | 'l' | 'L' | 'r' | 'R' => Self::Rieul,
            '0' | '3' | '6' | 'm' | 'M' | 'n' | 'N' => Self::Consonant,
            _ => Self::Vowel,
        }
    }
}

/// Capitals at the start of each sentence.
fn sentences(text: String) -> String {
    let mut result = String::with_capacity(text.len());
    for (i, sentence) in text.split(". ").enumerate() {
        if i > 0 {
            result.push_str(". ");
        }
        push_capitalised(&mut result, sentence);
    }
    result
}

/// `running shoes` as `Running Shoes`; small words and words with capitals of their own stay.
fn title(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for (i, word) in text.split(' ').enumerate() {
        if i > 0 {
            result.push(' ');
        }
        match word {
            "and" | "of" | "for" | "with" | "in" | "from" | "to" if i > 0 => result.push_str(word),
            "g" | "kg" | "ml" | "ct" => result.push_str(word),
            _ => push_capitalised(&mut result, word),
        }
    }
    result
}

fn push_capitalised(text: &mut String, word: &str) {
    let mut chars = word.chars();
    if let Some(first) = chars.next() {
        text.extend(first.to_uppercase());
        text.push_str(chars.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn particles_follow_the_sound() {
        let particle = |word: &str, template: &str| {
            fill(&format!("{{x}}{template}"), &|key| (key == "x").then(|| word.to_owned()))
        };
        assert_eq!(particle("가방", "{을/를}"), "가방을");
        assert_eq!(particle("모자", "{을/를}"), "모자를");
        assert_eq!(particle("마감", "{으로/로}"), "마감으로");
        assert_eq!(particle("바디", "{으로/로}"), "바디로");
        assert_eq!(particle("메탈", "{으로/로}"), "메탈로");
        assert_eq!(particle("메탈", "{을/를}"), "메탈을");
        assert_eq!(particle("SPF 50", "{이/가}"), "SPF 50이");
        assert_eq!(particle("블루투스 5.4", "{과/와}"), "블루투스 5.4와");
    }

    #[test]
    fn titles_and_sentences_have_their_capitals() {
        assert_eq!(title("sky blue"), "Sky Blue");
        assert_eq!(title("from 3 years"), "From 3 Years");
        assert_eq!(title("USB-C hub"), "USB-C Hub");
        assert_eq!(title("250 g"), "250 g");
        assert_eq!(sentences("a b. c d 5.4. e".into()), "A b. C d 5.4. E");
    }
}
