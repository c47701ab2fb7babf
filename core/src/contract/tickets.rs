//! The suite of [`Tickets`](crate::ports::tickets::Tickets).
#![expect(clippy::unwrap_used, reason = "a suite is test code: what fails here fails the test")]

use std::sync::Arc;
use std::time::Duration;

use super::support::{Subject, unique};
use crate::ports::StoreErrorKind;
use crate::ports::tickets::TICKET_BYTES_MAX;

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
            ]
        );
    };
}

/// A note is there for the first who takes it, and for nobody else; what was never kept is not there.
pub async fn a_note_is_taken_once(subject: &mut impl Subject) {
    let tickets = &subject.ports().tickets;
    let (one, other) = (unique("ticket"), unique("ticket"));
    tickets.keep(&one, "a note: ü\n\"", LONG).await.unwrap();
    assert_eq!(tickets.take(&other).await.unwrap(), None);
    assert_eq!(tickets.take(&one).await.unwrap().as_deref(), Some("a note: ü\n\""));
    assert_eq!(tickets.take(&one).await.unwrap(), None);
}

/// However many take at once, one gets the note.
pub async fn of_many_who_take_one_gets_it(subject: &mut impl Subject) {
    let tickets = Arc::clone(&subject.ports().tickets);
    let ticket = unique("ticket");
    tickets.keep(&ticket, "note", LONG).await.unwrap();
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
    tickets.keep(&ticket, "note", Duration::from_millis(1)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(tickets.take(&ticket).await.unwrap(), None);
}

/// Names and notes have a bound.
pub async fn what_is_too_long_is_refused(subject: &mut impl Subject) {
    let tickets = &subject.ports().tickets;
    let long = "x".repeat(TICKET_BYTES_MAX + 1);
    for (ticket, note) in [(long.as_str(), "note"), ("ticket", long.as_str())] {
        let refused = tickets.keep(ticket, note, LONG).await.unwrap_err();
        assert_eq!(refused.kind(), StoreErrorKind::Invalid);
    }
}
