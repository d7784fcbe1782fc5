//! `flowc run` of many runs: an experiment of the model, or what the call asks for; and one run of it alone.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use clap::ArgAction;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Exit, Format, Terminal, check, fs, print, render};
use crate::exec::Case;
use crate::output::{Form, Registers, Report, Results, Rows};
use crate::session::{self, Checked, How, Refused, Settings, Source};
use crate::study::Plan;

/// Runs of fewer steps than this are over before a bar could be read.
const SHOWS_PROGRESS: u64 = 2_000_000;

/// What is run many times, and which run of many.
#[derive(clap::Args, Debug, Default)]
#[command(next_help_heading = "Experiments")]
pub(super) struct ManyArgs {
    /// Run this experiment of the model; what follows takes the place of its lines
    #[arg(long = "experiment", short = 'e', value_name = "NAME")]
    name: Option<String>,
    /// Go through these values; several sweeps cross: --sweep "fee=0%..2% by 0.25%"
    #[arg(long, value_name = "NAME=VALUES", action = ArgAction::Append, value_parser = sweep)]
    sweep: Vec<(String, String)>,
    /// Go through several together: --sweep-zip "alpha=1,2,3; beta=10,20,30"
    #[arg(long, value_name = "SWEEPS", action = ArgAction::Append, value_parser = zip)]
    sweep_zip: Vec<Zip>,
    /// Compare these scenarios, with the same luck: --compare baseline,bear
    #[arg(long, value_name = "SCENARIOS")]
    compare: Option<String>,
    /// Draw the uncertain params so often, by random, latin_hypercube or sobol: --sample 512:sobol
    #[arg(long, value_name = "N[:DESIGN]", value_parser = sample)]
    sample: Option<Sample>,
    /// Runs of each point, arm and sample
    #[arg(long, value_name = "N")]
    runs: Option<String>,
    /// The seed of all luck
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Show these metrics only
    #[arg(long, value_name = "METRICS")]
    measure: Option<String>,
    /// Make this run alone, the same to the last bit
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    only_run: Option<u32>,
    /// The design point of that run, from 1
    #[arg(long, value_name = "N", requires = "only_run")]
    point: Option<usize>,
    /// The arm of that run
    #[arg(long, value_name = "SCENARIO", requires = "only_run")]
    arm: Option<String>,
    /// So many runs at a time; as many as the machine has cores, if not said
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Write statistics of each value over the runs, row by row, to a .csv or .json file
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,
    /// Write all rows of all runs to a .csv or .json file
    #[arg(long, value_name = "FILE")]
    rows: Option<PathBuf>,
}

/// Sweeps that go together.
#[derive(Clone, Debug)]
struct Zip(Vec<(String, String)>);

/// How many samples, and how they are drawn.
#[derive(Clone, Debug)]
struct Sample(String, Option<String>);

fn sweep(text: &str) -> Result<(String, String), String> {
    session::swept(text).ok_or_else(|| "write it as NAME=VALUES, for example \"fee=0%, 0.5%, 1%\"".into())
}

fn zip(text: &str) -> Result<Zip, String> {
    // What stands in braces is one value.
    let (mut parts, mut depth) = (vec![String::new()], 0usize);
    for c in text.chars() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.iter().filter(|p| !p.trim().is_empty()).map(|p| sweep(p)).collect::<Result<_, _>>().map(Zip)
}

fn sample(text: &str) -> Result<Sample, String> {
    let (count, design) = match text.split_once(':') {
        Some((count, design)) => (count.trim(), Some(design.trim().to_string())),
        None => (text.trim(), None),
    };
    Ok(Sample(count.to_string(), design))
}

impl ManyArgs {
    /// The experiment that is asked for, if one is.
    pub(super) fn asked(&self) -> Option<session::Experiment> {
        let many = self.name.is_some()
            || !self.sweep.is_empty()
            || !self.sweep_zip.is_empty()
            || self.compare.is_some()
            || self.sample.is_some()
            || self.runs.is_some()
            || self.measure.is_some();
        many.then(|| session::Experiment {
            name: self.name.clone(),
            sweeps: self.sweep.clone(),
            zips: self.sweep_zip.iter().map(|z| z.0.clone()).collect(),
            compare: self.compare.clone(),
            sample: self.sample.as_ref().map(|s| (s.0.clone(), s.1.clone())),
            runs: self.runs.clone(),
            seed: self.seed.map(|s| s.to_string()),
            measure: self.measure.clone(),
            chosen: None,
        })
    }

    /// Which run a call without an experiment makes. Errors: it names what only an experiment has.
    pub(super) fn case(&self) -> io::Result<Case> {
        let only = [
            ("--point", self.point.is_some()),
            ("--arm", self.arm.is_some()),
            ("--threads", self.threads.is_some()),
            ("--stats", self.stats.is_some()),
            ("--rows", self.rows.is_some()),
        ];
        if let Some((option, _)) = only.iter().find(|(_, given)| *given) {
            return Err(io::Error::other(format!(
                "`{option}` is for an experiment: say which, `-e NAME`, or what is run, `--runs`, `--sweep`, `--compare`"
            )));
        }
        let case = Case::default();
        Ok(Case { seed: self.seed.unwrap_or(case.seed), run: self.only_run.unwrap_or(case.run), ..case })
    }

    /// The one run that is asked for: the numbers of its arm and point, from 0, and its own.
    fn one(&self, plan: &Plan) -> io::Result<Option<(usize, usize, u32)>> {
        let Some(run) = self.only_run else { return Ok(None) };
        let wrong = |text: String| Err(io::Error::other(text));
        if run > plan.runs {
            return wrong(format!("there is no run {run}: this experiment has runs 1 to {}", plan.runs));
        }
        let names: Vec<&str> = plan.arms.iter().map(|a| a.name.as_str()).collect();
        let arm = match &self.arm {
            Some(arm) => match names.iter().position(|n| n == arm) {
                Some(arm) => arm,
                None => return wrong(format!("there is no arm `{arm}`: it has {}", names.join(", "))),
            },
            None if names.len() == 1 => 0,
            None => return wrong(format!("which arm? Add `--arm` and one of {}", names.join(", "))),
        };
        let points = plan.points.len();
        let point = match self.point {
            Some(point) if (1..=points).contains(&point) => point - 1,
            Some(point) => {
                return wrong(format!("there is no point {point}: this experiment has points 1 to {points}"));
            }
            None if points == 1 => 0,
            None => return wrong(format!("which point? Add `--point` and a number from 1 to {points}")),
        };
        Ok(Some((arm, point, run)))
    }
}

/// What came of a call with an experiment.
pub(super) enum Came {
    /// One run of it, to be shown as any.
    One(Box<(Checked, Results)>),
    /// It has been shown.
    All(Exit),
}

/// How the call wants to see it.
pub(super) struct Wanted<'a> {
    pub outputs: &'a [PathBuf],
    pub members: Option<&'a Path>,
    pub quiet: bool,
    pub strict: bool,
}

/// Runs an experiment of a model that was checked, or one run of it.
pub(super) fn run(
    args: &ManyArgs,
    source: &Source,
    settings: &Settings,
    checked: &Checked,
    wanted: &Wanted,
    terminal: &Terminal,
) -> io::Result<Came> {
    let Some(plan) = checked.plan() else { return Ok(Came::All(check::verdict(checked))) };
    if let Some(one) = args.one(&plan)? {
        return match session::run_alone(source, settings, &plan, one) {
            Ok(one) => Ok(Came::One(Box::new(one))),
            Err(refused) => self::refused(&refused, terminal),
        };
    }
    let outputs = wanted.outputs.iter().map(|path| form(path)).collect::<io::Result<Vec<_>>>()?;
    let stats = args.stats.as_deref().map(form).transpose()?;
    let rows = args.rows.as_deref().map(form).transpose()?;
    let members = wanted.members.map(form).transpose()?;
    let steps = checked.facts.clock.as_ref().map_or(0, |c| c.steps);
    let human = terminal.format == Format::Human && !wanted.quiet;
    if human {
        writeln!(io::stderr(), "{} of {steps} steps", plan.shape())?;
    }
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from)).max(1);
    let how = How { threads, stats: args.stats.is_some() };
    let bar = progress(&plan, human && plan.size().saturating_mul(steps) > SHOWS_PROGRESS);
    let stop = interrupted();
    let most = AtomicU64::new(0);
    let watch = |done: u64| {
        // Threads may tell of their work in another order than they did it.
        let before = most.fetch_max(done, Ordering::Relaxed);
        if done > before {
            bar.set_position(done);
        }
        !stop.load(Ordering::Relaxed)
    };
    let started = Instant::now();
    let ran = session::run_plan(source, settings, &plan, how, &watch);
    bar.finish_and_clear();
    let (runs, ready) = match ran {
        Ok(ran) => ran,
        Err(refused) => return self::refused(&refused, terminal),
    };
    let seconds = started.elapsed().as_secs_f64();
    let report = Report::new(&ready.checked, &ready.model, &plan, &runs);
    if !wanted.quiet {
        // How long it took is for who watches: elsewhere the same call prints the same.
        print(&report.text(io::stdout().is_terminal().then_some(seconds)))?;
    }
    for (path, form) in outputs {
        written(path, form, &report, |out| report.write_runs(form, out))?;
    }
    if let Some((path, form)) = stats {
        written(path, form, &report, |out| report.write_stats(form, out))?;
    }
    // Rows that end somewhere would look like runs that do.
    let going = || match runs.whole && stop.load(Ordering::Relaxed) {
        true => Err(Stopped(io::Error::other("interrupted"))),
        false => Ok(()),
    };
    if let Some((path, form)) = rows {
        written(path, form, &report, |out| {
            let mut rows = Rows::start(&report, form, out)?;
            let settings = &Settings { members: false, ..settings.clone() };
            session::each_run::<Stopped>(source, settings, &plan, (&runs, threads), &mut |_, run, outcome| {
                going()?;
                Ok(rows.run(run, outcome)?)
            })?;
            rows.end()
        })?;
    }
    if let Some((path, form)) = members {
        let ready = match session::ready(source, settings, &plan, 0) {
            Ok(ready) => ready,
            Err(refused) => return self::refused(&refused, terminal),
        };
        written(path, form, &report, |out| {
            let mut file = Registers::start(&report, (&ready.checked, &ready.model), form, out)?;
            session::each_run::<Stopped>(source, settings, &plan, (&runs, threads), &mut |of, run, outcome| {
                going()?;
                Ok(file.run((&of.checked, &of.model), run, outcome)?)
            })?;
            file.end()
        })?;
    }
    let mut exit = if runs.failed() == 0 { Exit::Fine } else { Exit::ModelIsWrong };
    if wanted.strict {
        for goal in report.missed() {
            writeln!(io::stderr(), "flowc: missed: {goal}")?;
            exit = Exit::ModelIsWrong;
        }
    }
    if !runs.whole {
        let (done, all) = (crate::check::grouped(runs.done()), crate::check::grouped(plan.size()));
        writeln!(io::stderr(), "flowc: interrupted: {done} of {all} runs were made")?;
        exit = Exit::ModelIsWrong;
    }
    Ok(Came::All(exit))
}

/// What ends the making of rows.
struct Stopped(io::Error);

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped(error)
    }
}

impl From<Refused> for Stopped {
    fn from(_: Refused) -> Self {
        // They have been made once.
        Stopped(io::Error::other("the model has changed"))
    }
}

impl From<Stopped> for io::Error {
    fn from(stopped: Stopped) -> Self {
        stopped.0
    }
}

/// Writes a file, and beside a CSV file its manifest.
fn written(
    path: &Path,
    form: Form,
    report: &Report,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    fs::write_with(path, content)?;
    beside(path, form, &report.manifest())
}

/// Writes the manifest beside a CSV file.
pub(super) fn beside(path: &Path, form: Form, manifest: &str) -> io::Result<()> {
    match form {
        Form::Json => Ok(()),
        Form::Csv => {
            let mut name = path.as_os_str().to_os_string();
            name.push(".manifest.json");
            fs::write(Path::new(&name), manifest)
        }
    }
}

/// How a file is written, by its name's ending.
pub(super) fn form(path: &Path) -> io::Result<(&Path, Form)> {
    match path.extension().and_then(|e| e.to_str()).map(str::to_lowercase).as_deref() {
        Some("csv") => Ok((path, Form::Csv)),
        Some("json") => Ok((path, Form::Json)),
        _ => Err(io::Error::other(format!("cannot write `{}`: its name must end in .csv or .json", path.display()))),
    }
}

fn refused(refused: &Refused, terminal: &Terminal) -> io::Result<Came> {
    render::print(&refused.diagnostics, &refused.checked.sources, terminal)?;
    let blames = refused.diagnostics.iter().any(|d| refused.checked.blames_the_call(d));
    Ok(Came::All(if blames { Exit::CallIsWrong } else { Exit::ModelIsWrong }))
}

/// A bar on a terminal, if there is one.
fn progress(plan: &Plan, shown: bool) -> ProgressBar {
    if !shown || !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(plan.size()), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{bar:40} {human_pos} of {human_len} runs, {eta} left");
    match style {
        Ok(style) => bar.with_style(style.progress_chars("━╸ ")),
        Err(_) => bar,
    }
}

/// Whether the user wants it to end: what is finished then is kept. Who asks twice does not wait.
fn interrupted() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    // Where there are no signals, nothing can be asked.
    let _ = ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    stop
}
