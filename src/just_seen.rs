//! For how long what a shopper just acted on is left out of recommendations, as it is written in settings.

use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rep_core::ActionType;
use rep_core::ranking::JustSeen;
use serde::{Deserialize, Serialize};

use crate::duration::parse_duration;

/// A week: a shopper's latest actions hardly reach further back.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// A time such as `30m` for all actions, or one for an action, such as `VIEW=5m`; 0 leaves nothing out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct SeenFor {
    text: String,
    action: Option<ActionType>,
    window: Duration,
}

impl FromStr for SeenFor {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (action, time) = match text.split_once('=') {
            Some((action, time)) => (Some(action.trim()), time),
            None => (None, text),
        };
        let action = action.map(action_of).transpose()?;
        let window = parse_duration(time.trim(), LONGEST).with_context(|| {
            format!("`{text}` is no time such as `30m`, nor `ACTION=TIME` such as `VIEW=5m`")
        })?;
        Ok(Self { text: text.to_owned(), action, window })
    }
}

fn action_of(name: &str) -> anyhow::Result<ActionType> {
    match ActionType::parse(name) {
        Some(ActionType::Purchase | ActionType::Dislike) => {
            bail!("`{name}` leaves a product out whenever it was, and has no time here")
        }
        Some(action) => Ok(action),
        None => bail!("there is no action `{name}`; they are named as in events, such as `ADD_TO_CART`"),
    }
}

impl TryFrom<String> for SeenFor {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|error: anyhow::Error| format!("{error:#}"))
    }
}

impl From<SeenFor> for String {
    fn from(seen: SeenFor) -> Self {
        seen.text
    }
}

/// What `said` changes of the default.
///
/// # Errors
/// When something is said twice.
pub(crate) fn rules(said: &[SeenFor]) -> anyhow::Result<JustSeen> {
    let mut rules = JustSeen::default();
    let mut for_all = None;
    for SeenFor { text, action, window } in said {
        let before = match action {
            Some(action) => rules.by_action.insert(*action, *window),
            None => for_all.replace(*window),
        };
        if before.is_some() {
            bail!("`just-seen` says the same twice: `{text}`");
        }
    }
    rules.window = for_all.unwrap_or(rules.window);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(said: &[&str]) -> anyhow::Result<JustSeen> {
        rules(&said.iter().map(|text| text.parse()).collect::<anyhow::Result<Vec<_>>>()?)
    }

    #[test]
    fn times_are_for_all_actions_or_for_one() {
        assert_eq!(read(&[]).unwrap(), JustSeen::default());
        let said = read(&["VIEW=5m", "2h", "WISHLIST = 0"]).unwrap();
        let minutes = |action| said.window_of(action).as_secs() / 60;
        assert_eq!(
            [ActionType::View, ActionType::Click, ActionType::Wishlist].map(minutes),
            [5, 120, 0],
            "in any order"
        );
        for wrong in [
            &["view=5m"][..],
            &["PURCHASE=1d"],
            &["DISLIKE=0"],
            &["VIEW=5"],
            &["VIEW=-5m"],
            &["VIEW="],
            &["8d"],
            &[""],
            &["VIEW=1m", "VIEW=2m"],
            &["1m", "2m"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
