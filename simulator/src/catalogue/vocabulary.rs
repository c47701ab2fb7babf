//! The words the catalogue is made of, read from `vocabulary/*.txt`, which are part of the binary.
//!
//! A file is lines of `key rest`; `category` opens a category, the lines below it belong to it. `english =
//! korean` is a pair, `;` parts a list, `|` the columns of a line. Texts are as they stand inside of a
//! sentence; [`super::text`] capitalises.

use std::sync::LazyLock;

/// One thing in two languages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pair {
    pub(crate) en: &'static str,
    pub(crate) ko: &'static str,
}

/// Who makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Brand {
    pub(crate) name: Pair,
    /// How dear its goods are, in [0, 1].
    pub(crate) level: f64,
}

/// What may differ between two products of one kind.
#[derive(Clone, Debug)]
pub(crate) struct Facet {
    /// The attribute's name.
    pub(crate) key: &'static str,
    pub(crate) values: Vec<Pair>,
}

/// A kind of product, such as running shoes.
#[derive(Clone, Debug)]
pub(crate) struct Kind {
    pub(crate) name: Pair,
    /// Whether English treats it as many: "these running shoes".
    pub(crate) many: bool,
    /// Cheapest and dearest price, in euros.
    pub(crate) euros: (f64, f64),
    pub(crate) features: Vec<Pair>,
    /// What it can be made of, where that is not what its category says.
    pub(crate) materials: Vec<Pair>,
}

/// A category with all that its products are made of.
#[derive(Clone, Debug)]
pub(crate) struct Category {
    pub(crate) name: Pair,
    /// Its share of the catalogue, relative to the others.
    pub(crate) share: f64,
    /// The hour of day in which it is looked at most, 0 to 23.
    pub(crate) peak_hour: u8,
    pub(crate) brands: Vec<Brand>,
    /// Colour, scent, flavour: what the eye or nose sees first.
    pub(crate) tone: Facet,
    pub(crate) material: Facet,
    pub(crate) size: Option<Facet>,
    /// How tone and material are said, with `{tone}` and `{material}`.
    pub(crate) finish: Pair,
    pub(crate) occasions: Vec<Pair>,
    pub(crate) features: Vec<Pair>,
    pub(crate) kinds: Vec<Kind>,
}

impl Category {
    /// What products of `kind` can be made of.
    pub(crate) fn materials_of<'a>(&'a self, kind: &'a Kind) -> &'a [Pair] {
        if kind.materials.is_empty() { &self.material.values } else { &kind.materials }
    }
}

/// Looks that go through all categories.
pub(crate) const STYLES: [Pair; 8] = [
    Pair { en: "classic", ko: "클래식한" },
    Pair { en: "minimal", ko: "미니멀한" },
    Pair { en: "modern", ko: "모던한" },
    Pair { en: "retro", ko: "레트로한" },
    Pair { en: "bold", ko: "과감한" },
    Pair { en: "natural", ko: "내추럴한" },
    Pair { en: "refined", ko: "세련된" },
    Pair { en: "playful", ko: "경쾌한" },
];

/// Names of product lines.
pub(crate) const LINES: &str = "Aurora=오로라;Alder=알더;Atlas=아틀라스;Avena=아베나;Basil=바질;Birch=버치;\
Bora=보라;Breeze=브리즈;Canvas=캔버스;Cedar=시더;Cirrus=시러스;Clover=클로버;Comet=코멧;Coral=코럴;Dalia=달리아;\
Dune=듄;Echo=에코;Elm=엘름;Ember=엠버;Fable=페이블;Fern=펀;Flint=플린트;Gaon=가온;Glade=글레이드;Harbor=하버;\
Haru=하루;Hazel=헤이즐;Iris=아이리스;Isla=아일라;Juniper=주니퍼;Kora=코라;Lark=라크;Linden=린덴;Luna=루나;\
Maple=메이플;Mara=마라;Mistral=미스트랄;Moss=모스;Nara=나라;Nova=노바;Olive=올리브;Onda=온다;Opal=오팔;Orion=오리온;\
Pebble=페블;Piper=파이퍼;Quill=퀼;Rambler=램블러;Reed=리드;Ripple=리플;Sable=세이블;Saan=산;Sierra=시에라;\
Sol=솔;Sparrow=스패로;Summit=서밋;Terra=테라;Tilia=틸리아;Umber=움버;Vega=베가;Verano=베라노;Willow=윌로;\
Wren=렌;Yuna=유나;Zephyr=제피르;Zinnia=지니아;Byul=별;Haneul=하늘;Nuri=누리;Dami=다미;Onyx=오닉스;Talus=탤러스";

/// All words.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) categories: Vec<Category>,
    pub(crate) lines: Vec<Pair>,
    /// For each category, the number of kinds in those before it.
    kind_offsets: Vec<usize>,
}

impl Vocabulary {
    /// The words of this tree.
    pub(crate) fn get() -> &'static Self {
        static VOCABULARY: LazyLock<Vocabulary> =
            LazyLock::new(|| parse(FILES).unwrap_or_else(|error| unreachable!("vocabulary: {error}")));
        &VOCABULARY
    }

    /// The number of a kind among those of all categories.
    pub(crate) fn kind_number(&self, category: usize, kind: usize) -> usize {
        self.kind_offsets[category] + kind
    }
}

const FILES: &[(&str, &str)] = &[
    ("fashion", include_str!("../../vocabulary/fashion.txt")),
    ("tech", include_str!("../../vocabulary/tech.txt")),
    ("home", include_str!("../../vocabulary/home.txt")),
    ("leisure", include_str!("../../vocabulary/leisure.txt")),
    ("family", include_str!("../../vocabulary/family.txt")),
];

fn parse(files: &[(&'static str, &'static str)]) -> Result<Vocabulary, String> {
    let mut categories: Vec<Category> = Vec::new();
    for (file, text) in files {
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            parse_line(line, &mut categories)
                .map_err(|error| format!("{file}.txt, line {}: {error}", number + 1))?;
        }
    }
    let kind_offsets = categories
        .iter()
        .scan(0, |sum, category| Some(std::mem::replace(sum, *sum + category.kinds.len())))
        .collect();
    Ok(Vocabulary { categories, lines: pairs(LINES)?, kind_offsets })
}

fn parse_line(line: &'static str, categories: &mut Vec<Category>) -> Result<(), String> {
    let (key, rest) = line.split_once(' ').ok_or("no value")?;
    if key == "category" {
        categories.push(empty(pair(rest)?));
        return Ok(());
    }
    let category = categories.last_mut().ok_or("no category is open")?;
    match key {
        "share" => category.share = number(rest)?,
        "peak" => category.peak_hour = rest.trim().parse().map_err(|_| "hour")?,
        "brands" => category.brands = list(rest).map(brand).collect::<Result<_, _>>()?,
        "tone" => category.tone = facet(rest)?,
        "material" => category.material = facet(rest)?,
        "size" => category.size = Some(facet(rest)?),
        "finish" => {
            let (en, ko) = rest.split_once('|').ok_or("no second language")?;
            category.finish = Pair { en: en.trim(), ko: ko.trim() };
        }
        "occasions" => category.occasions = pairs(rest)?,
        "features" => category.features = pairs(rest)?,
        "kind" => {
            let kind = kind(rest, &category.material.values)?;
            category.kinds.push(kind);
        }
        other => return Err(format!("unknown key `{other}`")),
    }
    Ok(())
}

fn empty(name: Pair) -> Category {
    let facet = || Facet { key: "", values: Vec::new() };
    Category {
        name,
        share: 1.0,
        peak_hour: 20,
        brands: Vec::new(),
        tone: facet(),
        material: facet(),
        size: None,
        finish: Pair { en: "", ko: "" },
        occasions: Vec::new(),
        features: Vec::new(),
        kinds: Vec::new(),
    }
}

fn list(text: &'static str) -> impl Iterator<Item = &'static str> {
    text.split(';').map(str::trim)
}

fn number(text: &str) -> Result<f64, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is no number"))
}

/// `english = korean`, or one text for both.
fn pair(text: &'static str) -> Result<Pair, String> {
    let (en, ko) = text.split_once('=').unwrap_or((text, text));
    let pair = Pair { en: en.trim(), ko: ko.trim() };
    if pair.en.is_empty() || pair.ko.is_empty() { Err(format!("`{text}` is no pair")) } else { Ok(pair) }
}

fn pairs(text: &'static str) -> Result<Vec<Pair>, String> {
    list(text).map(pair).collect()
}

fn brand(text: &'static str) -> Result<Brand, String> {
    let (name, level) = text.split_once(':').ok_or("brand without a level")?;
    Ok(Brand { name: pair(name)?, level: number(level)? })
}

fn facet(text: &'static str) -> Result<Facet, String> {
    let (key, values) = text.split_once(':').ok_or("facet without a key")?;
    Ok(Facet { key: key.trim(), values: pairs(values)? })
}

/// `name | one or many | cheapest-dearest | features | materials`, the last column only where the category's
/// materials do not fit; there, a material without Korean is one of the category's.
fn kind(text: &'static str, known: &[Pair]) -> Result<Kind, String> {
    let columns: Vec<&'static str> = text.split('|').map(str::trim).collect();
    let (name, count, euros, features, materials) = match columns[..] {
        [name, count, euros, features] => (name, count, euros, features, None),
        [name, count, euros, features, materials] => (name, count, euros, features, Some(materials)),
        _ => return Err("a kind has four or five columns".into()),
    };
    let (low, high) = euros.split_once('-').ok_or("no price band")?;
    let many = match count {
        "one" => false,
        "many" => true,
        other => return Err(format!("`{other}` is neither one nor many")),
    };
    let material = |text: &'static str| match known.iter().find(|pair| pair.en == text) {
        Some(known) => Ok(*known),
        None if text.contains('=') => pair(text),
        None => Err(format!("material `{text}` has no Korean")),
    };
    Ok(Kind {
        name: pair(name)?,
        many,
        euros: (number(low)?, number(high)?),
        features: pairs(features)?,
        materials: materials.into_iter().flat_map(list).map(material).collect::<Result<_, _>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_hangul(text: &str) -> bool {
        text.chars().any(|c| ('가'..='힣').contains(&c))
    }

    #[test]
    fn every_category_is_whole() {
        let vocabulary = Vocabulary::get();
        assert!(vocabulary.categories.len() >= 16);
        for c in &vocabulary.categories {
            let name = c.name.en;
            assert!(has_hangul(c.name.ko), "{name}");
            assert!(c.share > 0.0 && c.peak_hour < 24, "{name}");
            assert!(c.brands.len() >= 6 && c.kinds.len() >= 7 && c.occasions.len() >= 6, "{name}");
            assert!(c.tone.values.len() >= 6 && c.material.values.len() >= 5, "{name}");
            assert!(c.features.len() >= 4 && c.kinds.iter().all(|k| k.features.len() >= 3), "{name}");
            assert!(c.finish.en.contains("{tone}") && c.finish.ko.contains("{material}"), "{name}");
            assert!(c.brands.iter().all(|b| (0.0..=1.0).contains(&b.level)), "{name}");
            for kind in &c.kinds {
                assert!(0.0 < kind.euros.0 && kind.euros.0 < kind.euros.1, "{name} {}", kind.name.en);
                assert!(has_hangul(kind.name.ko), "{name} {}", kind.name.en);
            }
        }
    }

    #[test]
    fn no_name_stands_twice() {
        let vocabulary = Vocabulary::get();
        let mut names: Vec<&str> = vocabulary.categories.iter().map(|c| c.name.en).collect();
        names.extend(vocabulary.categories.iter().flat_map(|c| &c.kinds).map(|k| k.name.en));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(vocabulary.lines.len() > 60);
    }

    #[test]
    fn a_line_that_is_wrong_is_named() {
        for (text, what) in [
            ("share 3", "no category"),
            ("category A = 가\nshare x", "line 2"),
            ("category A = 가\nkind shoe = 신 | some | 1-2 | a = 나", "neither"),
            ("category A = 가\ncolor red", "unknown key"),
        ] {
            let error = parse(&[("t", text)]).unwrap_err();
            assert!(error.contains(what), "{error}");
        }
    }
}
