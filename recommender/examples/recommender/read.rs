//! Logs as public data sets have them.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use rep_recommender::{Event, Log, Past};

/// Reads lines of shopper, item, weight or rating, and seconds since 1970, separated by commas, tabs, `|` or `::`.
///
/// A first line of names may say which column is which. Without one, or where the third is named `rating`, it is a rating of 1 to 5:
/// 4 and more is a like (weight 1), 3 and more a view (0.1), less a refusal (−0.6). Otherwise it is a weight. Beside the log: of each
/// item its row.
pub(crate) fn read(path: &str) -> Result<(Log, HashMap<String, u32>)> {
    let text = std::fs::read_to_string(path)?.replace("::", "\t");
    let first = text.lines().next().context("the file is empty")?;
    let separator =
        ['\t', '|', ','].into_iter().find(|c| first.contains(*c)).context("no separator is known")?;
    let is_named = first.split(separator).next().is_some_and(|field| field.trim().parse::<f64>().is_err());
    let columns =
        if is_named { columns(first, separator)? } else { Columns { places: [0, 1, 2, 3], is_rating: true } };
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator as u8)
        .has_headers(is_named)
        .from_reader(text.as_bytes());
    let (mut shoppers, mut items) = (HashMap::new(), HashMap::new());
    let mut events = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record = record?;
        let field =
            |place: usize| record.get(columns.places[place]).map(str::trim).context("a column is missing");
        let parsed = || -> Result<Event> {
            let said: f32 = field(2)?.parse()?;
            let at = field(3)?.parse::<f64>()? as i64;
            let weight = if columns.is_rating { of_rating(said) } else { said };
            Ok(Event { shopper: 0, past: Past { item: 0, weight, at } })
        };
        let mut event = parsed().with_context(|| format!("record {}", number + 1))?;
        event.shopper = row(&mut shoppers, field(0)?);
        event.past.item = row(&mut items, field(1)?);
        events.push(event);
    }
    Ok((Log::new(events), items))
}

/// Whether events have times that tell them apart.
pub(crate) fn has_time(log: &Log) -> bool {
    // Sequences numbered from 0 are an order of each shopper's own, not a time.
    log.span_seconds() > 24 * 3600
}

fn of_rating(rating: f32) -> f32 {
    match rating {
        rating if rating >= 4.0 => 1.0,
        rating if rating >= 3.0 => 0.1,
        _ => -0.6,
    }
}

fn row(rows: &mut HashMap<String, u32>, id: &str) -> u32 {
    if let Some(row) = rows.get(id) {
        return *row;
    }
    let row = rows.len() as u32;
    rows.insert(id.to_owned(), row);
    row
}

struct Columns {
    places: [usize; 4],
    is_rating: bool,
}

fn columns(first: &str, separator: char) -> Result<Columns> {
    let names: Vec<String> =
        first.split(separator).map(|name| name.trim().to_lowercase().replace('_', "")).collect();
    let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
    let shopper = find(&["shopper", "shopperid", "user", "userid", "customerid"]);
    let item = find(&["item", "itemid", "movie", "movieid", "product", "productid"]);
    let (rating, weight) = (find(&["rating"]), find(&["weight"]));
    let at = find(&["timestamp", "time", "at"]);
    match (shopper, item, rating.or(weight), at) {
        (Some(shopper), Some(item), Some(said), Some(at)) => {
            Ok(Columns { places: [shopper, item, said, at], is_rating: rating.is_some() })
        }
        _ => bail!("the first line names no shopper, item, weight or rating, and timestamp"),
    }
}
