//! `flowc fmt`: one layout for all models.

use std::io;
use std::path::{Path, PathBuf};

use super::{Exit, Terminal, fs, print, render};
use crate::source::{Origin, SourceMap};
use crate::syntax::{fmt, parse};

/// Lay models out in the one way that all share
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Models to lay out; `-` reads standard input and prints
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a file would change
    #[arg(long)]
    check: bool,
}

pub(super) fn fmt(args: &Args, terminal: &Terminal) -> io::Result<Exit> {
    let mut exit = Exit::Fine;
    for path in &args.files {
        let model = fs::read(path)?;
        let Ok(text) = String::from_utf8(model.text) else {
            return Err(io::Error::other(format!("`{}` is not UTF-8 text", path.display())));
        };
        let mut sources = SourceMap::default();
        sources.add(&model.name, text.as_str(), Origin::Model);
        // What cannot be read may not be what it looks like: it stays as it is.
        let parsed = parse::parse(&text, 0);
        if !parsed.diagnostics.is_empty() {
            render::print(&parsed.diagnostics, &sources, terminal)?;
            exit = exit.max(Exit::ModelIsWrong);
            continue;
        }
        let formatted = fmt::format(&text);
        let changed = formatted != text;
        if args.check {
            if changed {
                print(&format!("{} would change\n", path.display()))?;
                exit = exit.max(Exit::ModelIsWrong);
            }
        } else if path == Path::new("-") {
            print(&formatted)?;
        } else if changed {
            fs::write(path, &formatted)?;
        }
    }
    Ok(exit)
}
