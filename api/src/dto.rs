//! Shapes of JSON in and out, apart from the types of the core: the wire changes for other reasons.

pub(crate) mod dead_letter;
pub(crate) mod event;
pub(crate) mod names;
pub(crate) mod notification;
pub(crate) mod product;
pub(crate) mod recommendation;
pub(crate) mod topic;
pub(crate) mod user;
