//! Shoppers' tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, and nothing else.
//!
//! Written out here because the well-kept crate brings RSA, elliptic curves and a random generator for any
//! of its back ends; what is left of the standard without them is this page. The algorithm is fixed: a
//! token that names another one is refused before its signature is looked at.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rep_core::{Timestamp, UserId};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// Shortest secret or operator token, in bytes. Source: RFC 7518, section 3.2, asks 32 of a key; 16 of an
/// operator's own words still cannot be guessed over a network.
pub const SECRET_BYTES_MIN: usize = 16;
/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// Why a token is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// A secret under [`SECRET_BYTES_MIN`].
    #[error("tokens and secrets must be at least {SECRET_BYTES_MIN} bytes")]
    ShortSecret,
    /// Not three parts of base64url, or not the JSON that is expected in them.
    #[error("token is malformed")]
    Malformed,
    /// Another algorithm than HS256.
    #[error("token is not signed with HS256")]
    Algorithm,
    /// Signed with another secret, or changed.
    #[error("token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("token has expired")]
    Expired,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    /// Seconds since 1970.
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    /// Extensions that must be understood; none is.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

fn mac(secret: &[u8], signed: &str) -> Result<Hmac<Sha256>, TokenError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| TokenError::ShortSecret)?;
    mac.update(signed.as_bytes());
    Ok(mac)
}

/// A token of `user` that is good until `until` (whole seconds).
pub fn mint_user_token(secret: &[u8], user: &UserId, until: Timestamp) -> Result<String, TokenError> {
    if secret.len() < SECRET_BYTES_MIN {
        return Err(TokenError::ShortSecret);
    }
    let claims = Claims { sub: user.clone(), exp: until.as_ms().div_euclid(1000), nbf: None };
    let claims = serde_json::to_string(&claims).map_err(|_| TokenError::Malformed)?;
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
    let signature = mac(secret, &signed)?.finalize().into_bytes();
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

/// Whose token it is and when it ends, if it is good at `now`.
pub fn verify_user_token(
    secret: &[u8],
    token: &str,
    now: Timestamp,
) -> Result<(UserId, Timestamp), TokenError> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(TokenError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, claims) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| TokenError::Malformed)?;
    if header.alg != "HS256" || header.crit.is_some() {
        return Err(TokenError::Algorithm);
    }
    mac(secret, signed)?.verify_slice(&decode(signature)?).map_err(|_| TokenError::Signature)?;
    let claims: Claims = serde_json::from_slice(&decode(claims)?).map_err(|_| TokenError::Malformed)?;
    let at = |seconds: i64| Timestamp::from_ms(seconds.saturating_mul(1000));
    if at(claims.exp) <= now || claims.nbf.is_some_and(|nbf| at(nbf) > now) {
        return Err(TokenError::Expired);
    }
    Ok((claims.sub, at(claims.exp)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"a secret of thirty-two bytes ...";

    fn user() -> UserId {
        UserId::new("u-1").unwrap()
    }

    #[test]
    fn a_token_is_good_until_it_ends() {
        let until = Timestamp::from_ms(60_000);
        let token = mint_user_token(SECRET, &user(), until).unwrap();
        assert_eq!(verify_user_token(SECRET, &token, Timestamp::from_ms(59_999)), Ok((user(), until)));
        assert_eq!(verify_user_token(SECRET, &token, until), Err(TokenError::Expired));
    }

    #[test]
    fn refuses_other_secrets_changes_and_algorithms() {
        let now = Timestamp::from_ms(0);
        let token = mint_user_token(SECRET, &user(), Timestamp::from_ms(60_000)).unwrap();
        assert_eq!(
            verify_user_token(b"another secret of that length", &token, now),
            Err(TokenError::Signature)
        );
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        parts[1] = URL_SAFE_NO_PAD.encode(r#"{"sub":"u-2","exp":60}"#);
        assert_eq!(verify_user_token(SECRET, &parts.join("."), now), Err(TokenError::Signature));
        parts[0] = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        parts[2].clear();
        assert_eq!(verify_user_token(SECRET, &parts.join("."), now), Err(TokenError::Algorithm));
        for nonsense in ["", ".", "..", "a.b.c", "é.é.é"] {
            assert_eq!(verify_user_token(SECRET, nonsense, now), Err(TokenError::Malformed), "{nonsense}");
        }
        assert_eq!(mint_user_token(b"short", &user(), now), Err(TokenError::ShortSecret));
    }

    /// Made with another implementation (Python's `hmac` and `base64`), so that both ends of the standard
    /// agree.
    #[test]
    fn verifies_a_token_from_elsewhere() {
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1LTEiLCJleHAiOjYwfQ\
             .EW8KolYcuD62xDJI6auF3uViUFFZ0ULf04GbsXfSuqo";
        assert_eq!(
            verify_user_token(SECRET, token, Timestamp::from_ms(0)),
            Ok((user(), Timestamp::from_ms(60_000)))
        );
    }
}
