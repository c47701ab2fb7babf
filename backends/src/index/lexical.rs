//! The index of words: BM25 over a product's texts, kept up to date in place.

mod words;

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use parking_lot::Mutex;
use rep_core::{Product, ProductFilter, ProductId};

pub(crate) use self::words::{terms, unfinished};
use super::fields::{Categories, Fields};
use super::rows::Slot;
use super::top::Top;

/// How soon repeats of a word stop counting. Source: Robertson and Zaragoza, 2009, section 3.
pub(crate) const K1: f32 = 1.5;
/// How much long texts are held against a product, from 0 to 1.
pub(crate) const B: f32 = 0.6;
/// What a word that only begins like the last one of the query is worth.
pub(crate) const PREFIX_SHARE: f32 = 0.5;
/// Terms looked at for such words, and taken: those that most products have.
const PREFIX_SEEN_MAX: usize = 512;
const PREFIX_TAKEN_MAX: usize = 32;
/// Different terms of a query that are looked up.
pub(crate) const QUERY_TERMS_MAX: usize = 64;

/// What a word counts, by where it stands.
pub(crate) const NAME: f32 = 4.0;
pub(crate) const BRAND: f32 = 3.0;
pub(crate) const CATEGORY: f32 = 2.0;
pub(crate) const ATTRIBUTE: f32 = 1.5;
pub(crate) const DESCRIPTION: f32 = 1.0;

type TermNumber = u32;

/// Products by the words of their texts.
///
/// The score is BM25 with weighted fields: a word's frequency is the sum of its fields' weights (Robertson,
/// Zaragoza and Taylor, 2004). The last word of a query, if nothing follows it, also finds words that begin
/// with it, for half.
#[derive(Default)]
pub struct LexicalIndex {
    numbers: HashMap<Box<str>, TermNumber, ahash::RandomState>,
    ordered: BTreeMap<Box<str>, TermNumber>,
    terms: Vec<Term>,
    free_terms: Vec<TermNumber>,
    documents: Vec<Document>,
    fields: Vec<Fields>,
    slot_of: HashMap<ProductId, Slot, ahash::RandomState>,
    free: Vec<Slot>,
    categories: Categories,
    length_sum: f64,
    scratch: Mutex<Vec<Scratch>>,
}

#[derive(Default)]
struct Term {
    text: Box<str>,
    /// Ordered by document.
    postings: Vec<Posting>,
}

#[derive(Clone, Copy)]
struct Posting {
    document: Slot,
    weight: f32,
}

#[derive(Default)]
struct Document {
    id: Option<ProductId>,
    length: f32,
    terms: Box<[TermNumber]>,
}

impl LexicalIndex {
    /// Products in it.
    pub fn len(&self) -> usize {
        self.slot_of.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slot_of.is_empty()
    }

    /// Takes a product in, in place of what it was before.
    pub fn upsert(&mut self, product: &Product) {
        self.remove(&product.product_id);
        let mut weights: HashMap<TermNumber, f32, ahash::RandomState> = HashMap::default();
        let mut length = 0.0;
        for (text, weight) in texts(product) {
            terms(text, |term| {
                length += weight;
                *weights.entry(self.number(term)).or_default() += weight;
            });
        }
        let fields = self.categories.fields(product);
        let slot = self.place(fields);
        for (number, weight) in &weights {
            let postings = &mut self.terms[*number as usize].postings;
            let at = postings.partition_point(|posting| posting.document < slot);
            postings.insert(at, Posting { document: slot, weight: *weight });
        }
        self.length_sum += f64::from(length);
        self.slot_of.insert(product.product_id.clone(), slot);
        self.documents[slot as usize] =
            Document { id: Some(product.product_id.clone()), length, terms: weights.into_keys().collect() };
    }

    /// Takes over price, stock and category of a product whose texts stayed as they were.
    pub fn refresh(&mut self, product: &Product) {
        if let Some(slot) = self.slot_of.get(&product.product_id) {
            self.fields[*slot as usize] = self.categories.fields(product);
        }
    }

    /// Whether both say the same in words: then [`Self::refresh`] does.
    pub fn same_texts(a: &Product, b: &Product) -> bool {
        texts(a).eq(texts(b))
    }

    /// Removes a product; whether it was there.
    pub fn remove(&mut self, id: &ProductId) -> bool {
        let Some(slot) = self.slot_of.remove(id) else { return false };
        let document = std::mem::take(&mut self.documents[slot as usize]);
        for number in document.terms {
            self.forget(number, slot);
        }
        self.length_sum -= f64::from(document.length);
        self.fields[slot as usize] = Fields::NOTHING;
        self.free.push(slot);
        true
    }

    fn number(&mut self, text: &str) -> TermNumber {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let term = Term { text: text.into(), postings: Vec::new() };
        let number = match self.free_terms.pop() {
            Some(number) => {
                self.terms[number as usize] = term;
                number
            }
            None => {
                self.terms.push(term);
                self.terms.len() as TermNumber - 1
            }
        };
        self.numbers.insert(text.into(), number);
        self.ordered.insert(text.into(), number);
        number
    }

    fn place(&mut self, fields: Fields) -> Slot {
        if let Some(slot) = self.free.pop() {
            self.fields[slot as usize] = fields;
            return slot;
        }
        self.documents.push(Document::default());
        self.fields.push(fields);
        self.documents.len() as Slot - 1
    }

    fn forget(&mut self, number: TermNumber, document: Slot) {
        let term = &mut self.terms[number as usize];
        if let Ok(at) = term.postings.binary_search_by_key(&document, |posting| posting.document) {
            term.postings.remove(at);
        }
        if term.postings.is_empty() {
            let term = std::mem::take(term);
            self.numbers.remove(&term.text);
            self.ordered.remove(&term.text);
            self.free_terms.push(number);
        }
    }

    /// The `k` products that match `query` best and pass, with their scores, best first; equals in order of
    /// their ids.
    pub fn search(&self, query: &str, k: usize, filter: &ProductFilter) -> Vec<(ProductId, f32)> {
        let Some(criteria) = self.categories.criteria(filter) else { return Vec::new() };
        if k == 0 || self.is_empty() {
            return Vec::new();
        }
        let mut scratch = self.scratch.lock().pop().unwrap_or_default();
        self.score(query, &mut scratch);
        let mut top = Top::new(k.min(self.len()));
        for document in &scratch.touched {
            let score = scratch.scores[*document as usize];
            if score >= top.floor()
                && criteria.admit(&self.fields[*document as usize])
                && self.id(*document).is_some_and(|id| !filter.exclude.contains(id))
            {
                top.offer(score, *document, |a, b| self.by_id(a, b));
            }
        }
        scratch.clear();
        self.scratch.lock().push(scratch);
        let mut found = top.finish(|a, b| self.by_id(a, b));
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| self.by_id(a.1, b.1)));
        found.into_iter().filter_map(|(score, document)| Some((self.id(document)?.clone(), score))).collect()
    }

    fn score(&self, query: &str, scratch: &mut Scratch) {
        scratch.scores.resize(self.documents.len(), 0.0);
        scratch.last.resize(self.documents.len(), 0.0);
        let mut wanted = Vec::new();
        let mut seen = HashSet::new();
        terms(query, |term| {
            if let Some(number) = self.numbers.get(term)
                && wanted.len() < QUERY_TERMS_MAX
                && seen.insert(*number)
            {
                wanted.push(*number);
            }
        });
        for number in &wanted {
            let postings = &self.terms[*number as usize].postings;
            let idf = self.idf(postings.len());
            for posting in postings {
                scratch.add(posting.document, idf * self.saturated(posting));
            }
        }
        if let Some(beginning) = unfinished(query) {
            let begun = self.beginning_with(&beginning, &seen);
            let idf = self.idf(begun.iter().map(|number| self.terms[*number as usize].postings.len()).sum());
            for number in begun {
                for posting in &self.terms[number as usize].postings {
                    scratch.add_best(posting.document, PREFIX_SHARE * idf * self.saturated(posting));
                }
            }
        }
    }

    /// Terms that begin with `beginning` and are not in `but`, those that most products have.
    fn beginning_with(&self, beginning: &str, but: &HashSet<TermNumber>) -> Vec<TermNumber> {
        let range = (Bound::Included(beginning), Bound::Unbounded);
        let begun = self.ordered.range::<str, _>(range).take(PREFIX_SEEN_MAX);
        let mut begun: Vec<TermNumber> = begun
            .take_while(|(text, _)| text.starts_with(beginning))
            .map(|(_, number)| *number)
            .filter(|number| !but.contains(number))
            .collect();
        // Of equally frequent terms the first in the alphabet, which is how they come and a stable sort
        // leaves them.
        begun.sort_by_key(|number| std::cmp::Reverse(self.terms[*number as usize].postings.len()));
        begun.truncate(PREFIX_TAKEN_MAX);
        begun
    }

    fn idf(&self, documents: usize) -> f32 {
        let (all, with) = (self.len() as f32, documents.min(self.len()) as f32);
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    fn saturated(&self, posting: &Posting) -> f32 {
        let mean = (self.length_sum / self.len().max(1) as f64) as f32;
        let length = self.documents[posting.document as usize].length / mean.max(1e-6);
        posting.weight * (K1 + 1.0) / (posting.weight + K1 * (1.0 - B + B * length))
    }

    fn id(&self, document: Slot) -> Option<&ProductId> {
        self.documents[document as usize].id.as_ref()
    }

    fn by_id(&self, a: Slot, b: Slot) -> Ordering {
        self.id(a).cmp(&self.id(b))
    }

    /// Bytes on the heap, by capacity.
    pub fn memory_bytes(&self) -> usize {
        let postings: usize =
            self.terms.iter().map(|term| term.postings.capacity() * size_of::<Posting>()).sum();
        // Each term's text is kept three times: for look-up, in order, and to be removed from both.
        let texts: usize = self.terms.iter().map(|term| 3 * term.text.len()).sum();
        let documents: usize = self.documents.iter().map(|document| document.terms.len() * 4).sum();
        let per_term = size_of::<Term>() + 2 * size_of::<(Box<str>, TermNumber)>();
        let per_document = size_of::<Document>() + size_of::<Fields>() + size_of::<(ProductId, Slot)>();
        let fixed = self.terms.capacity() * per_term + self.documents.capacity() * per_document;
        postings + texts + documents + fixed
    }
}

/// A product's texts, and what a word of each counts.
fn texts(product: &Product) -> impl Iterator<Item = (&str, f32)> {
    let named = [
        (Some(&product.name), NAME),
        (product.name_ko.as_ref(), NAME),
        (product.brand.as_ref(), BRAND),
        (Some(&product.category), CATEGORY),
        (Some(&product.description), DESCRIPTION),
        (product.description_ko.as_ref(), DESCRIPTION),
    ];
    let named = named.into_iter().filter_map(|(text, weight)| Some((text?.as_str(), weight)));
    named.chain(product.attributes.values().map(|value| (value.as_str(), ATTRIBUTE)))
}

/// Sums of one search, by document; kept for the next, which needs them zero.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    /// What [`Self::add_best`] added.
    last: Vec<f32>,
    touched: Vec<Slot>,
}

impl Scratch {
    fn add(&mut self, document: Slot, score: f32) {
        let sum = &mut self.scores[document as usize];
        if *sum == 0.0 {
            self.touched.push(document);
        }
        *sum += score;
    }

    /// Of all that are added this way, only the greatest counts.
    fn add_best(&mut self, document: Slot, score: f32) {
        let last = self.last[document as usize];
        if score > last {
            self.last[document as usize] = score;
            self.add(document, score - last);
        }
    }

    fn clear(&mut self) {
        for document in self.touched.drain(..) {
            self.scores[document as usize] = 0.0;
            self.last[document as usize] = 0.0;
        }
    }
}

#[cfg(test)]
mod tests;
