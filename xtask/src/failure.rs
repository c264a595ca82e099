//! What a command says when it cannot go on: what happened, why, and what to do.

use std::fmt;

/// Why a command stopped early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The user pressed Ctrl-C or ended the process; nothing is wrong.
    Interrupted,
    /// Something went wrong.
    Told(Box<Told>),
}

/// The three sentences of a failure.
#[derive(Debug)]
pub(crate) struct Told {
    what: String,
    why: Option<String>,
    advice: Option<String>,
}

/// The result of everything that can fail.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure that so far only says what happened.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self::Told(Box::new(Told { what: what.into(), why: None, advice: None }))
    }

    /// Says in other words what happened; the reason stays, or is what was said before.
    pub(crate) fn about(mut self, what: impl Into<String>) -> Self {
        if let Self::Told(told) = &mut self {
            let before = std::mem::replace(&mut told.what, what.into());
            told.why.get_or_insert(before);
        }
        self
    }

    /// Adds the reason: an error, or the end of a log.
    pub(crate) fn why(mut self, why: impl fmt::Display) -> Self {
        if let Self::Told(told) = &mut self {
            told.why = Some(why.to_string());
        }
        self
    }

    /// Adds what the reader can do about it.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        if let Self::Told(told) = &mut self {
            told.advice = Some(advice.into());
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = match self {
            Self::Interrupted => return out.write_str("stopped"),
            Self::Told(told) => told,
        };
        out.write_str(&told.what)?;
        if let Some(why) = &told.why {
            for line in why.trim_end().lines() {
                write!(out, "\n  | {line}")?;
            }
        }
        if let Some(advice) = &told.advice {
            write!(out, "\n  What to do: {advice}")?;
        }
        Ok(())
    }
}
