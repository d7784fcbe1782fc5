//! `flowc new`: a model to start from.

use std::io;
use std::path::PathBuf;

use super::{Exit, fs, print};

/// Write a small model to start from
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The model's name; the file gets the ending .flow
    name: PathBuf,
}

/// The model that a new file holds.
pub const TEMPLATE: &str = include_str!("new.flow");

pub(super) fn new(args: &Args) -> io::Result<Exit> {
    let mut path = args.name.clone();
    if path.extension().is_none_or(|e| e != "flow") {
        path.as_mut_os_string().push(".flow");
    }
    fs::create(&path, TEMPLATE)?;
    let shown = path.display().to_string();
    let shown = if shown.contains(char::is_whitespace) { format!("'{shown}'") } else { shown };
    print(&format!("{shown} is there. Next:\n  flowc check {shown}\n  flowc run {shown}\n"))?;
    Ok(Exit::Fine)
}
