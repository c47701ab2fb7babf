//! Identifiers: short printable strings, checked once where they enter.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// Longest identifier in bytes.
pub const ID_BYTES_MAX: usize = 128;

/// Why a text is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The text was empty.
    #[error("must not be empty")]
    Empty,
    /// The text was longer than [`ID_BYTES_MAX`].
    #[error("must be at most {ID_BYTES_MAX} bytes, got {0}")]
    TooLong(usize),
    /// The text held a control character or white space.
    #[error("must hold no control characters or white space")]
    BadCharacter,
}

fn check(text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if text.len() > ID_BYTES_MAX {
        return Err(IdError::TooLong(text.len()));
    }
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(IdError::BadCharacter);
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "SmolStr", into = "SmolStr")]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks and wraps `text`; see [`IdError`] for what is refused.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check(text)?;
                Ok(Self(SmolStr::new(text)))
            }

            /// The identifier as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = IdError;

            fn try_from(text: SmolStr) -> Result<Self, IdError> {
                check(&text)?;
                Ok(Self(text))
            }
        }

        impl From<$name> for SmolStr {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0.as_str())
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

id!(
    /// A shopper.
    UserId
);
id!(
    /// A product of the catalogue.
    ProductId
);
id!(
    /// Variants of one product, such as its sizes and colours.
    GroupId
);
id!(
    /// One event; also its document id, so that a repeat overwrites itself.
    TraceId
);
id!(
    /// One visit of a shopper.
    SessionId
);
id!(
    /// One notification to one shopper; made from what it says, so that a repeat has the same id.
    NotificationId
);
id!(
    /// An embedding model, such as `multilingual-e5-base` or `all-MiniLM-L6-v2`. Vectors of two models
    /// never mix.
    ModelId
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_break_keys_and_headers() {
        assert_eq!(UserId::new(""), Err(IdError::Empty));
        assert_eq!(UserId::new("a b"), Err(IdError::BadCharacter));
        assert_eq!(UserId::new("a\nb"), Err(IdError::BadCharacter));
        assert_eq!(UserId::new("x".repeat(129)), Err(IdError::TooLong(129)));
        assert!(UserId::new("사용자-1").is_ok());
        assert!(serde_json::from_str::<UserId>("\"\\u0000\"").is_err());
    }
}
