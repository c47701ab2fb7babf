//! A shopper's taste as it moves.

use axum::extract::State;
use axum::response::Response;
use axum::response::sse::Event;
use rep_core::UserId;
use rep_core::ports::preferences::PreferenceChange;
use serde_json::json;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::auth::Principal;
use crate::dto::user::{ChangeTold, PreferenceChangeSchema};
use crate::extract::PathId;
use crate::problem::{Problem, ProblemSchema};
use crate::state::ApiState;
use crate::stream::{Ended, Outlet, spawn, sse};

/// Changes of a shopper's taste from now on: events `preference`, and `gap` where some were missed.
#[utoipa::path(
    get,
    path = "/users/{id}/changes",
    operation_id = "streamChanges",
    tag = "Shoppers",
    params(
        ("id" = String, Path, description = "The shopper"),
        ("ticket" = Option<String>, Query, description = "Of `POST /notifications/ticket`"),
    ),
    responses(
        (status = 200, description = "Server-sent events; data of `preference` is a `PreferenceChange`",
            body = PreferenceChangeSchema, content_type = "text/event-stream"),
        (status = "default", description = "Problem", body = ProblemSchema, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn changes(
    State(state): State<ApiState>,
    principal: Principal,
    PathId(id): PathId<UserId>,
) -> Result<Response, Problem> {
    principal.may_act_as(&id)?;
    let slot = state.slots.take("changes", Some(&id))?;
    let live = state.preferences.changes(&id);
    let every = state.config.streams.ping_every;
    let told = spawn(&state, slot, principal.until(), |outlet| run(id, live, every, outlet));
    Ok(sse::response(told, |told| match told {
        ChangeTold::Hello => sse::hello(),
        ChangeTold::Ping => sse::ping(),
        ChangeTold::Gap { missed } => sse::event("gap", &json!({ "missed": missed })),
        ChangeTold::Change(change) => changed(&change),
    }))
}

fn changed(change: &PreferenceChange) -> Event {
    sse::event("preference", change)
}

async fn run(
    user: UserId,
    mut live: broadcast::Receiver<PreferenceChange>,
    every: std::time::Duration,
    outlet: Outlet<ChangeTold>,
) -> Result<(), Ended> {
    outlet.send(ChangeTold::Hello).await?;
    let mut pings = interval_at(Instant::now() + every, every);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told = tokio::select! {
            received = live.recv() => match received {
                Ok(change) if change.user_id == user => ChangeTold::Change(Box::new(change)),
                Ok(_) => {
                    tracing::error!("changes gave one of another shopper");
                    return Err(Ended);
                }
                Err(RecvError::Lagged(missed)) => ChangeTold::Gap { missed },
                Err(RecvError::Closed) => return Err(Ended),
            },
            _ = pings.tick() => ChangeTold::Ping,
        };
        outlet.send(told).await?;
    }
}
