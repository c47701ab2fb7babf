//! Time-decayed sums by product, in one sorted set.
//!
//! A sum at any moment is `Σ w · 2^((t - now) / h)`; of that, `now` can be taken out: what is stored is
//! `log2 Σ w · 2^(t / h)`, which no moment changes and which orders products alike at all moments. The logarithm keeps
//! it small for ever. It is stored with its sign turned, so that the set gives the greatest first and equals by id.
//! Source of the idea: Cormode et al., "Forward Decay", ICDE 2009.

use std::time::Duration;

use async_trait::async_trait;
use rep_core::ports::popularity::{Popularity, PopularityEvent};
use rep_core::ports::{StoreError, one_each};
use rep_core::{ProductId, Timestamp};

use super::link::{RedisConfig, RedisLink};

/// Events of one script: a millisecond or two, in which Redis does nothing else.
const EVENTS_MAX: usize = 500;
/// Sums under this say nothing any more and are not kept.
const SUM_MIN: f64 = 1e-3;
/// Sums asked for at once.
const PART: usize = 1_000;

/// KEYS: sums, fences. ARGV: partition, epoch and offset as texts of fixed width, product, `log2 w + t / h`, for each
/// event; last, the number above which sums say nothing any more.
const RECORD: &str = r#"
local fences = {}
for i = 1, #ARGV - 1, 5 do
  local partition, epoch, offset = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local fence = fences[partition] or redis.call('HGET', KEYS[2], partition) or ''
  local known_epoch, known_offset = string.match(fence, '^(%d+) (%d+)$')
  if not known_epoch or epoch > known_epoch or (epoch == known_epoch and offset > known_offset) then
    local more = tonumber(ARGV[i + 4])
    local known = redis.call('ZSCORE', KEYS[1], ARGV[i + 3])
    if known then
      known = -tonumber(known)
      local top, low = math.max(known, more), math.min(known, more)
      more = top + math.log(1 + 2 ^ (low - top)) / math.log(2)
    end
    redis.call('ZADD', KEYS[1], string.format('%.17g', -more), ARGV[i + 3])
    fence = epoch .. ' ' .. offset
  end
  fences[partition] = fence
end
for partition, fence in pairs(fences) do
  if fence ~= '' then redis.call('HSET', KEYS[2], partition, fence) end
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. ARGV[#ARGV], '+inf')
return 1
"#;

/// Popularity in a cluster.
pub struct RedisPopularity {
    link: RedisLink,
    half_life: Duration,
}

impl RedisPopularity {
    /// Connects; `half_life` is the age at which an action counts half.
    pub async fn connect(config: &RedisConfig, half_life: Duration) -> Result<Self, StoreError> {
        Ok(Self { link: RedisLink::connect(config).await?, half_life })
    }

    fn sums(&self) -> String {
        self.link.key("{popularity}:sums")
    }

    /// `at` in half-lives since 1970.
    fn half_lives(&self, at: Timestamp) -> f64 {
        at.as_ms() as f64 / 1000.0 / self.half_life.as_secs_f64().max(1e-3)
    }

    fn sum(&self, stored: f64, now: Timestamp) -> f64 {
        (-stored - self.half_lives(now)).exp2()
    }
}

#[async_trait]
impl Popularity for RedisPopularity {
    async fn record(&self, events: Vec<PopularityEvent>) -> Result<(), StoreError> {
        for part in events.chunks(EVENTS_MAX) {
            let mut script = redis::cmd("EVAL");
            script.arg(RECORD).arg(2).arg(self.sums()).arg(self.link.key("{popularity}:fences"));
            let mut latest = f64::NEG_INFINITY;
            for event in part {
                let at = self.half_lives(event.at);
                latest = latest.max(at);
                let position = event.position;
                script.arg(position.partition).arg(format!("{:010}", position.epoch));
                script.arg(format!("{:020}", position.offset)).arg(event.product_id.as_str());
                script.arg(f64::from(event.weight).log2() + at);
            }
            script.arg(-(latest + SUM_MIN.log2()));
            self.link.run::<i64>(script).await?;
        }
        Ok(())
    }

    async fn top(&self, k: usize, now: Timestamp) -> Result<Vec<(ProductId, f64)>, StoreError> {
        if k == 0 {
            return Ok(Vec::new());
        }
        let mut range = redis::cmd("ZRANGE");
        range.arg(self.sums()).arg(0).arg(k as i64 - 1).arg("WITHSCORES");
        let listed: Vec<(String, f64)> = self.link.run(range).await?;
        let named = listed.into_iter().filter_map(|(id, stored)| Some((ProductId::new(id).ok()?, stored)));
        Ok(named.map(|(id, stored)| (id, self.sum(stored, now))).filter(|(_, sum)| *sum >= SUM_MIN).collect())
    }

    async fn scores(&self, ids: &[ProductId], now: Timestamp) -> Result<Vec<f64>, StoreError> {
        let mut sums = Vec::with_capacity(ids.len());
        for part in ids.chunks(PART) {
            let mut scores = redis::cmd("ZMSCORE");
            scores.arg(self.sums());
            part.iter().for_each(|id| {
                scores.arg(id.as_str());
            });
            let stored: Vec<Option<f64>> = one_each(part.len(), self.link.run(scores).await?)?;
            sums.extend(stored.into_iter().map(|stored| stored.map_or(0.0, |stored| self.sum(stored, now))));
        }
        Ok(sums)
    }
}
