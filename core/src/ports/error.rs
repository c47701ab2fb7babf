use std::fmt;

/// What kind of failure a store met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// The store cannot be reached or is overloaded; the same call may succeed later.
    Unavailable,
    /// The store has no room left; may succeed once somebody made some.
    Full,
    /// The call itself is at fault, and will be each time.
    Invalid,
    /// What is stored cannot be read.
    Corrupt,
}

/// Why a store did not do what it was asked.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    /// An error of `kind`, caused by `source`.
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    /// This error, with what else is known of it at the end of its text.
    pub fn noting(self, known: impl fmt::Display) -> Self {
        Self::new(self.kind, format!("{}; {known}", self.source))
    }

    /// What kind.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Unavailable | StoreErrorKind::Full)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            StoreErrorKind::Unavailable => "store is unavailable",
            StoreErrorKind::Full => "store is full",
            StoreErrorKind::Invalid => "store refused the call",
            StoreErrorKind::Corrupt => "stored data cannot be read",
        };
        write!(f, "{what}: {}", self.source)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // The cause itself is part of the message.
        self.source.source()
    }
}

/// Checks that a store gave one answer for each of `expected` questions: fewer would lose records in silence.
/// Taken for a passing fault, so that whoever asked pauses and is seen.
pub fn one_each<T>(expected: usize, answers: Vec<T>) -> Result<Vec<T>, StoreError> {
    if answers.len() == expected {
        return Ok(answers);
    }
    Err(StoreError::new(
        StoreErrorKind::Unavailable,
        format!("store gave {} answers to {expected} questions", answers.len()),
    ))
}
