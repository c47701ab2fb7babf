//! Who waits for which product: a hash beside the states, from `{product} {user}` to the version of the state that
//! waited.
//!
//! A pair is noted after the state that waits stands, and goes only if no state later than the one that was seen to wait
//! no longer has noted it again. What a crash or a loss leaves out is noted by the replay of the records, or again from
//! the backup: every ten minutes, and as soon as the mark of that is gone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use redis::Value;
use rep_core::ports::StoreError;
use rep_core::ports::preferences::{WAITING_MAX, Waiting, WaitingPage};
use rep_core::{Preference, ProductId, UserId};

use super::RedisPreferences;
use crate::error::corrupt;
use crate::redis::link::parsed;

const PAIRS: &str = "preferences:waiting";
/// [`WALKED`] while the pairs are complete, [`WALKING`] while they are being completed.
const COMPLETE: &str = "preferences:waiting:complete";
const WALKED: &str = "1";
const WALKING: &str = "0";
/// How long that counts.
const COMPLETE_FOR: Duration = Duration::from_secs(600);
/// Saved states read at once.
const SAVED_PAGE: usize = 1000;

/// Removes pairs that nothing waits for. KEYS: the pairs. ARGV: the version up to which that holds, and the pairs.
const REMOVE: &str = r#"
for i = 2, #ARGV do
  local version = redis.call('HGET', KEYS[1], ARGV[i])
  if version and tonumber(version) <= tonumber(ARGV[1]) then redis.call('HDEL', KEYS[1], ARGV[i]) end
end
return 1
"#;

/// How many pairs there were when they were last counted.
#[derive(Default)]
pub(super) struct Waits {
    known: AtomicUsize,
}

impl Waits {
    /// Whether another pair fits, as far as this process knows.
    pub(super) fn has_room(&self) -> bool {
        self.known.load(Ordering::Relaxed) < WAITING_MAX
    }
}

/// A field of the hash.
fn pair(user: &UserId, product: &ProductId) -> String {
    format!("{product} {user}")
}

/// Those of `user` with each of `products`; `None` for no products, since Redis refuses a command without fields.
fn pairs<'a>(
    user: &UserId,
    products: impl Iterator<Item = &'a ProductId>,
) -> Option<impl Iterator<Item = String>> {
    let mut products = products.peekable();
    products.peek()?;
    Some(products.map(move |product| pair(user, product)))
}

impl RedisPreferences {
    /// The command that notes what a state at `version` waits for; `None` if that is nothing.
    pub(super) fn note_waits<'a>(
        &self,
        user: &UserId,
        version: u64,
        products: impl Iterator<Item = &'a ProductId>,
    ) -> Option<redis::Cmd> {
        let mut note = redis::cmd("HSET");
        note.arg(self.link.key(PAIRS));
        for pair in pairs(user, products)? {
            note.arg(pair).arg(version);
            self.waits.known.fetch_add(1, Ordering::Relaxed);
        }
        Some(note)
    }

    /// The command that removes pairs of `user` which a state at `version` does not wait for; `None` for no pairs.
    pub(super) fn forget_waits<'a>(
        &self,
        user: &UserId,
        version: u64,
        products: impl Iterator<Item = &'a ProductId>,
    ) -> Option<redis::Cmd> {
        let mut remove = redis::cmd("EVAL");
        remove.arg(REMOVE).arg(1).arg(self.link.key(PAIRS)).arg(version);
        for pair in pairs(user, products)? {
            remove.arg(pair);
        }
        Some(remove)
    }

    /// Runs commands whose answers say nothing.
    pub(super) async fn run_for_effect(&self, commands: Vec<redis::Cmd>) -> Result<(), StoreError> {
        if commands.is_empty() {
            return Ok(());
        }
        self.link.run_all(commands).await?.into_iter().try_for_each(|answer| answer.map(drop))
    }

    /// Notes what restored states wait for.
    pub(super) async fn note_waits_of(&self, states: &[&(Preference, u64)]) -> Result<(), StoreError> {
        let note = |(preference, version): &(Preference, u64)| {
            let products = preference.pending.iter().map(|waits| &waits.product_id);
            self.note_waits(&preference.user_id, *version, products)
        };
        self.run_for_effect(states.iter().filter_map(|state| note(state)).collect()).await
    }

    pub(super) async fn waiting_page(
        &self,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<WaitingPage, StoreError> {
        if limit == 0 {
            let mut count = redis::cmd("HLEN");
            count.arg(self.link.key(PAIRS));
            let total = self.link.run(count).await?;
            return Ok(WaitingPage { items: Vec::new(), next: None, total });
        }
        if cursor.is_none() {
            self.complete_waits().await?;
        }
        let mut scan = redis::cmd("HSCAN");
        scan.arg(self.link.key(PAIRS)).arg(cursor.unwrap_or("0")).arg("COUNT").arg(limit);
        let mut count = redis::cmd("HLEN");
        count.arg(self.link.key(PAIRS));
        let mut answers = self.link.run_all(vec![scan, count]).await?.into_iter();
        let mut answer = || answers.next().unwrap_or_else(|| Err(corrupt("an answer is missing")));
        let (next, pairs): (String, Vec<String>) = parsed(answer()?)?;
        let total: usize = parsed(answer()?)?;
        self.waits.known.store(total, Ordering::Relaxed);
        let pair = |text: &String| {
            let (product, user) = text.split_once(' ')?;
            Some(Waiting { product_id: ProductId::new(product).ok()?, user_id: UserId::new(user).ok()? })
        };
        // Pairs and their versions take turns.
        let items = pairs.iter().step_by(2).filter_map(pair).collect();
        Ok(WaitingPage { items, next: Some(next).filter(|next| next != "0"), total })
    }

    /// Notes again what saved states wait for, unless that was done lately and is not lost.
    async fn complete_waits(&self) -> Result<(), StoreError> {
        let mut known = redis::cmd("GET");
        known.arg(self.link.key(COMPLETE));
        if self.link.run::<Option<String>>(known).await?.as_deref() == Some(WALKED) {
            return Ok(());
        }
        self.mark_complete(WALKING, false).await?;
        let mut after: Option<UserId> = None;
        loop {
            let page = self.backup.waiting(after.as_ref(), SAVED_PAGE).await?;
            let mut notes = Vec::new();
            for saved in &page {
                for product in &saved.products {
                    let mut note = redis::cmd("HSETNX");
                    note.arg(self.link.key(PAIRS)).arg(pair(&saved.user_id, product)).arg(saved.version);
                    notes.push(note);
                }
            }
            self.run_for_effect(notes).await?;
            match page.last() {
                Some(last) if page.len() >= SAVED_PAGE => after = Some(last.user_id.clone()),
                _ => break,
            }
        }
        // Where Redis lost its data meanwhile, the first mark is gone, too: the next walk notes what is missing.
        self.mark_complete(WALKED, true).await
    }

    async fn mark_complete(&self, mark: &str, only_over_another: bool) -> Result<(), StoreError> {
        let mut set = redis::cmd("SET");
        set.arg(self.link.key(COMPLETE)).arg(mark).arg("EX").arg(COMPLETE_FOR.as_secs());
        if only_over_another {
            set.arg("XX");
        }
        self.link.run::<Value>(set).await.map(drop)
    }
}
