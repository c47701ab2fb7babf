//! Shoppers' tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA-256, and nothing else.

use std::collections::HashSet;
use std::fmt;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use rep_core::{Timestamp, UserId};
use serde::{Deserialize, Serialize};

use super::hs256;

/// Shortest secret or operator token, in bytes. Source: RFC 7518, section 3.2.
pub const SECRET_BYTES_MIN: usize = 32;
/// Longest token, in bytes.
const TOKEN_BYTES_MAX: usize = 4096;

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
    /// Its time is over, or has not come.
    #[error("token has expired")]
    Expired,
    /// Issued by somebody else, for somebody else, or before tokens were revoked.
    #[error("token is not for here, or was revoked")]
    Foreign,
}

/// What a shopper's token must say besides whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenRules {
    /// Who issued it (`iss`); `None`: anyone who has the secret.
    pub issuer: Option<String>,
    /// Whom it is for (`aud`); `None`: tokens for anybody are taken.
    pub audience: Option<String>,
    /// Tokens issued before (`iat`) are revoked, and those that do not say when they were issued.
    pub issued_since: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    sub: UserId,
    /// Seconds since 1970, like all times here.
    exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aud: Option<Audience>,
}

/// One or several. Source: RFC 7519, section 4.1.3.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What shoppers' tokens are signed with, and which are good.
#[derive(Clone)]
pub struct UserTokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    rules: TokenRules,
    validation: Validation,
}

impl UserTokens {
    /// Tokens signed with `secret`.
    ///
    /// # Errors
    /// [`TokenError::ShortSecret`].
    pub fn new(secret: &[u8], rules: TokenRules) -> Result<Self, TokenError> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(TokenError::ShortSecret);
        }
        hs256::install();
        let (signing, verifying) = hs256::keys(secret).map_err(|_| TokenError::ShortSecret)?;
        let mut validation = Validation::new(Algorithm::HS256);
        // Times are checked below, by the clock of the process.
        validation.validate_exp = false;
        validation.required_spec_claims = HashSet::from(["sub".to_owned()]);
        validation.validate_aud = rules.audience.is_some();
        if let Some(audience) = &rules.audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        if let Some(issuer) = &rules.issuer {
            validation.set_issuer(&[issuer]);
            validation.required_spec_claims.insert("iss".to_owned());
        }
        Ok(Self { signing, verifying, rules, validation })
    }

    /// A token of `user` from `now` until `until` (whole seconds).
    pub fn mint(&self, user: &UserId, now: Timestamp, until: Timestamp) -> Result<String, TokenError> {
        let seconds = |at: Timestamp| at.as_ms().div_euclid(1000);
        let claims = Claims {
            sub: user.clone(),
            exp: seconds(until),
            nbf: None,
            iat: Some(seconds(now)),
            iss: self.rules.issuer.clone(),
            aud: self.rules.audience.clone().map(Audience::One),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing).map_err(|_| TokenError::Malformed)
    }

    /// Whose token it is and when it ends, if it is good at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<(UserId, Timestamp), TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let claims = decode::<Claims>(token, &self.verifying, &self.validation)
            .map_err(|error| reason(error.kind()))?
            .claims;
        let at = |seconds: i64| Timestamp::from_ms(seconds.saturating_mul(1000));
        if at(claims.exp) <= now || claims.nbf.is_some_and(|nbf| at(nbf) > now) {
            return Err(TokenError::Expired);
        }
        if let Some(since) = self.rules.issued_since
            && claims.iat.is_none_or(|iat| at(iat) < since)
        {
            return Err(TokenError::Foreign);
        }
        Ok((claims.sub, at(claims.exp)))
    }
}

impl fmt::Debug for UserTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserTokens").field("rules", &self.rules).finish_non_exhaustive()
    }
}

fn reason(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm | ErrorKind::InvalidAlgorithmName => {
            TokenError::Algorithm
        }
        ErrorKind::InvalidIssuer | ErrorKind::InvalidAudience => TokenError::Foreign,
        ErrorKind::MissingRequiredClaim(claim) if claim != "sub" => TokenError::Foreign,
        _ => TokenError::Malformed,
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const SECRET: &[u8] = b"a secret of thirty-two bytes ...";
    const START: Timestamp = Timestamp::from_ms(0);
    const UNTIL: Timestamp = Timestamp::from_ms(60_000);

    fn user() -> UserId {
        UserId::new("u-1").unwrap()
    }

    fn tokens(rules: TokenRules) -> UserTokens {
        UserTokens::new(SECRET, rules).unwrap()
    }

    #[test]
    fn a_token_is_good_until_it_ends() {
        let tokens = tokens(TokenRules::default());
        let token = tokens.mint(&user(), START, UNTIL).unwrap();
        assert_eq!(tokens.verify(&token, Timestamp::from_ms(59_999)), Ok((user(), UNTIL)));
        assert_eq!(tokens.verify(&token, UNTIL), Err(TokenError::Expired));
    }

    #[test]
    fn refuses_other_secrets_changes_and_algorithms() {
        let tokens = tokens(TokenRules::default());
        let token = tokens.mint(&user(), START, UNTIL).unwrap();
        let others = UserTokens::new(b"another secret that is long enough", TokenRules::default()).unwrap();
        assert_eq!(others.verify(&token, START), Err(TokenError::Signature));
        let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
        parts[1] = URL_SAFE_NO_PAD.encode(r#"{"sub":"u-2","exp":60}"#);
        assert_eq!(tokens.verify(&parts.join("."), START), Err(TokenError::Signature));
        parts[0] = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS512","typ":"JWT"}"#);
        assert_eq!(tokens.verify(&parts.join("."), START), Err(TokenError::Algorithm));
        parts[0] = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        parts[2].clear();
        assert!(tokens.verify(&parts.join("."), START).is_err());
        for nonsense in ["", ".", "..", "a.b.c", "é.é.é"] {
            assert_eq!(tokens.verify(nonsense, START), Err(TokenError::Malformed), "{nonsense}");
        }
        assert_eq!(UserTokens::new(b"short", TokenRules::default()).err(), Some(TokenError::ShortSecret));
    }

    #[test]
    fn who_issued_it_and_for_whom_count_where_they_are_named() {
        let named = TokenRules {
            issuer: Some("shop".to_owned()),
            audience: Some("rep".to_owned()),
            issued_since: None,
        };
        let own = tokens(named.clone()).mint(&user(), START, UNTIL).unwrap();
        let bare = tokens(TokenRules::default()).mint(&user(), START, UNTIL).unwrap();
        assert!(tokens(named.clone()).verify(&own, START).is_ok());
        assert!(tokens(TokenRules::default()).verify(&own, START).is_ok());
        assert_eq!(tokens(named.clone()).verify(&bare, START), Err(TokenError::Foreign));
        for other in [
            TokenRules { issuer: Some("else".to_owned()), ..named.clone() },
            TokenRules { audience: Some("else".to_owned()), ..named },
        ] {
            assert_eq!(tokens(other).verify(&own, START), Err(TokenError::Foreign));
        }
    }

    #[test]
    fn tokens_are_revoked_by_the_time_of_their_issue() {
        let since =
            |ms| tokens(TokenRules { issued_since: Some(Timestamp::from_ms(ms)), ..TokenRules::default() });
        let token = since(0).mint(&user(), Timestamp::from_ms(5_000), UNTIL).unwrap();
        assert!(since(5_000).verify(&token, START).is_ok());
        assert_eq!(since(5_001).verify(&token, START), Err(TokenError::Foreign));
        assert_eq!(since(0).verify(FROM_ELSEWHERE, START), Err(TokenError::Foreign), "it does not say when");
    }

    /// Made with another implementation (Python's `hmac` and `base64`), so that both ends of the standard agree.
    const FROM_ELSEWHERE: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJ1LTEiLCJleHAiOjYwfQ\
                                  .EW8KolYcuD62xDJI6auF3uViUFFZ0ULf04GbsXfSuqo";

    #[test]
    fn verifies_a_token_from_elsewhere() {
        assert_eq!(tokens(TokenRules::default()).verify(FROM_ELSEWHERE, START), Ok((user(), UNTIL)));
    }
}
