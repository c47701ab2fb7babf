//! Text to terms: what counts as one word, in English and in Korean.

/// Longest term, in bytes; what is longer is cut there. Serial numbers and URLs make no useful words.
const TERM_BYTES_MAX: usize = 64;

/// Calls `emit` with every term of `text`, in order, repeats included.
///
/// - Letters are lowered (Unicode), Latin ones lose their accents; `men's` is `mens`.
/// - Words in the Latin alphabet and others lose an English plural's ending.
/// - Korean (and other CJK) words give themselves and each pair of neighbouring letters: endings and
///   compounds are written without spaces.
pub(crate) fn terms(text: &str, mut emit: impl FnMut(&str)) {
    let mut word = String::new();
    let mut pair = String::new();
    let mut in_pairs = false;
    let mut finish = |word: &mut String, in_pairs: bool| {
        if word.is_empty() {
            return;
        }
        if in_pairs {
            emit(cut(word));
            pairs_of(word, &mut pair, &mut emit);
        } else {
            emit(cut(stem(word)));
        }
        word.clear();
    };
    for letter in letters(text) {
        match letter {
            Some(letter) => {
                if in_pairs != is_paired(letter) {
                    finish(&mut word, in_pairs);
                }
                in_pairs = is_paired(letter);
                word.push(letter);
            }
            None => finish(&mut word, in_pairs),
        }
    }
    finish(&mut word, in_pairs);
}

/// The beginning of a word that `text` ends with: what somebody is still typing. `None` if it ends in
/// something else, or is too short to say much (one letter, unless a letter is a syllable).
pub(crate) fn unfinished(text: &str) -> Option<String> {
    let mut word = String::new();
    for letter in letters(text) {
        match letter {
            Some(letter) => {
                if word.chars().next_back().is_some_and(|last| is_paired(last) != is_paired(letter)) {
                    word.clear();
                }
                word.push(letter);
            }
            None => word.clear(),
        }
    }
    let first = word.chars().next()?;
    (is_paired(first) || word.chars().nth(1).is_some()).then(|| cut(&word).to_owned())
}

/// Letters and digits, lowered; `None` between words.
fn letters(text: &str) -> impl Iterator<Item = Option<char>> + '_ {
    let mut composer = Composer { input: text.chars().peekable() };
    let composed = std::iter::from_fn(move || composer.next());
    composed.filter(|c| !is_joined(*c)).flat_map(char::to_lowercase).filter(|c| !is_joined(*c)).map(|c| {
        let c = without_accent(c);
        c.is_alphanumeric().then_some(c)
    })
}

/// Marks that are part of a word without being a letter of it: apostrophes and combining accents.
fn is_joined(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{0300}'..='\u{036f}')
}

/// Letters of scripts that put no spaces where a shopper's words end: Hangul, kana, Han.
fn is_paired(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}' | '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}')
}

fn pairs_of(word: &str, pair: &mut String, emit: &mut impl FnMut(&str)) {
    // A word of two letters is its own pair.
    if word.chars().nth(2).is_none() {
        return;
    }
    for (first, second) in word.chars().zip(word.chars().skip(1)) {
        pair.clear();
        pair.push(first);
        pair.push(second);
        emit(pair);
    }
}

/// Takes an English plural's ending off; the same for texts and queries, so that it need not be right, only
/// regular.
fn stem(word: &str) -> &str {
    let is_kept = word.len() < 4
        || !word.ends_with('s')
        || ["ss", "us", "is"].iter().any(|ending| word.ends_with(ending))
        || !word.is_ascii();
    if is_kept {
        return word;
    }
    if ["ches", "shes", "sses", "xes", "zes"].iter().any(|ending| word.ends_with(ending)) {
        return &word[..word.len() - 2];
    }
    &word[..word.len() - 1]
}

fn cut(word: &str) -> &str {
    &word[..word.floor_char_boundary(TERM_BYTES_MAX)]
}

fn without_accent(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ğ' => 'g',
        'ì'..='ï' | 'ī' | 'į' | 'ı' => 'i',
        'ł' => 'l',
        'ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'ş' | 'š' | 'ș' => 's',
        'ť' | 'ț' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}

/// Puts Korean syllables together that come as separate parts, as some systems write them.
/// Source: Unicode 16, section 3.12.
struct Composer<I: Iterator<Item = char>> {
    input: std::iter::Peekable<I>,
}

impl<I: Iterator<Item = char>> Composer<I> {
    fn next(&mut self) -> Option<char> {
        let first = self.input.next()?;
        let Some(lead) = part(first, '\u{1100}', 19) else { return Some(first) };
        let Some(vowel) = self.input.peek().and_then(|c| part(*c, '\u{1161}', 21)) else {
            return Some(first);
        };
        self.input.next();
        let tail = self.input.peek().and_then(|c| part(*c, '\u{11a8}', 27)).map_or(0, |tail| tail + 1);
        if tail > 0 {
            self.input.next();
        }
        char::from_u32(0xac00 + (lead * 21 + vowel) * 28 + tail)
    }
}

fn part(c: char, base: char, count: u32) -> Option<u32> {
    u32::from(c).checked_sub(u32::from(base)).filter(|at| *at < count)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        terms(text, |term| found.push(term.to_owned()));
        found
    }

    #[test]
    fn words_of_both_languages() {
        assert_eq!(of("Wireless HEADPHONES, 2-pack"), ["wireless", "headphone", "2", "pack"]);
        assert_eq!(
            of("Men's Crème brûlée—dishes & glass boxes"),
            ["men", "creme", "brulee", "dish", "glass", "box"]
        );
        assert_eq!(of("무선 이어폰"), ["무선", "이어폰", "이어", "어폰"]);
        assert_eq!(of("무선headphone"), ["무선", "headphone"]);
        assert_eq!(of("컵"), ["컵"]);
        assert_eq!(of("  ...  "), Vec::<String>::new());
        assert_eq!(of("bus gas series"), ["bus", "gas", "serie"]);
    }

    #[test]
    fn letters_taken_apart_are_the_same_word() {
        // Decomposed forms, as macOS writes file names.
        assert_eq!(of("\u{1106}\u{116e}\u{1109}\u{1165}\u{11ab}"), ["무선"]);
        assert_eq!(of("cafe\u{0301}"), of("café"));
        assert_eq!(of("İstanbul"), ["istanbul"]);
    }

    #[test]
    fn what_is_being_typed() {
        assert_eq!(unfinished("wireless headp").as_deref(), Some("headp"));
        assert_eq!(unfinished("wireless "), None);
        assert_eq!(unfinished("w"), None);
        assert_eq!(unfinished("무").as_deref(), Some("무"));
        assert_eq!(unfinished("usb이어").as_deref(), Some("이어"));
    }

    proptest! {
        #[test]
        fn any_text_has_terms_within_bounds(text in "\\PC{0,200}") {
            for term in of(&text) {
                prop_assert!(!term.is_empty() && term.len() <= TERM_BYTES_MAX);
            }
            unfinished(&text);
        }

        #[test]
        fn case_does_not_matter(text in "[a-zA-Z가-힣 ]{0,60}") {
            prop_assert_eq!(of(&text.to_uppercase()), of(&text));
        }
    }
}
