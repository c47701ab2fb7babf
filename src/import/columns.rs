//! The columns that products and events have, and how a file's names are matched to them.

use std::collections::HashSet;

use anyhow::bail;

use super::args::Kind;

/// A column, and whether every record needs it.
struct Column {
    name: &'static str,
    required: bool,
}

const fn required(name: &'static str) -> Column {
    Column { name, required: true }
}

const fn optional(name: &'static str) -> Column {
    Column { name, required: false }
}

const PRODUCT: [Column; 12] = [
    required("productId"),
    required("name"),
    required("category"),
    required("price"),
    required("currency"),
    required("stock"),
    optional("description"),
    optional("brand"),
    optional("imageUrl"),
    optional("nameKo"),
    optional("descriptionKo"),
    optional("groupId"),
];

const EVENT: [Column; 7] = [
    required("userId"),
    required("actionType"),
    optional("productId"),
    optional("searchQuery"),
    optional("sessionId"),
    optional("timestamp"),
    optional("traceId"),
];

/// Where a named value of a record goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Slot<'a> {
    /// A field of the item.
    Field(&'static str),
    /// All attributes or metadata at once.
    Map,
    /// One attribute or one metadata entry.
    MapEntry(&'a str),
}

/// The field that takes free entries, and the prefixes of columns that give one of them.
pub(super) fn map_of(kind: Kind) -> (&'static str, &'static [&'static str]) {
    match kind {
        Kind::Products => ("attributes", &["attr.", "attributes."]),
        Kind::Events => ("metadata", &["metadata."]),
    }
}

fn known(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::Products => &PRODUCT,
        Kind::Events => &EVENT,
    }
}

/// Letters and digits only, in lower case: `product_id`, `Product ID` and `productId` are one column.
fn plain(name: &str) -> impl Iterator<Item = char> + '_ {
    name.trim().chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase)
}

fn same(left: &str, right: &str) -> bool {
    plain(left).eq(plain(right))
}

/// Where the value of column `name` goes; an unknown one names what may have been meant.
pub(super) fn slot(kind: Kind, name: &str) -> Result<Slot<'_>, String> {
    if let Some(column) = known(kind).iter().find(|column| same(column.name, name)) {
        return Ok(Slot::Field(column.name));
    }
    let (map, prefixes) = map_of(kind);
    if same(map, name) {
        return Ok(Slot::Map);
    }
    if let Some(key) = prefixes.iter().find_map(|prefix| name.trim().strip_prefix(prefix))
        && !key.is_empty()
    {
        return Ok(Slot::MapEntry(key));
    }
    Err(unknown(kind, name))
}

fn unknown(kind: Kind, name: &str) -> String {
    let shown: String = name.chars().take(64).collect();
    let meant: String = plain(&shown).collect();
    let (map, prefixes) = map_of(kind);
    let nearest = known(kind)
        .iter()
        .map(|column| column.name)
        .chain([map])
        .map(|known| (strsim::jaro_winkler(&meant, &plain(known).collect::<String>()), known))
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .filter(|(likeness, _)| *likeness >= 0.75);
    let hint = match nearest {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => format!("own columns are named `{}NAME`", prefixes[0]),
    };
    format!("unknown column `{shown}` for {}: {hint}", kind.name())
}

/// Checks the names of a header: each known, none twice, none missing.
///
/// # Errors
/// With every unknown column in one message: no record of such a file can be right.
pub(super) fn check_header(kind: Kind, names: &[String]) -> anyhow::Result<()> {
    let mut seen = HashSet::new();
    let mut wrong = Vec::new();
    for name in names {
        let key = match slot(kind, name) {
            Ok(Slot::Field(field)) => field.to_owned(),
            Ok(Slot::Map) => map_of(kind).0.to_owned(),
            Ok(Slot::MapEntry(key)) => format!("{}.{key}", map_of(kind).0),
            Err(message) => {
                wrong.push(message);
                continue;
            }
        };
        if !seen.insert(key) {
            wrong.push(format!("column `{name}` is given twice"));
        }
    }
    let missing: Vec<_> = known(kind)
        .iter()
        .filter(|column| column.required && !seen.contains(column.name))
        .map(|column| format!("`{}`", column.name))
        .collect();
    if !missing.is_empty() {
        wrong.push(format!("{} need the columns {}", kind.name(), missing.join(", ")));
    }
    if !wrong.is_empty() {
        bail!(wrong.join("; "));
    }
    Ok(())
}

/// What records with these names are; `None` when they fit neither kind.
pub(super) fn kind_of<'a>(names: impl Iterator<Item = &'a str>) -> Option<Kind> {
    let (mut event, mut product) = (0, 0);
    for name in names {
        let is = |known: &[&str]| known.iter().any(|known| same(known, name));
        event += u32::from(is(&["userId", "actionType", "sessionId", "searchQuery"]));
        product += u32::from(is(&["name", "price", "stock", "category", "currency"]));
    }
    match event.cmp(&product) {
        std::cmp::Ordering::Greater => Some(Kind::Events),
        std::cmp::Ordering::Less => Some(Kind::Products),
        std::cmp::Ordering::Equal => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_however_they_are_spelt() {
        for name in ["productId", "product_id", "Product ID", "PRODUCTID", " productid "] {
            assert_eq!(slot(Kind::Products, name), Ok(Slot::Field("productId")));
        }
        assert_eq!(slot(Kind::Products, "attr.colour"), Ok(Slot::MapEntry("colour")));
        assert_eq!(slot(Kind::Events, "metadata.page"), Ok(Slot::MapEntry("page")));
        assert_eq!(slot(Kind::Products, "Attributes"), Ok(Slot::Map));
        assert!(slot(Kind::Products, "attr.").is_err());
        assert!(slot(Kind::Events, "attr.colour").is_err());
    }

    #[test]
    fn unknown_names_get_the_nearest_known_one() {
        let message = slot(Kind::Products, "prise").unwrap_err();
        assert_eq!(message, "unknown column `prise` for products: did you mean `price`?");
        assert!(slot(Kind::Products, "image").unwrap_err().contains("`imageUrl`"));
        assert!(slot(Kind::Events, "action").unwrap_err().contains("`actionType`"));
        assert!(slot(Kind::Products, "qqq").unwrap_err().contains("`attr.NAME`"));
        assert!(slot(Kind::Products, "").is_err());
    }

    #[test]
    fn a_header_is_checked_as_a_whole() {
        let names = |text: &str| text.split(',').map(str::to_owned).collect::<Vec<_>>();
        check_header(Kind::Products, &names("product_id,name,category,price,currency,stock,attr.a")).unwrap();
        let error = check_header(Kind::Events, &names("userId,user_id,acttion")).unwrap_err().to_string();
        assert!(error.contains("given twice") && error.contains("did you mean `actionType`"), "{error}");
        assert!(error.contains("need the columns `actionType`"), "{error}");
    }

    #[test]
    fn kinds_are_told_from_names() {
        assert_eq!(kind_of(["productId", "name", "price"].into_iter()), Some(Kind::Products));
        assert_eq!(kind_of(["user_id", "product_id", "action_type"].into_iter()), Some(Kind::Events));
        assert_eq!(kind_of(["productId"].into_iter()), None);
    }
}
