//! `flowc test`: does a model say what other tools say?

use std::io;
use std::path::PathBuf;

use super::{Exit, Format, SettingArgs, Terminal, check, fs, print, render};
use crate::{output, session};

/// Run models and compare them with the files that their `expect`s name
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Models to test; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingArgs,
}

pub(super) fn test(args: &Args, terminal: &Terminal) -> io::Result<Exit> {
    let mut exit = Exit::Fine;
    for path in &args.files {
        let model = fs::read(path)?;
        let checked = session::check(&model.name, &model.text, &model.loader, &args.settings.settings());
        render::print(&checked.diagnostics, &checked.sources, terminal)?;
        if !checked.is_sound() {
            exit = exit.max(check::verdict(&checked));
            continue;
        }
        let tested = match checked.test() {
            Ok(tested) => tested,
            Err(errors) => {
                render::print(&errors, &checked.sources, terminal)?;
                exit = exit.max(Exit::ModelIsWrong);
                continue;
            }
        };
        let name = path.display().to_string();
        print(&match terminal.format {
            Format::Human => output::tested_text(&name, &tested),
            Format::Json => output::tested_json(&name, &tested),
        })?;
        if let Some(failure) = &tested.failure {
            render::print(std::slice::from_ref(failure), &checked.sources, terminal)?;
            let call = checked.blames_the_call(failure);
            exit = exit.max(if call { Exit::CallIsWrong } else { Exit::ModelIsWrong });
        }
        if !tested.holds() {
            exit = exit.max(Exit::ModelIsWrong);
        }
    }
    Ok(exit)
}
