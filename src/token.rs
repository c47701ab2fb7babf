//! `rep token`: tokens for an API that asks for them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ArgGroup, Args};
use rep_backends::SystemClock;
use rep_core::{Clock, UserId};
use uuid::Uuid;

use crate::client::print_line;
use crate::duration::parse_duration;
use crate::options::Options;
use crate::secret::Secret;

const EXAMPLES: &str = "\
Examples:
  rep token --operator                a new operator's token; put it into rep.toml as `operator-token`
  rep token --user u-17               a shopper's token, good for an hour
  rep token --user u-17 --ttl 12h
  curl -H \"Authorization: Bearer $(rep token --user u-17)\" http://127.0.0.1:8080/recommendations?userId=u-17

A shopper's token is a JSON Web Token (HS256) with `sub`, `iat` and `exp`, and `iss` and `aud` where the configuration names
them (`token-issuer`, `token-audience`), signed with `token-secret`: it sees and writes what is that shopper's alone. An operator's token is a random text that the configuration names: whoever can sign
shoppers' tokens is no operator by that.

Exit status: 0 with a token on standard output, 1 without.";

/// What the command line says.
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("whose").required(true).args(["user", "operator"])))]
pub(crate) struct TokenArgs {
    /// For this shopper
    #[arg(long, value_name = "ID", value_parser = user_id)]
    user: Option<UserId>,
    /// For operators: a new random token
    #[arg(long)]
    operator: bool,
    /// How long a shopper's token is good, such as `30m`, `12h` or `7d`; at most a year
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = ttl, conflicts_with = "operator")]
    ttl: Duration,
    /// What shoppers' tokens are signed with [default: `token-secret` of the configuration]
    #[arg(long, env = "REP_TOKEN_SECRET", hide_env_values = true, value_name = "SECRET")]
    token_secret: Option<Secret>,
    /// Configuration file [default: rep.toml, where it exists]
    #[arg(long, env = "REP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

fn user_id(text: &str) -> Result<UserId, String> {
    text.parse().map_err(|error| format!("{error}"))
}

fn ttl(text: &str) -> anyhow::Result<Duration> {
    let ttl = parse_duration(text, Duration::from_secs(366 * 24 * 3600))?;
    anyhow::ensure!(ttl >= Duration::from_secs(1), "must be at least a second");
    Ok(ttl)
}

/// Runs the command.
pub(crate) fn run(args: TokenArgs) -> anyhow::Result<ExitCode> {
    let token = match args.user {
        None => {
            eprintln!(
                "put it into rep.toml as `operator-token`, or into REP_OPERATOR_TOKEN, where `rep up` runs"
            );
            new_operator_token()
        }
        Some(user) => {
            let configured = Options { token_secret: args.token_secret, ..Options::from_environment()? };
            let tokens = configured.resolve(args.config.as_deref())?.user_tokens()?.context(
                "no `token-secret` is configured, and shoppers' tokens are signed with it; put `token-secret = \"…\"` \
                 into rep.toml or set REP_TOKEN_SECRET, the same where `rep up` runs",
            )?;
            let now = SystemClock.now();
            tokens.mint(&user, now, now.plus(args.ttl))?
        }
    };
    print_line(token)?;
    Ok(ExitCode::SUCCESS)
}

/// 244 random bits of the system's generator.
fn new_operator_token() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}
