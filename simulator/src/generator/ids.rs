//! Trace and session ids, counted and scrambled.

use rep_core::{SessionId, TraceId};

use crate::draws::Seed;

/// Gives ids; two generators of one seed give the same ones.
pub(super) struct Ids {
    traces_high: Seed,
    traces_low: Seed,
    session_seed: Seed,
    traces: u64,
    sessions: u64,
}

impl Ids {
    pub(super) fn new(seed: Seed) -> Self {
        Self {
            traces_high: seed.named("trace high"),
            traces_low: seed.named("trace low"),
            session_seed: seed.named("session"),
            traces: 0,
            sessions: 0,
        }
    }

    /// The next trace id: 32 hexadecimal digits, as W3C Trace Context has them. The scrambling is one to
    /// one, so that no two ids of a run are the same.
    pub(super) fn trace(&mut self) -> TraceId {
        self.traces += 1;
        let (high, low) = (self.traces_high.child(self.traces), self.traces_low.child(self.traces));
        TraceId::new(format!("{:016x}{:016x}", high.bits(), low.bits()))
            .unwrap_or_else(|_| unreachable!("hexadecimal digits are an id"))
    }

    /// The next session's number, from 1, and its id.
    pub(super) fn session(&mut self) -> (u64, SessionId) {
        self.sessions += 1;
        (self.sessions, session_id(self.session_seed.child(self.sessions)))
    }

    /// The one session of a bot.
    pub(super) fn bot_session(&self, bot: u32) -> SessionId {
        session_id(self.session_seed.named("bot").child(u64::from(bot)))
    }

    /// Sessions given so far, those of bots aside.
    pub(super) fn sessions(&self) -> u64 {
        self.sessions
    }
}

fn session_id(seed: Seed) -> SessionId {
    SessionId::new(format!("s-{:016x}", seed.bits()))
        .unwrap_or_else(|_| unreachable!("hexadecimal digits are an id"))
}
