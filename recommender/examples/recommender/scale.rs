//! How long learning factors takes on a made-up log, and what memory it needs.

use std::time::Instant;

use anyhow::{Context, Result};
use rep_recommender::factors::confidences;
use rep_recommender::{Draws, Event, FactorRules, ItemFactors, Liked, Log, Past};

/// Events of shoppers on items, popular ones more often, of one year.
pub(crate) fn run(events: usize, shoppers: usize, items: usize) -> Result<()> {
    let mut draws = Draws::new(1);
    let rules = FactorRules { half_life_seconds: Some(90.0 * 86_400.0), ..FactorRules::default() };
    let began = Instant::now();
    let event = |_| Event {
        shopper: draws.below(shoppers) as u32,
        // Squared, so that a tenth of the items has a third of the events.
        past: Past {
            item: (draws.unit().powi(2) * items as f64) as u32,
            weight: 1.0,
            at: draws.below(31_536_000) as i64,
        },
    };
    let log = Log::new((0..events).map(event).collect());
    println!("{events} events, {shoppers} shoppers, {items} items, width {}", rules.width);
    println!("made and sorted: {:.1} s", began.elapsed().as_secs_f32());
    let began = Instant::now();
    let liked = confidences(&log, &rules, 31_536_000);
    drop(log);
    println!(
        "summed by shopper and item: {:.1} s, {} entries",
        began.elapsed().as_secs_f32(),
        liked.entries()
    );
    let began = Instant::now();
    let factors = ItemFactors::learn(&liked, rules, &mut Draws::new(1))?;
    println!("learned in {} sweeps: {:.1} s", rules.sweeps, began.elapsed().as_secs_f32());
    let (own, confidence) = liked.row(0);
    let own: Vec<Liked> =
        own.iter().zip(confidence).map(|(i, c)| Liked { item: *i, confidence: *c }).collect();
    let began = Instant::now();
    for _ in 0..1_000 {
        std::hint::black_box(factors.solve_shopper(std::hint::black_box(&own), None));
    }
    println!("a shopper of {} actions solved: {:.3} ms", own.len(), began.elapsed().as_secs_f32());
    let status = std::fs::read_to_string("/proc/self/status").context("no /proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("most memory ({peak})");
    Ok(())
}
