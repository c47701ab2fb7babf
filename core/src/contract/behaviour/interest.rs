//! Who is interested in a product, and who is done with it.

use std::collections::{HashMap, HashSet};

use super::{document, index_all};
use crate::contract::support::{
    Subject, action, at, commit_something, epoch, eventually, new_product, new_user,
};
use crate::ports::behaviour::{BehaviourDocument, BehaviourStore, IndexOutcome, Interest};
use crate::{ActionType, InterestReason, ProductId, Registers, Standing, Timestamp, UserAction, UserId};

/// Those interested in `product`, once they are `expected`.
pub(super) async fn expect_interest(
    store: &dyn BehaviourStore,
    product: &ProductId,
    since: Timestamp,
    expected: &[(&UserId, InterestReason, Timestamp)],
) {
    let expected: Vec<Interest> = expected
        .iter()
        .map(|(user, reason, at)| Interest { user_id: (*user).clone(), reason: *reason, at: *at })
        .collect();
    eventually(&format!("interest is {expected:?}"), async || {
        let found = store.interested(product, since, 100).await.unwrap();
        (found == expected).then_some(())
    })
    .await;
}

/// Those of `users` who are done with `product`, once they are `expected`.
pub(super) async fn expect_settled(
    store: &dyn BehaviourStore,
    product: &ProductId,
    users: &[UserId],
    since: Timestamp,
    expected: &[&UserId],
) {
    let expected: HashSet<UserId> = expected.iter().map(|user| (*user).clone()).collect();
    eventually(&format!("settled are {expected:?}"), async || {
        let found = store.settled(product, users, since).await.unwrap();
        (found == expected).then_some(())
    })
    .await;
}

/// Interest: strongest reason first, then newest; a shopper with several reasons stands once.
pub async fn interest_is_ordered_by_reason_then_newest(subject: &mut impl Subject) {
    use ActionType::{AddToCart, Click, Search, View, Wishlist};
    let store = &subject.ports().behaviour;
    let (product, other) = (new_product(), new_product());
    let users: Vec<UserId> = (0..6).map(|_| new_user()).collect();
    let act = |user: usize, kind, ms| action(&users[user], kind, &product, at(ms));
    index_all(
        &**store,
        vec![
            act(0, View, 50),
            act(1, Wishlist, 10),
            act(1, View, 60),
            act(2, AddToCart, 5),
            act(3, Click, 70),
            act(4, AddToCart, 6),
            act(4, AddToCart, 8),
            UserAction { search_query: Some("q".to_owned()), ..act(5, Search, 90) },
            action(&users[5], AddToCart, &other, at(0)),
        ],
    )
    .await;
    use InterestReason::{Carted, Viewed, Wishlisted};
    let expected = [
        (&users[4], Carted, at(8)),
        (&users[2], Carted, at(5)),
        (&users[1], Wishlisted, at(10)),
        (&users[3], Viewed, at(70)),
        (&users[0], Viewed, at(50)),
    ];
    expect_interest(&**store, &product, at(-1), &expected).await;
    let strongest = store.interested(&product, at(-1), 2).await.unwrap();
    assert!(strongest.iter().map(|i| &i.user_id).eq([&users[4], &users[2]]), "{strongest:?}");
    assert!(store.interested(&new_product(), at(-1), 10).await.unwrap().is_empty());
}

/// Only interest shown at or after a moment counts.
pub async fn interest_before_a_moment_is_left_out(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let (product, old, new) = (new_product(), new_user(), new_user());
    let act = |user: &UserId, kind, ms| action(user, kind, &product, at(ms));
    let acts = vec![
        act(&old, ActionType::View, 10),
        act(&new, ActionType::AddToCart, 5),
        act(&new, ActionType::View, 20),
    ];
    index_all(&**store, acts).await;
    expect_interest(&**store, &product, at(11), &[(&new, InterestReason::Viewed, at(20))]).await;
    expect_interest(&**store, &product, at(20), &[(&new, InterestReason::Viewed, at(20))]).await;
    expect_interest(&**store, &product, at(21), &[]).await;
}

/// What was bought, given up or disliked later is no interest but settled, until interest is shown again.
pub async fn bought_given_up_or_disliked_is_no_interest(subject: &mut impl Subject) {
    use ActionType::{AddToCart, Click, Dislike, Purchase, RemoveFromCart, View};
    let store = &subject.ports().behaviour;
    let product = new_product();
    let users: Vec<UserId> = (0..5).map(|_| new_user()).collect();
    let act = |user: usize, kind, ms| action(&users[user], kind, &product, at(ms));
    index_all(&**store, (0..3).flat_map(|user| [act(user, View, 1), act(user, AddToCart, 2)]).collect())
        .await;
    index_all(&**store, vec![act(3, View, 1)]).await;
    index_all(&**store, vec![act(0, Purchase, 3), act(1, RemoveFromCart, 3), act(2, Dislike, 3)]).await;
    let [bought, given_up, disliked, viewed] = [&users[0], &users[1], &users[2], &users[3]];
    let viewed_it = (viewed, InterestReason::Viewed, at(1));
    expect_interest(&**store, &product, at(0), &[viewed_it]).await;
    expect_settled(&**store, &product, &users, at(0), &[bought, given_up, disliked]).await;
    expect_settled(&**store, &product, &users, at(3), &[bought, given_up, disliked]).await;
    expect_settled(&**store, &product, &users, at(4), &[]).await;
    expect_settled(&**store, &product, &users[2..], at(0), &[disliked]).await;
    expect_settled(&**store, &new_product(), &users, at(0), &[]).await;
    assert!(store.settled(&product, &[], at(0)).await.unwrap().is_empty());
    index_all(&**store, vec![act(0, Click, 4), act(1, View, 4), act(2, Click, 4)]).await;
    expect_settled(&**store, &product, &users, at(0), &[bought, given_up]).await;
    let disliked_and_opened = (disliked, InterestReason::Viewed, at(4));
    expect_interest(&**store, &product, at(0), &[disliked_and_opened, viewed_it]).await;
    index_all(&**store, vec![act(0, AddToCart, 5), act(1, Click, 5)]).await;
    let expected = [
        (bought, InterestReason::Carted, at(5)),
        (given_up, InterestReason::Viewed, at(5)),
        disliked_and_opened,
        viewed_it,
    ];
    expect_interest(&**store, &product, at(0), &expected).await;
    expect_settled(&**store, &product, &users, at(0), &[]).await;
}

/// Taking out of the cart keeps the wish, taking back the wish keeps the cart; of one moment the later in the funnel
/// stands.
pub async fn a_wish_and_the_cart_are_taken_back_apart(subject: &mut impl Subject) {
    use ActionType::{AddToCart, RemoveFromCart, RemoveFromWishlist, Wishlist};
    let store = &subject.ports().behaviour;
    let product = new_product();
    let users: Vec<UserId> = (0..4).map(|_| new_user()).collect();
    let act = |user: usize, kind, ms| action(&users[user], kind, &product, at(ms));
    let acts = vec![
        act(0, Wishlist, 1),
        act(0, AddToCart, 2),
        act(0, RemoveFromCart, 3),
        act(1, AddToCart, 1),
        act(1, Wishlist, 2),
        act(1, RemoveFromWishlist, 3),
        act(2, RemoveFromWishlist, 4),
        act(2, Wishlist, 4),
        act(3, AddToCart, 5),
        act(3, Wishlist, 5),
        act(3, RemoveFromWishlist, 5),
    ];
    index_all(&**store, acts).await;
    let expected = [
        (&users[3], InterestReason::Carted, at(5)),
        (&users[1], InterestReason::Carted, at(1)),
        (&users[0], InterestReason::Wishlisted, at(1)),
    ];
    expect_interest(&**store, &product, at(0), &expected).await;
    expect_settled(&**store, &product, &users, at(0), &[&users[2]]).await;
}

/// Within one call and over several, forwards and backwards, the time of actions decides, also after reopening.
pub async fn interest_follows_the_time_of_actions_in_any_order(subject: &mut impl Subject) {
    use ActionType::{AddToCart, Dislike, Purchase, View, Wishlist};
    let (product, gone, back) = (new_product(), new_user(), new_user());
    let acts = [
        (&gone, View),
        (&gone, AddToCart),
        (&back, AddToCart),
        (&gone, Purchase),
        (&back, Dislike),
        (&back, Wishlist),
    ];
    let acts: Vec<UserAction> =
        acts.into_iter().zip(0..).map(|((user, kind), ms)| action(user, kind, &product, at(ms))).collect();
    index_all(&*subject.ports().behaviour, acts.iter().rev().cloned().collect()).await;
    let users = [gone.clone(), back.clone()];
    let expected = [(&back, InterestReason::Wishlisted, at(5))];
    expect_interest(&*subject.ports().behaviour, &product, at(0), &expected).await;
    commit_something(&*subject.ports().log).await;
    subject.reopen().await;
    expect_interest(&*subject.ports().behaviour, &product, at(0), &expected).await;
    expect_settled(&*subject.ports().behaviour, &product, &users, at(0), &[&gone]).await;
    for act in acts {
        let again = action(&act.user_id, act.action_type, &product, act.timestamp);
        index_all(&*subject.ports().behaviour, vec![again]).await;
    }
    expect_interest(&*subject.ports().behaviour, &product, at(0), &expected).await;
    expect_settled(&*subject.ports().behaviour, &product, &users, at(0), &[&gone]).await;
}

/// What is older undoes nothing newer however late it comes, also after reopening; what it says beside that counts.
pub async fn a_late_older_action_undoes_nothing_newer(subject: &mut impl Subject) {
    use ActionType::{AddToCart, Click, Dislike, Purchase, RemoveFromCart, Wishlist};
    let product = new_product();
    let users: Vec<UserId> = (0..4).map(|_| new_user()).collect();
    let [buyer, carter, refuser, wisher] = [&users[0], &users[1], &users[2], &users[3]];
    let act = |user: &UserId, kind, ms| action(user, kind, &product, at(ms));
    let newer = vec![
        act(buyer, Purchase, 100),
        act(carter, AddToCart, 100),
        act(refuser, Dislike, 100),
        act(wisher, RemoveFromCart, 100),
    ];
    index_all(&*subject.ports().behaviour, newer).await;
    commit_something(&*subject.ports().log).await;
    subject.reopen().await;
    let days_40 = 40 * 24 * 3_600_000;
    let store = &subject.ports().behaviour;
    for age in [1, 90, days_40] {
        let late = vec![
            act(buyer, AddToCart, 100 - age),
            act(carter, AddToCart, 100 - age),
            act(carter, RemoveFromCart, 99 - age),
            act(refuser, Click, 100 - age),
            act(wisher, Wishlist, 100 - age),
        ];
        index_all(&**store, late).await;
    }
    let expected = [(carter, InterestReason::Carted, at(100)), (wisher, InterestReason::Wishlisted, at(99))];
    expect_interest(&**store, &product, at(0), &expected).await;
    expect_settled(&**store, &product, &users, at(0), &[buyer, refuser]).await;
}

/// Many calls at once, each action sent as two events and in no order, agree with what the rules say of all.
pub async fn concurrent_and_repeated_actions_agree_with_the_rules(subject: &mut impl Subject) {
    let store = &subject.ports().behaviour;
    let product = new_product();
    let users: Vec<UserId> = (0..24).map(|_| new_user()).collect();
    let mut random = u64::from(epoch());
    println!("seed {random}");
    let mut below = |bound: usize| {
        // A linear congruential generator, by Knuth (MMIX).
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % bound
    };
    let mut registers: HashMap<UserId, Registers> = HashMap::new();
    let mut calls: Vec<Vec<BehaviourDocument>> = vec![Vec::new(); 8];
    for offset in 0..240 {
        let (user, kind) = (&users[below(users.len())], Registers::ACTIONS[below(8)]);
        let time = at(below(12) as i64);
        registers.entry(user.clone()).or_default().note(kind, time);
        for repeat in [0, 1000] {
            let place = below(calls.len());
            calls[place].push(document(action(user, kind, &product, time), offset + repeat));
        }
    }
    let calls: Vec<_> = calls
        .into_iter()
        .map(|documents| {
            let store = store.clone();
            tokio::spawn(async move {
                for part in documents.chunks(7) {
                    let outcomes = store.index(part.to_vec()).await.unwrap();
                    assert_eq!(outcomes, vec![IndexOutcome::Created; part.len()]);
                }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap();
    }
    for since in [at(0), at(6), at(12)] {
        let (mut interested, mut settled) = (Vec::new(), Vec::new());
        for (user, registers) in &registers {
            match registers.standing(since) {
                Standing::Interested { reason, at } => interested.push((user, reason, at)),
                Standing::Settled => settled.push(user),
                Standing::Unconcerned => {}
            }
        }
        interested.sort_by(|a, b| a.1.cmp(&b.1).then(b.2.cmp(&a.2)).then(a.0.cmp(b.0)));
        expect_interest(&**store, &product, since, &interested).await;
        expect_settled(&**store, &product, &users, since, &settled).await;
    }
}
