//! `flowc run`: one run of a model, or many.

use std::io::{self, Write};
use std::path::PathBuf;

use super::experiment::{self, Came, Wanted};
use super::{Exit, SettingArgs, Terminal, check, fs, print, render};
use crate::output::{self, Results};
use crate::session::{self, Checked, Source};

/// Run a model, once or many times, and print what came of it
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
    /// Write what members of entities have in each kept row to a .csv or .json file
    #[arg(long, value_name = "FILE")]
    members: Option<PathBuf>,
    /// Only of members for which this holds: --where "Product: popularity < 10%"
    #[arg(long = "where", value_name = "ENTITY: CONDITION", value_parser = only, requires = "members")]
    only: Vec<(String, String)>,
    /// Write a row after each phase of a step, too
    #[arg(long)]
    substeps: bool,
    /// A missed goal makes the exit code 1
    #[arg(long)]
    strict: bool,
    /// Print no summary
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    many: experiment::ManyArgs,
}

/// How results are written.
type Form = fn(&Results) -> String;

fn only(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((entity, condition)) if !entity.trim().is_empty() && !condition.trim().is_empty() => {
            Ok((entity.trim().to_string(), condition.trim().to_string()))
        }
        _ => Err("write it as ENTITY: CONDITION, for example \"Product: popularity < 10%\"".into()),
    }
}

pub(super) fn run(args: &Args, terminal: &Terminal) -> io::Result<Exit> {
    let form = |path: &PathBuf| match path.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("csv") => Ok(output::csv as Form),
        Some("json") => Ok(output::json as Form),
        _ => Err(io::Error::other(format!("cannot write `{}`: its name must end in .csv or .json", path.display()))),
    };
    let outputs = args.outputs.iter().map(|path| Ok((path, form(path)?))).collect::<io::Result<Vec<_>>>()?;
    let asked = args.many.asked();
    let case = if asked.is_none() { Some(args.many.case()?) } else { None };
    let model = fs::read(&args.file)?;
    let members = args.members.as_deref().map(experiment::form).transpose()?;
    let settings = session::Settings {
        substeps: args.substeps,
        experiment: asked,
        members: members.is_some(),
        only: args.only.clone(),
        ..args.settings.settings()
    };
    let source = Source { path: &model.name, text: &model.text, loader: &model.loader };
    let checked = session::check(source.path, source.text, source.loader, &settings);
    render::print(&checked.diagnostics, &checked.sources, terminal)?;
    if !checked.is_sound() {
        return Ok(check::verdict(&checked));
    }
    if members.is_some() && checked.model.entities.is_empty() {
        return Err(io::Error::other("`--members` is for models with entities, and this one has none"));
    }
    let Some(case) = case else {
        let members = args.members.as_deref();
        let wanted = Wanted { outputs: &args.outputs, members, quiet: args.quiet, strict: args.strict };
        return match experiment::run(&args.many, &source, &settings, &checked, &wanted, terminal)? {
            Came::All(exit) => Ok(exit),
            Came::One(one) => shown(args, &outputs, &one.0, &one.1, terminal),
        };
    };
    match checked.run_case(&case) {
        Ok(results) => shown(args, &outputs, &checked, &results, terminal),
        Err(errors) => {
            render::print(&errors, &checked.sources, terminal)?;
            Ok(Exit::ModelIsWrong)
        }
    }
}

/// Writes and prints what came of one run.
fn shown(
    args: &Args,
    outputs: &[(&PathBuf, Form)],
    checked: &Checked,
    results: &Results,
    terminal: &Terminal,
) -> io::Result<Exit> {
    for (path, form) in outputs {
        fs::write(path, &form(results))?;
    }
    if let Some((path, form)) = args.members.as_deref().map(experiment::form).transpose()? {
        fs::write_with(path, |out| output::write_members(results, form, out))?;
        experiment::beside(path, form, &output::manifest(results))?;
    }
    if !args.quiet {
        print(&output::summary(results))?;
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
