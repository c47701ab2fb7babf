use std::path::Path;

use rep_core::{Clock as _, InterestReason, TraceId};

use super::*;
use crate::clock::SystemClock;
use crate::embedded::db::DbConfig;

fn product() -> ProductId {
    ProductId::new("p").unwrap()
}

fn act(user: &str, action_type: ActionType, ms: i64) -> UserAction {
    UserAction {
        trace_id: TraceId::new("t").unwrap(),
        user_id: UserId::new(user).unwrap(),
        action_type,
        product_id: Some(product()),
        search_query: None,
        session_id: None,
        timestamp: Timestamp::from_ms(ms),
        metadata: Default::default(),
    }
}

fn open(path: &Path) -> Interests {
    let db = Db::open(path, DbConfig::default(), Arc::new(SystemClock)).unwrap();
    Interests::open(&db, IdHash::Plain).unwrap()
}

fn note(interests: &Interests, user: &str, action: ActionType, ms: i64) {
    interests.note(std::iter::once(&act(user, action, ms))).unwrap();
}

fn interested(interests: &Interests) -> Vec<(String, InterestReason, i64)> {
    let found = interests.interested(&product(), Timestamp::from_ms(0), 100).unwrap();
    found.into_iter().map(|i| (i.user_id.to_string(), i.reason, i.at.as_ms())).collect()
}

/// Whether noting this would read what is there.
fn reads(interests: &Interests, user: &str, action: ActionType, ms: i64) -> bool {
    let key = interests.key(&product(), &UserId::new(user).unwrap(), code_of(action).unwrap());
    Timestamp::from_ms(ms) < interests.written.lock().groups[group_of(&key)]
}

/// As the release before this one wrote them: a version, product, user, time; a key for the cart, the wish, and
/// what was seen; nothing of what was bought, and no latest time.
#[test]
fn entries_of_the_release_before_are_read_and_compared_with() {
    let dir = tempfile::tempdir().unwrap();
    let now = SystemClock.now().as_ms();
    {
        let db = Db::open(dir.path(), DbConfig::default(), Arc::new(SystemClock)).unwrap();
        let entries = db.keyspace(ENTRIES).unwrap();
        let interests = Interests::open(&db, IdHash::Plain).unwrap();
        let mut batch = db.batch();
        for (user, code) in [(b'a', 1), (b'b', 2), (b'c', 3)] {
            let user_id = UserId::new(char::from(user).to_string()).unwrap();
            let mut value = vec![1, 1, b'p', 1, user];
            let mut rest = (now << 1).cast_unsigned();
            while rest >= 0x80 {
                value.push((rest as u8 & 0x7f) | 0x80);
                rest >>= 7;
            }
            value.push(rest as u8);
            batch.insert(&entries, interests.key(&product(), &user_id, code), value);
        }
        db.write(batch).unwrap();
    }
    let interests = open(dir.path());
    use InterestReason::{Carted, Viewed, Wishlisted};
    let of = |user: &str, reason| (user.to_owned(), reason, now);
    let all = [of("a", Carted), of("b", Wishlisted), of("c", Viewed)];
    assert_eq!(interested(&interests), all);
    for (user, action) in [("a", ActionType::AddToCart), ("b", ActionType::Wishlist), ("c", ActionType::View)]
    {
        note(&interests, user, action, now - 1);
    }
    note(&interests, "a", ActionType::Purchase, now - 1);
    assert_eq!(interested(&interests), all, "what is older undoes nothing");
    note(&interests, "a", ActionType::Purchase, now);
    note(&interests, "c", ActionType::Click, now + 1);
    assert_eq!(interested(&interests), [of("b", Wishlisted), ("c".to_owned(), Viewed, now + 1)]);
}

#[test]
fn a_late_action_is_compared_also_after_a_restart_and_the_newest_is_written_blind() {
    let dir = tempfile::tempdir().unwrap();
    let interests = open(dir.path());
    assert!(!reads(&interests, "a", ActionType::AddToCart, i64::MIN), "nothing can be later");
    note(&interests, "a", ActionType::AddToCart, 100);
    note(&interests, "b", ActionType::Wishlist, 70);
    assert!(!reads(&interests, "a", ActionType::AddToCart, 100));
    assert!(reads(&interests, "a", ActionType::AddToCart, 99));
    assert!(!reads(&interests, "b", ActionType::Wishlist, 70), "groups of keys are told apart");
    drop(interests);
    let interests = open(dir.path());
    assert!(reads(&interests, "b", ActionType::Wishlist, 99), "of all the latest was kept");
    assert!(!reads(&interests, "b", ActionType::Wishlist, 100));
    note(&interests, "a", ActionType::AddToCart, 99);
    note(&interests, "b", ActionType::Wishlist, 80);
    use InterestReason::{Carted, Wishlisted};
    assert_eq!(interested(&interests), [("a".into(), Carted, 100), ("b".into(), Wishlisted, 80)]);
}

#[test]
fn no_two_actions_share_a_code() {
    for action in Registers::ACTIONS {
        let code = code_of(action).unwrap();
        assert_eq!(action_of(&[0, code]).unwrap(), action);
    }
    assert_eq!(code_of(ActionType::Search), None);
    assert!(action_of(&[0, 9]).is_err());
}
