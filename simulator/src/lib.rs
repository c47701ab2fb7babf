//! A shop's traffic, made up: a catalogue, shoppers whose tastes are known, their visits, the shop's own
//! changes of prices and stock, and the controls to start and stop it.
//!
//! It never reads what the platform makes of the traffic, knows no store but the log it appends to and the
//! [`Shop`] it is given, and asks a clock only where events go out live ([`Simulator`]). Everything else is a
//! function of a seed: [`Catalogue`] (products), [`Population`] (tastes), [`Generator`] (events) and
//! [`Merchant`] (price and stock changes). Start at [`Generator`] for the traffic, at [`Simulator`] for
//! running it.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

mod catalogue;
mod draws;
mod generator;
pub mod http;
mod merchant;
mod population;
mod queries;
pub mod relevance;
mod runner;
mod scenario;
mod shop;

pub use catalogue::{Catalogue, KIND_ATTRIBUTE, PRODUCTS_DEFAULT, PRODUCTS_MAX, STYLE_ATTRIBUTE};
pub use generator::{BOTS, Generator, GeneratorConfig, START_DEFAULT, bot_id};
pub use merchant::{Change, Merchant};
pub use population::{DRIFT_PERIOD, DRIFTING_SHARE, Population, Taste, USERS_DEFAULT, USERS_MAX};
pub use runner::{
    Act, Acted, CHANGE_RATE_DEFAULT, CHANGE_RATE_MAX, CHANGE_SHARE_MAX, Parts, RATE_DEFAULT, RATE_MAX,
    RunnerConfig, Settings, Simulator, SimulatorError, State, Status, Totals, Wish,
};
pub use scenario::Scenario;
pub use shop::Shop;
