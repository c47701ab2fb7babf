//! Short runs of the binary: what it says, and its exit status.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What a run came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// The binary, to be run in `folder`, with nothing of this process's configuration.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rep"));
    command.current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let configures = name.to_str().is_some_and(|name| name.starts_with("REP_") && name != "REP_CACHE");
        if configures {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the binary with `args` in `folder` until it ends by itself.
pub(crate) fn run(folder: &Path, args: &[&str]) -> Ran {
    ran(command(folder).args(args).output().expect("rep starts"))
}

/// What came of a run.
pub(crate) fn ran(output: Output) -> Ran {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it speaks UTF-8");
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

impl Ran {
    /// Checks the exit status, and that what it says names each of `words`.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.out, self.err);
        for word in words {
            assert!(
                self.out.contains(word) || self.err.contains(word),
                "no `{word}`: {}{}",
                self.out,
                self.err
            );
        }
    }

    /// The last line of standard error: where an error stands.
    pub(crate) fn last_line(&self) -> &str {
        self.err.lines().last().unwrap_or_default()
    }
}
