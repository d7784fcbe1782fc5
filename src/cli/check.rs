//! `flowc check`: is the model right?

use std::io;
use std::path::PathBuf;

use super::{Exit, Format, SettingArgs, Terminal, fs, print, render};
use crate::check::OpeningTotal;
use crate::diag::Diagnostic;
use crate::hir::{DeclKind, Members};
use crate::session::{self, Checked, Source};

/// Check models: names, units, the ledger, the order of work
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Models to check; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    settings: SettingArgs,
    /// Also warn of params that no assumption is about; a warning makes the exit code 1
    #[arg(long)]
    strict: bool,
    /// Print nothing but what is wrong
    #[arg(long, short)]
    quiet: bool,
}

pub(super) fn check(args: &Args, terminal: &Terminal) -> io::Result<Exit> {
    let mut exit = Exit::Fine;
    for path in &args.files {
        let model = fs::read(path)?;
        let mut checked = session::check(&model.name, &model.text, &model.loader, &args.settings.settings());
        if args.strict {
            checked.be_strict();
        }
        render::print(&checked.diagnostics, &checked.sources, terminal)?;
        exit = exit.max(verdict(&checked));
        if checked.is_sound() && args.settings.scenario.is_none() {
            exit = exit.max(scenarios(&checked, &model, args, terminal)?);
        }
        if checked.is_sound() && exit == Exit::Fine {
            exit = exit.max(experiments(&checked, &model, args, terminal)?);
        }
        if args.strict && !checked.diagnostics.is_empty() {
            exit = exit.max(Exit::ModelIsWrong);
        }
        if checked.is_sound() && !args.quiet && terminal.format == Format::Human {
            print(&format!("{}: {}\n", path.display(), proved(&checked)))?;
        }
    }
    Ok(exit)
}

/// Each scenario with all that it sets: what is right by itself may not go with the rest of the model.
fn scenarios(checked: &Checked, model: &fs::Model, args: &Args, terminal: &Terminal) -> io::Result<Exit> {
    let mut exit = Exit::Fine;
    for scenario in &checked.model.scenarios {
        let settings = session::Settings { scenario: Some(scenario.name.clone()), ..args.settings.settings() };
        let set = session::check(&model.name, &model.text, &model.loader, &settings);
        let errors: Vec<Diagnostic> = set
            .diagnostics
            .iter()
            .filter(|d| d.is_error())
            .map(|d| d.clone().note(format!("so it is with `--scenario {}`", scenario.name)))
            .collect();
        render::print(&errors, &set.sources, terminal)?;
        exit = exit.max(if errors.is_empty() { Exit::Fine } else { Exit::ModelIsWrong });
    }
    Ok(exit)
}

/// An experiment of more models than this is not looked at as a whole.
const MOST_MODELS: usize = 100;

/// Each model that an experiment makes by its choices: options, scenarios and columns may not go together.
fn experiments(checked: &Checked, model: &fs::Model, args: &Args, terminal: &Terminal) -> io::Result<Exit> {
    let source = Source { path: &model.name, text: &model.text, loader: &model.loader };
    for name in checked.model.experiments.iter().filter_map(|e| e.name.clone()) {
        let experiment = session::Experiment { name: Some(name.clone()), ..session::Experiment::default() };
        let settings = session::Settings { experiment: Some(experiment), ..args.settings.settings() };
        // What the call sets may be what the experiment sweeps: that is for whoever runs it.
        let Some(plan) = session::check(source.path, source.text, source.loader, &settings).plan() else { continue };
        for (number, variant) in plan.variants.iter().enumerate().take(MOST_MODELS) {
            if variant.choices.is_empty() {
                continue;
            }
            let chosen = session::variant(&source, &settings, &plan, number);
            let values = plan.values_of(variant.points[0]);
            let arm = match &plan.arms[variant.arm].scenario {
                Some(scenario) => format!(" in the arm `{scenario}`"),
                None => String::new(),
            };
            let errors = chosen.diagnostics.iter().filter(|d| d.is_error());
            let errors: Vec<Diagnostic> =
                errors.map(|d| d.clone().note(format!("so it is with `-e {name}`, {values}{arm}"))).collect();
            if !errors.is_empty() {
                // The other points would most likely say the same.
                render::print(&errors, &chosen.sources, terminal)?;
                return Ok(Exit::ModelIsWrong);
            }
        }
    }
    Ok(Exit::Fine)
}

/// How a check ended.
pub(super) fn verdict(checked: &Checked) -> Exit {
    match (checked.is_sound(), checked.call_is_wrong()) {
        (true, _) => Exit::Fine,
        (false, true) => Exit::CallIsWrong,
        (false, false) => Exit::ModelIsWrong,
    }
}

/// What a sound model consists of and what is proved of it.
pub fn proved(checked: &Checked) -> String {
    let count = |word: &str, which: fn(&DeclKind) -> bool| {
        let n = checked.model.decls.iter().filter(|d| which(&d.kind)).count();
        (n > 0).then(|| format!("{n} {word}{}", if n == 1 { "" } else { "s" }))
    };
    let plural = |n: usize, one: &str, many: &str| (n > 0).then(|| format!("{n} {}", if n == 1 { one } else { many }));
    let indexes =
        checked.model.indexes.iter().filter(|i| !i.name.is_empty() && !matches!(i.members, Members::Living(_))).count();
    let parts: Vec<String> = [
        plural(indexes, "index", "indexes"),
        plural(checked.model.entities.len(), "entity", "entities"),
        count("trait", |k| matches!(k, DeclKind::Trait(_))),
        count("stock", |k| matches!(k, DeclKind::Stock { .. })),
        count("state", |k| matches!(k, DeclKind::State { .. })),
        count("flow", |k| matches!(k, DeclKind::Move(m) if m.flow)),
        count("transfer", |k| match k {
            DeclKind::Move(m) => !m.flow && m.trade.is_none(),
            kind => matches!(kind, DeclKind::Trade(_)),
        }),
        count("let", |k| matches!(k, DeclKind::Let { .. })),
        count("draw", |k| matches!(k, DeclKind::Draw(_))),
        count("param", |k| matches!(k, DeclKind::Param { .. })),
        plural(checked.model.phases.len(), "phase", "phases"),
        plural(checked.model.decls.iter().filter(|d| d.word == "policy").count(), "policy", "policies"),
        plural(checked.model.decls.iter().filter(|d| d.word == "series").count(), "series", "series"),
        plural(checked.model.curves.len(), "curve", "curves"),
        plural(checked.model.goals.len(), "goal", "goals"),
        plural(checked.facts.expects.len(), "expectation", "expectations"),
        plural(checked.model.scenarios.len(), "scenario", "scenarios"),
        plural(checked.model.experiments.len(), "experiment", "experiments"),
        plural(checked.model.assumptions.len(), "assumption", "assumptions"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let conserved = checked.model.conserves.iter().zip(&checked.facts.conserves).map(|(c, facts)| {
        let unit = &checked.model.units.get(c.unit).name;
        let lives = c.except.iter().filter_map(|e| Some(format!("{} {}", e.name, e.life?.word())));
        let lives: Vec<String> = lives.collect();
        let but = if lives.is_empty() { String::new() } else { format!(" but for {}", lives.join(" and ")) };
        match facts.total {
            Some(OpeningTotal::Proved) => format!("; {unit} is conserved{but}, and opens with the total stated"),
            Some(OpeningTotal::AtStart) => format!("; {unit} is conserved{but}, its total is checked in each run"),
            None => format!("; {unit} is conserved{but}"),
        }
    });
    let made = if parts.is_empty() { "nothing declared".into() } else { parts.join(", ") };
    format!("{made}; units agree{}", conserved.collect::<String>())
}
