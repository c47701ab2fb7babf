//! The suite of [`Tickets`](crate::ports::tickets::Tickets).
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

use std::sync::Arc;
use std::time::Duration;

use super::support::{Subject, unique};
use crate::ports::StoreErrorKind;
use crate::ports::tickets::{TICKET_BYTES_MAX, TICKETS_OF_HOLDER_MAX};

const LONG: Duration = Duration::from_secs(60);

/// Makes every sentence of the suite a test; `$make` gives a [`Subject`].
#[macro_export]
macro_rules! tickets_contract {
    ($make:expr) => {
        $crate::contract_tests!(
            tickets,
            $make,
            [
                a_note_is_taken_once,
                of_many_who_take_one_gets_it,
                a_note_ends_with_its_time,
                what_is_too_long_is_refused,
                who_asks_for_many_takes_nothing_from_others,
            ]
        );
    };
}

/// A note is there for the first who takes it, and for nobody else; what was never kept is not there.
pub async fn a_note_is_taken_once(subject: &mut impl Subject) {
    let tickets = &subject.ports().tickets;
    let (one, other) = (unique("ticket"), unique("ticket"));
    tickets.keep("holder", &one, "a note: ü\n\"", LONG).await.unwrap();
    assert_eq!(tickets.take(&other).await.unwrap(), None);
    assert_eq!(tickets.take(&one).await.unwrap().as_deref(), Some("a note: ü\n\""));
    assert_eq!(tickets.take(&one).await.unwrap(), None);
}

/// However many take at once, one gets the note.
pub async fn of_many_who_take_one_gets_it(subject: &mut impl Subject) {
    let tickets = Arc::clone(&subject.ports().tickets);
    let ticket = unique("ticket");
    tickets.keep("holder", &ticket, "note", LONG).await.unwrap();
    let takers = (0..16).map(|_| {
        let (tickets, ticket) = (Arc::clone(&tickets), ticket.clone());
        tokio::spawn(async move { tickets.take(&ticket).await.unwrap() })
    });
    let mut got = 0;
    for taker in takers.collect::<Vec<_>>() {
        got += usize::from(taker.await.unwrap().is_some());
    }
    assert_eq!(got, 1);
}

/// After its time a note is gone.
pub async fn a_note_ends_with_its_time(subject: &mut impl Subject) {
    let tickets = &subject.ports().tickets;
    let ticket = unique("ticket");
    tickets.keep("holder", &ticket, "note", Duration::from_millis(1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(tickets.take(&ticket).await.unwrap(), None);
}

/// Names and notes have a bound.
pub async fn what_is_too_long_is_refused(subject: &mut impl Subject) {
    let tickets = &subject.ports().tickets;
    let long = "x".repeat(TICKET_BYTES_MAX + 1);
    for (holder, ticket, note) in
        [("h", long.as_str(), "n"), ("h", "t", long.as_str()), (long.as_str(), "t", "n")]
    {
        let refused = tickets.keep(holder, ticket, note, LONG).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Invalid);
    }
}

/// Of one holder's tickets the newest are good, however many they ask for; another holder's stays good.
pub async fn who_asks_for_many_takes_nothing_from_others(subject: &mut impl Subject) {
    let tickets = &subject.ports().tickets;
    let (greedy, other) = (unique("holder"), unique("holder"));
    let theirs = unique("ticket");
    tickets.keep(&other, &theirs, "note", LONG).await.unwrap();
    let given: Vec<String> = (0..TICKETS_OF_HOLDER_MAX + 5).map(|_| unique("ticket")).collect();
    for ticket in &given {
        tickets.keep(&greedy, ticket, "note", LONG).await.unwrap();
    }
    let mut good = Vec::new();
    for ticket in &given {
        good.push(tickets.take(ticket).await.unwrap().is_some());
    }
    assert_eq!(good, [vec![false; 5], vec![true; TICKETS_OF_HOLDER_MAX]].concat());
    // Used ones count as well.
    for _ in 0..TICKETS_OF_HOLDER_MAX {
        tickets.keep(&greedy, &unique("ticket"), "note", LONG).await.unwrap();
    }
    assert!(tickets.take(&theirs).await.unwrap().is_some());
}
