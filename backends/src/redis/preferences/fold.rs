//! Folding actions in: from what this process remembers of a shopper, as long as nobody else changed it.
//!
//! A new state is stored only if what stands is exactly what it was made from, so that what is remembered may be out of
//! date. It then is read anew: from Redis, or where Redis has none from the backup.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::try_join_all;
use rep_core::ports::preferences::{Applied, Fold, FoldRules, Folded, PreferenceChange};
use rep_core::ports::{StoreError, one_each};
use rep_core::{Position, Preference, ProductId};

use super::{BACKGROUND_TTL, PART, RedisPreferences, State, TTL};
use crate::error::{corrupt, invalid};
use crate::redis::stored;

/// Rounds for shoppers whom others change meanwhile: the first from what is remembered.
const ROUNDS_MAX: usize = 4;
/// Parts on their way at once.
const PARTS_AT_ONCE: usize = 4;

/// Puts a state in the place of the one it was made from. KEYS: the value. ARGV: how what stands must begin, `1` if it
/// may be absent, the new value, the time to live in seconds, `1` if what stands keeps its own, the channel, and the
/// messages to announce. Answers 1 if the new one stands, 0 if another stands, -1 if there is none.
const SWAP: &str = r#"
local head = redis.call('GETRANGE', KEYS[1], 0, math.max(#ARGV[1], 1) - 1)
if head == '' then
  if ARGV[2] ~= '1' then return -1 end
elseif head ~= ARGV[1] then
  return 0
end
if ARGV[5] == '1' and head ~= '' then
  redis.call('SET', KEYS[1], ARGV[3], 'KEEPTTL')
else
  redis.call('SET', KEYS[1], ARGV[3], 'EX', ARGV[4])
end
for i = 7, #ARGV do redis.call('PUBLISH', ARGV[6], ARGV[i]) end
return 1
"#;

/// Above every version, and exact in a script's numbers.
pub(super) const VERSION_MAX: u64 = (1 << 53) - 1;

/// No value begins like this: of a shopper nobody knows nothing may stand.
pub(super) const NOTHING: &str = "-";

/// What a shopper's next state is made from.
struct Base {
    state: Option<State>,
    /// Where there is no state: up to where its shopper was erased.
    erased_until: Option<Position>,
    found: Found,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    /// As it was when this process stored it.
    Memory,
    Redis,
    /// Or nowhere, where there is no state.
    Backup,
}

/// A state on its way, and which fold it is of.
struct Swap {
    fold: usize,
    next: State,
    applied: Applied,
    command: redis::Cmd,
}

impl RedisPreferences {
    pub(super) async fn fold_all(
        &self,
        folds: &[Fold<'_>],
        rules: &FoldRules<'_>,
    ) -> Result<Vec<Folded>, StoreError> {
        // Also those whose actions turn out to be folded in already: after a crash nobody knows whether the backup has
        // them.
        self.unsaved.expect(folds.iter().map(|fold| fold.user_id));
        let mut outcomes = vec![Folded { stale: true, ..Folded::default() }; folds.len()];
        let mut open: Vec<usize> = (0..folds.len()).collect();
        for round in 0..ROUNDS_MAX {
            if round == 1 {
                let ours = open.iter().filter_map(|fold| self.unsaved.state(folds[*fold].user_id));
                for part in ours.collect::<Vec<State>>().chunks(PART) {
                    self.restored(part).await?;
                }
            }
            let mut still_open = Vec::new();
            for parts in open.chunks(PART * PARTS_AT_ONCE) {
                let parts = parts.chunks(PART).map(|part| self.fold_part(folds, part, rules, round == 0));
                for (fold, outcome) in try_join_all(parts).await?.into_iter().flatten() {
                    match outcome {
                        Some(outcome) => outcomes[fold] = outcome,
                        None => still_open.push(fold),
                    }
                }
            }
            open = still_open;
            if open.is_empty() {
                break;
            }
        }
        Ok(outcomes)
    }

    /// Folds those of `part` in; gives for each its outcome, or `None` if another state stands than was thought.
    async fn fold_part(
        &self,
        folds: &[Fold<'_>],
        part: &[usize],
        rules: &FoldRules<'_>,
        from_memory: bool,
    ) -> Result<Vec<(usize, Option<Folded>)>, StoreError> {
        let bases = self.bases(folds, part, from_memory).await?;
        let (mut outcomes, mut swaps) = (Vec::with_capacity(part.len()), Vec::with_capacity(part.len()));
        let mut waits = Vec::new();
        for (fold, base) in part.iter().copied().zip(bases) {
            let mut preference = match &base.state {
                Some(state) => state.0.clone(),
                None => Preference {
                    position: base.erased_until,
                    ..Preference::new(folds[fold].user_id.clone(), rules.model.clone())
                },
            };
            let mut changes = Vec::with_capacity(folds[fold].steps.len());
            let may_wait = self.waits.has_room();
            let applied = folds[fold].apply(&mut preference, rules, may_wait, |counted, count| {
                changes.push(counted.change(folds[fold].user_id, rules.applied_at, count));
            });
            if applied.changed {
                let next = Arc::new((preference, base.version() + 1));
                let is_background = folds[fold].is_background();
                let command =
                    self.swap(&base.head(), base.found == Found::Backup, &next, is_background, &changes)?;
                swaps.push(Swap { fold, next, applied, command });
            } else if base.found == Found::Memory {
                // It was folded in; whether it still stands is to be seen.
                outcomes.push((fold, None));
            } else {
                base.state.iter().for_each(|state| self.unsaved.keep(state));
                // A replay: what a crash kept from being noted is noted now.
                let products = preference.pending.iter().map(|waits| &waits.product_id);
                waits.extend(self.note_waits(&preference.user_id, base.version(), products));
                let version = if base.state.is_some() { base.version() } else { VERSION_MAX };
                waits.extend(self.forget_waits(
                    &preference.user_id,
                    version,
                    settled(&folds[fold], &applied),
                ));
                outcomes.push((fold, Some(applied.folded)));
            }
        }
        self.run_for_effect(waits).await?;
        outcomes.extend(self.swap_all(folds, swaps).await?);
        Ok(outcomes)
    }

    /// What is known of the shoppers of `part`, in its order.
    async fn bases(
        &self,
        folds: &[Fold<'_>],
        part: &[usize],
        from_memory: bool,
    ) -> Result<Vec<Base>, StoreError> {
        let mut bases: HashMap<usize, Base, ahash::RandomState> = HashMap::default();
        if from_memory {
            let mut known = self.known.lock();
            for fold in part {
                if let Some(state) = known.get(folds[*fold].user_id) {
                    let state = Some(Arc::clone(state));
                    bases.insert(*fold, Base { state, erased_until: None, found: Found::Memory });
                }
            }
        }
        for found in [Found::Redis, Found::Backup] {
            let missing: Vec<usize> = part.iter().copied().filter(|fold| !bases.contains_key(fold)).collect();
            if missing.is_empty() {
                break;
            }
            let users: Vec<_> = missing.iter().map(|fold| folds[*fold].user_id.clone()).collect();
            let states = match found {
                Found::Backup => one_each(users.len(), self.backup.load(&users).await?)?,
                _ => self.cached(&users).await?,
            };
            for (fold, state) in missing.into_iter().zip(states) {
                if state.is_some() || found == Found::Backup {
                    bases.insert(fold, Base { state: state.map(Arc::new), erased_until: None, found });
                }
            }
        }
        let mut unknown: Vec<(&usize, &mut Base)> =
            bases.iter_mut().filter(|(_, base)| base.state.is_none()).collect();
        let users: Vec<_> = unknown.iter().map(|(fold, _)| folds[**fold].user_id.clone()).collect();
        let fences = self.fences_of_erased(&users).await?;
        for ((_, base), fence) in unknown.iter_mut().zip(fences) {
            base.erased_until = fence;
        }
        Ok(part.iter().filter_map(|fold| bases.remove(fold)).collect())
    }

    /// The command that puts `next` in the place of what begins with `head`; of nothing, if that may be. Of what happens
    /// in the background nothing stays for longer than it would have.
    pub(super) fn swap(
        &self,
        head: &str,
        may_be_absent: bool,
        next: &State,
        is_background: bool,
        changes: &[PreferenceChange],
    ) -> Result<redis::Cmd, StoreError> {
        let (preference, version) = &**next;
        let mut command = redis::cmd("EVAL");
        command.arg(SWAP).arg(1).arg(self.key(&preference.user_id));
        command.arg(head).arg(if may_be_absent { "1" } else { "0" });
        let (ttl, keeps) = if is_background { (BACKGROUND_TTL, "1") } else { (TTL, "0") };
        command.arg(stored::whole(preference, *version)?).arg(ttl.as_secs()).arg(keeps).arg(&self.channel);
        for change in changes {
            command.arg(serde_json::to_vec(change).map_err(invalid)?);
        }
        Ok(command)
    }

    async fn swap_all(
        &self,
        folds: &[Fold<'_>],
        swaps: Vec<Swap>,
    ) -> Result<Vec<(usize, Option<Folded>)>, StoreError> {
        let mut commands = Vec::with_capacity(swaps.len());
        let mut states = Vec::with_capacity(swaps.len());
        for Swap { fold, next, applied, command } in swaps {
            commands.push(command);
            states.push((fold, next, applied));
        }
        let answers = one_each(states.len(), self.link.run_all(commands).await?)?;
        let (mut outcomes, mut stored) = (Vec::with_capacity(states.len()), Vec::with_capacity(states.len()));
        let mut waits = Vec::new();
        let acted_since = self.clock.now().minus(TTL);
        for ((fold, next, applied), answer) in states.into_iter().zip(answers) {
            match redis::from_redis_value::<i64>(answer?) {
                Ok(1) => {
                    self.unsaved.keep(&next);
                    let (preference, version) = &*next;
                    let is_background = folds[fold].is_background();
                    // Memory, and the lists of who changed, are for those who act.
                    if is_background {
                        self.known.lock().pop(&preference.user_id);
                    } else {
                        self.known.lock().put(preference.user_id.clone(), Arc::clone(&next));
                    }
                    waits.extend(self.note_waits(&preference.user_id, *version, applied.awaits.iter()));
                    let gone = settled(&folds[fold], &applied);
                    waits.extend(self.forget_waits(&preference.user_id, *version, gone));
                    outcomes.push((fold, Some(applied.folded)));
                    if !is_background || preference.updated_at >= acted_since {
                        stored.push(next);
                    }
                }
                Ok(0 | -1) => outcomes.push((fold, None)),
                other => return Err(corrupt(format!("a swap answered {other:?}"))),
            }
        }
        self.run_for_effect(waits).await?;
        self.note(stored.iter().map(|state| &state.0)).await?;
        Ok(outcomes)
    }
}

/// What `fold` was to settle, and nothing waits for now.
fn settled<'a>(fold: &'a Fold<'_>, applied: &'a Applied) -> impl Iterator<Item = &'a ProductId> {
    fold.settled.iter().map(|(product, _)| *product).filter(|product| !applied.awaits_still(product))
}

impl Base {
    /// How what stands must begin.
    fn head(&self) -> String {
        self.state.as_ref().map_or_else(|| NOTHING.to_owned(), |state| stored::head(&state.0, state.1))
    }

    fn version(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.1)
    }
}
