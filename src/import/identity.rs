//! Trace ids for events that have none: the same input gives the same ids, so that a second import of it
//! has no second effect.

use rep_core::stable_hash128;

/// Where the ids of a source come from.
#[derive(Clone, Debug)]
pub(super) enum Identity {
    /// From a name and the record's number.
    Named(String),
    /// From all that was read up to the record, and its number: a file that grew at its end keeps the ids of
    /// what it had, and standard input needs no second pass.
    Content(u128),
}

impl Identity {
    /// By name: the operator's, or the hash of a whole file.
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self::Named(name.into())
    }

    /// By content.
    pub(super) fn content() -> Self {
        Self::Content(0)
    }

    /// Takes in the next record, read or not, and gives the id that an event in it has.
    pub(super) fn next_id(&mut self, line: u64, raw: &[u8]) -> String {
        let source = match self {
            Self::Named(name) => stable_hash128(name.as_bytes()),
            Self::Content(chain) => {
                *chain = stable_hash128(&[&chain.to_be_bytes(), raw].concat());
                *chain
            }
        };
        let id = stable_hash128(&[source.to_be_bytes().as_slice(), &line.to_be_bytes()].concat());
        format!("import-{id:032x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(mut identity: Identity, records: &[&str]) -> Vec<String> {
        (1..).zip(records).map(|(line, raw)| identity.next_id(line, raw.as_bytes())).collect()
    }

    #[test]
    fn equal_lines_differ_and_equal_files_do_not() {
        let first = ids(Identity::content(), &["a", "a", "b"]);
        assert_ne!(first[0], first[1]);
        assert_eq!(first, ids(Identity::content(), &["a", "a", "b"]));
        // Grown at its end: the same ids, and a new one.
        assert_eq!(first[..], ids(Identity::content(), &["a", "a", "b", "c"])[..3]);
        // Changed at its beginning: other ids from there on.
        let changed = ids(Identity::content(), &["a", "x", "b"]);
        assert_eq!((first[0] == changed[0], first[2] == changed[2]), (true, false));
    }

    #[test]
    fn a_name_stands_for_the_content() {
        let first = ids(Identity::named("orders"), &["a", "b"]);
        assert_eq!(first, ids(Identity::named("orders"), &["a", "corrected"]));
        assert_ne!(first, ids(Identity::named("orders-2"), &["a", "b"]));
        assert!(rep_core::TraceId::new(&first[0]).is_ok());
    }
}
