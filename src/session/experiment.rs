//! Experiments: each model of a plan is checked, lowered and run.
//!
//! In: a model's text, the call's settings, a [`Plan`]. Out: a [`RunSet`], or one run alone. Invariant: a run alone has
//! the same bits as among the others. Absent on purpose: statistics, and what is printed.

use super::{Checked, Chosen, Experiment, Replay, Settings};
use crate::check;
use crate::diag::{Code, Diagnostic};
use crate::exec::many::{self, Batch, Layout};
use crate::exec::{Case, Outcome, Program};
use crate::ir;
use crate::output::Results;
use crate::source::Loader;
use crate::study::{Beyond, Plan, RunSet, SOBOL_PARAMS, SOBOL_SAMPLES};

/// A model's name, its text, and where the files come from that it uses.
pub struct Source<'a> {
    /// Its name within its folder.
    pub path: &'a str,
    /// Its bytes.
    pub text: &'a [u8],
    /// Reads the files that it uses.
    pub loader: &'a dyn Loader,
}

/// How an experiment is run; results do not hang on it.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// So many threads.
    pub threads: usize,
    /// Statistics of each row are wanted.
    pub stats: bool,
}

/// A model of a plan, ready to run.
#[derive(Debug)]
pub struct Ready {
    /// The model.
    pub checked: Checked,
    /// What is computed.
    pub model: ir::Model,
    /// Of each sample, where each uncertain param stands between its least value, 0, and its greatest, 1.
    pub luck: Vec<Vec<f64>>,
}

/// A model of a plan that is wrong, though the model without its choices is not.
#[derive(Debug)]
pub struct Refused {
    /// The model.
    pub checked: Checked,
    /// What is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// A model of a plan, checked.
pub fn variant(source: &Source, settings: &Settings, plan: &Plan, variant: usize) -> Checked {
    let variant = &plan.variants[variant];
    let chosen = Some(Chosen { scenario: plan.arms[variant.arm].scenario.clone(), values: variant.choices.clone() });
    let experiment = Some(Experiment { chosen, ..settings.experiment.clone().unwrap_or_default() });
    let settings = Settings { experiment, ..settings.clone() };
    super::check(source.path, source.text, source.loader, &settings)
}

/// A model of a plan. Errors: it is wrong with these choices, or too large.
#[allow(clippy::result_large_err)] // It is made once for each model.
pub fn ready(source: &Source, settings: &Settings, plan: &Plan, variant: usize) -> Result<Ready, Refused> {
    let checked = self::variant(source, settings, plan, variant);
    let asked = ir::Asked { members: settings.members, ..plan.asked() };
    let lowered = checked.lower_for(&asked).and_then(|model| match plan.luck(&model) {
        Ok(luck) => Ok((model, luck)),
        Err(beyond) => Err(vec![too_much(&checked, beyond, &model)]),
    });
    match lowered {
        Ok((model, luck)) => Ok(Ready { checked, model, luck }),
        Err(diagnostics) => Err(Refused { checked, diagnostics }),
    }
}

/// What a way of sampling cannot do.
fn too_much(checked: &Checked, beyond: Beyond, model: &ir::Model) -> Diagnostic {
    let experiment = checked.model.asked.and_then(|n| checked.model.experiments.get(n));
    let span = experiment.and_then(|e| Some(e.sample?.2)).unwrap_or_default();
    let (fact, label) = match beyond {
        Beyond::Params => (
            format!(
                "the Sobol sequence has {SOBOL_PARAMS} dimensions, and the model {} uncertain params",
                model.uncertain.len()
            ),
            "each member of an array counts",
        ),
        Beyond::Samples => {
            (format!("the Sobol sequence has {} points", check::grouped(SOBOL_SAMPLES.into())), "more are wanted here")
        }
    };
    Diagnostic::new(Code::E0814, fact, span, label).help("sample `by latin_hypercube`, which has no such limit")
}

/// The runs of a model of a plan.
fn batch<'a>(plan: &Plan, model: &'a ir::Model, points: &'a [Vec<f64>], luck: &'a [Vec<f64>], how: How) -> Batch<'a> {
    Batch {
        model,
        points,
        seed: plan.seed,
        runs: plan.runs,
        repeats: plan.repeats,
        luck,
        stats: how.stats,
        threads: how.threads,
        layout: Layout::default(),
    }
}

/// Runs a plan. `watch` hears how many runs are done, and says whether to go on; `first` sees the first model, whose names
/// are those of all.
#[allow(clippy::result_large_err)]
pub fn run_plan(
    source: &Source,
    settings: &Settings,
    plan: &Plan,
    how: How,
    watch: &(dyn Fn(u64) -> bool + Sync),
) -> Result<(RunSet, Ready), Refused> {
    // Who wants to see members makes the runs again.
    let settings = &Settings { members: false, ..settings.clone() };
    let mut runs = RunSet::new(plan);
    let mut first: Option<Ready> = None;
    let mut done = 0;
    for (number, variant) in plan.variants.iter().enumerate() {
        if !runs.whole {
            break;
        }
        let ready = ready(source, settings, plan, number)?;
        if let Some(first) = &first
            && !same_metrics(&first.model, &ready.model)
        {
            let diagnostics = vec![other_members(&ready.checked, plan, variant.choices.first().map(|c| c.0))];
            return Err(Refused { checked: ready.checked, diagnostics });
        }
        let inputs: Vec<Vec<f64>> = variant.points.iter().map(|p| plan.inputs_of(*p)).collect();
        let before = done;
        let points = many::run_many(&batch(plan, &ready.model, &inputs, &ready.luck, how), &|n| watch(before + n));
        done += variant.points.len() as u64 * u64::from(plan.runs);
        runs.take(variant, points);
        first.get_or_insert(ready);
    }
    match first {
        Some(first) => Ok((runs, first)),
        // A plan has one variant at least.
        None => ready(source, settings, plan, 0).map(|ready| (runs, ready)),
    }
}

/// So many runs are made before they are seen, so that all threads have work.
const AHEAD: u32 = 256;

/// What sees each run: its model, the numbers of its arm and point, from 0, and its own.
pub type Visit<'v, E> = dyn FnMut(&Ready, (usize, usize, u32), &Outcome) -> Result<(), E> + 'v;

/// Makes the runs of a plan again that were made, one by one in the order of arms, points and numbers, and shows each with
/// all its rows. Errors: a model is wrong, or those of `visit`.
pub fn each_run<E: From<Refused>>(
    source: &Source,
    settings: &Settings,
    plan: &Plan,
    (runs, threads): (&RunSet, usize),
    visit: &mut Visit<E>,
) -> Result<(), E> {
    let mut at: Option<(usize, Ready)> = None;
    for arm in 0..plan.arms.len() {
        for point in 0..plan.points.len() {
            let variant = plan.variant_of(arm, point).unwrap_or(0);
            let ready = match at.take() {
                Some((before, ready)) if before == variant => ready,
                _ => self::ready(source, settings, plan, variant)?,
            };
            let (_, ready) = at.insert((variant, ready));
            let inputs = [plan.inputs_of(point)];
            let batch = batch(plan, &ready.model, &inputs, &ready.luck, How { threads, stats: false });
            let program = Program::new(&ready.model);
            let done = &runs.points[arm][point].done;
            let made: Vec<u32> = (1..).zip(done).filter(|(_, done)| **done).map(|(run, _)| run).collect();
            for some in made.chunks(AHEAD as usize) {
                let each = some.len().div_ceil(threads.max(1));
                let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
                    let one = |run: &u32| program.run(&many::case(&batch, 0, *run));
                    let parts: Vec<_> = some
                        .chunks(each)
                        .map(|part| scope.spawn(move || part.iter().map(one).collect::<Vec<_>>()))
                        .collect();
                    parts
                        .into_iter()
                        .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                        .collect()
                });
                for (run, outcome) in some.iter().zip(&outcomes) {
                    visit(ready, (arm, point, *run), outcome)?;
                }
            }
        }
    }
    Ok(())
}

/// One run of a plan, as if it were the only one.
#[allow(clippy::result_large_err)]
pub fn run_alone(
    source: &Source,
    settings: &Settings,
    plan: &Plan,
    (arm, point, run): (usize, usize, u32),
) -> Result<(Checked, Results), Refused> {
    let variant = plan.variant_of(arm, point).unwrap_or(0);
    let ready = ready(source, settings, plan, variant)?;
    let inputs = [plan.inputs_of(point)];
    let case = many::case(&batch(plan, &ready.model, &inputs, &ready.luck, How { threads: 1, stats: false }), 0, run);
    let outcome = Program::new(&ready.model).run(&case);
    let replay = replay(plan, arm, point, run);
    let results = ready.checked.results_of(&ready.model, &outcome, replay);
    Ok((ready.checked, results))
}

/// Which run of a plan this is.
pub fn replay(plan: &Plan, arm: usize, point: usize, run: u32) -> Replay {
    Replay {
        seed: plan.seed,
        run,
        arm: (plan.arms.len() > 1).then(|| (arm, plan.arms[arm].name.clone())),
        point: (plan.points.len() > 1).then(|| (point + 1, plan.values_of(point))),
    }
}

/// Whether two models are asked for the same numbers.
fn same_metrics(a: &ir::Model, b: &ir::Model) -> bool {
    let metrics = a.metrics.iter().map(|m| m.origin).eq(b.metrics.iter().map(|m| m.origin));
    let columns = a.columns.iter().map(|c| c.origin).eq(b.columns.iter().map(|c| c.origin));
    metrics && columns
}

fn other_members(checked: &Checked, plan: &Plan, axis: Option<usize>) -> Diagnostic {
    let experiment = checked.model.asked.and_then(|n| checked.model.experiments.get(n));
    let span = experiment.and_then(|e| axis.and_then(|a| e.axes.get(a)).map(|a| a.span)).unwrap_or_default();
    let name = axis.map_or(String::new(), |a| plan.swept[a].name.clone());
    Diagnostic::new(
        Code::E0806,
        format!("with another `{name}` the model has other values"),
        span,
        "which members there are hangs on this, so that points cannot be compared",
    )
    .help("sweep a column that decides no `where`, or give each case a scenario of its own")
}

impl Checked {
    /// Runs the model once, in this case.
    pub fn run_case(&self, case: &Case) -> Result<Results, Vec<Diagnostic>> {
        let model = self.lower()?;
        let outcome = Program::new(&model).run(case);
        Ok(self.results_of(&model, &outcome, Replay::of(case)))
    }
}
