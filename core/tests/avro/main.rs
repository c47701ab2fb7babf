//! Events on the wire: fixed bytes, the reference library both ways, versions that can read their
//! forerunners, and hostile bytes, which end in an error.
#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

mod compatibility;
mod events;
mod golden;
mod hostile;
mod learned;
mod reference;
mod round_trip;
