//! Names for shoppers in logs and spans.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

static KEY: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// What stands for `id` wherever it is logged: the same throughout this process, another in the next, and found by nobody
/// who tries ids. 16 hexadecimal digits.
pub fn pseudonym(id: &str) -> String {
    format!("{:016x}", KEY.hash_one(id))
}

#[cfg(test)]
mod tests {
    use super::pseudonym;

    #[test]
    fn one_id_has_one_pseudonym() {
        assert_eq!(pseudonym("ann"), pseudonym("ann"));
        assert_ne!(pseudonym("ann"), pseudonym("ben"));
        assert_eq!(pseudonym("ann").len(), 16);
    }
}
