//! `flowc run`: one run of a model.

use std::io::{self, Write};
use std::path::PathBuf;

use super::{Exit, SettingArgs, Terminal, check, fs, print, render};
use crate::output;
use crate::session;

/// Run a model and print what came of it
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// The model; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    settings: SettingArgs,
    /// Write all rows to a file; its ending says how: .csv or .json
    #[arg(long = "output", short = 'o', value_name = "FILE")]
    outputs: Vec<PathBuf>,
    /// Write a row after each phase of a step, too
    #[arg(long)]
    substeps: bool,
    /// A missed goal makes the exit code 1
    #[arg(long)]
    strict: bool,
    /// Print no summary
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> io::Result<Exit> {
    let form = |path: &PathBuf| match path.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("csv") => Ok(output::csv as fn(&output::Results) -> String),
        Some("json") => Ok(output::json as fn(&output::Results) -> String),
        _ => Err(io::Error::other(format!("cannot write `{}`: its name must end in .csv or .json", path.display()))),
    };
    let outputs = args.outputs.iter().map(|path| Ok((path, form(path)?))).collect::<io::Result<Vec<_>>>()?;
    let model = fs::read(&args.file)?;
    let settings = session::Settings { substeps: args.substeps, ..args.settings.settings() };
    let checked = session::check(&model.name, &model.text, &model.loader, &settings);
    render::print(&checked.diagnostics, &checked.sources, terminal)?;
    if !checked.is_sound() {
        return Ok(check::verdict(&checked));
    }
    let results = match checked.run() {
        Ok(results) => results,
        Err(errors) => {
            render::print(&errors, &checked.sources, terminal)?;
            return Ok(Exit::ModelIsWrong);
        }
    };
    for (path, form) in outputs {
        fs::write(path, &form(&results))?;
    }
    if !args.quiet {
        print(&output::summary(&results))?;
    }
    match &results.failure {
        None if args.strict => {
            let missed = results.goals.iter().filter(|g| g.verdict == output::Verdict::Missed);
            let mut exit = Exit::Fine;
            for goal in missed {
                writeln!(io::stderr(), "flowc: missed: {}", goal.text)?;
                exit = Exit::ModelIsWrong;
            }
            Ok(exit)
        }
        None => Ok(Exit::Fine),
        Some(failure) => {
            render::print(std::slice::from_ref(failure), &checked.sources, terminal)?;
            Ok(if checked.blames_the_call(failure) { Exit::CallIsWrong } else { Exit::ModelIsWrong })
        }
    }
}
