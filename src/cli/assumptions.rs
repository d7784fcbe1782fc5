//! `flowc assumptions`: what a model assumes, and what it takes for granted without saying so.

use std::io;
use std::path::PathBuf;

use super::{Exit, Format, SettingArgs, Terminal, check, fs, print, render};
use crate::{output, session};

/// Print the register of a model's assumptions
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The model; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

pub(super) fn assumptions(args: &Args, terminal: &Terminal) -> io::Result<Exit> {
    let model = fs::read(&args.file)?;
    let settings = SettingArgs::default().settings();
    let checked = session::check(&model.name, &model.text, &model.loader, &settings);
    render::print(&checked.diagnostics, &checked.sources, terminal)?;
    if checked.is_sound() {
        print(&match terminal.format {
            Format::Human => output::assumptions(&checked),
            Format::Json => output::assumptions_json(&checked),
        })?;
    }
    Ok(check::verdict(&checked))
}
